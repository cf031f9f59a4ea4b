// What the config file says about a server; values that may be secret are masked and kept.

import { get, patch, server } from "./api.js";
import { button, fill, h, refill } from "./dom.js";
import { visible } from "./text.js";
import { takeOut } from "./verbs.js";

const MASK = "***";

function text(label, value, { lines = false } = {}) {
  const input = lines ? h("textarea", { rows: "4", spellcheck: "false" }, value) : h("input", { value, spellcheck: "false", autocomplete: "off" });
  return { input, before: value, node: h("label", { class: "field" }, label, input) };
}

// A variable or header: its value is never shown, and stays as it is unless another is typed.
function value(name) {
  const input = h("input", { type: "password", autocomplete: "off", placeholder: "stays as it is" });
  return { name, input, node: h("label", { class: "field" }, visible(name), input) };
}

function form(app, name, entry, saved) {
  const local = entry.url === null || entry.url === undefined;
  const table = local ? "env" : "headers";
  const fields = local
    ? { command: text("Command", entry.command), args: text("Arguments, one on each line", entry.args.join("\n"), { lines: true }), working_dir: text("Working directory", entry.working_dir ?? "") }
    : { url: text("Address", entry.url) };
  const values = Object.keys(entry[table]).map(value);
  const newName = h("input", { autocomplete: "off", spellcheck: "false" });
  const newValue = h("input", { type: "password", autocomplete: "off" });

  function changes() {
    const patched = {};
    for (const [key, field] of Object.entries(fields)) {
      if (field.input.value === field.before) continue;
      if (key === "args") patched.args = field.input.value.split("\n").filter((each) => each !== "");
      else patched[key] = field.input.value || null;
    }
    const given = Object.fromEntries(values.filter((each) => each.input.value).map((each) => [each.name, each.input.value]));
    if (newName.value.trim()) given[newName.value.trim()] = newValue.value;
    if (Object.keys(given).length) patched[table] = given;
    return patched;
  }

  const masked = Object.values(fields).some((field) => field.before.includes(MASK));
  return h("div", { class: "card pad stack" },
    Object.values(fields).map((field) => field.node),
    masked ? h("p", { class: "note" }, `${MASK} stands for what is not shown. It stays as it is unless you write the whole anew.`) : null,
    h("fieldset", { class: "stack" }, h("legend", { class: "quiet" }, local ? "Environment variables" : "Headers"),
      values.map((each) => each.node),
      h("div", { class: "tools-bar" }, h("label", {}, "Another: name", newName), h("label", {}, "Its value", newValue))),
    h("div", { class: "acts" }, button("Save", async () => {
      const patched = changes();
      if (!Object.keys(patched).length) {
        app.tell("Nothing was changed.");
        return;
      }
      await patch(server(name), patched);
      app.tell(`Saved. ${name} starts anew with it.`);
      await saved();
    }, { className: "first", tell: app.tell })));
}

export function settings(app, name) {
  const box = h("div", { class: "stack" }, h("p", { class: "quiet" }, "Looking…"));
  const sure = h("dialog", { "aria-labelledby": "sure" });
  fill(sure, h("div", { class: "stack" },
    h("h2", { id: "sure" }, `Remove ${name}?`),
    h("p", {}, "Its entry is taken out of the config file, and it is stopped. The file of before is kept beside it."),
    h("div", { class: "acts" },
      h("button", { type: "button", onclick: () => sure.close() }, "Keep it"),
      button("Remove", async () => {
        await takeOut(name);
        sure.close();
        app.go("servers");
      }, { className: "grave", tell: app.tell, describe: `Remove ${name} for good` }))));
  let revision = "";
  let touched = false; // what a person has begun to write is not taken from them
  box.addEventListener("input", () => { touched = true; });
  async function load() {
    touched = false;
    try {
      const entry = await get(server(name));
      refill(box, form(app, name, entry, load), sure,
        h("div", { class: "acts" }, h("button", { type: "button", class: "grave", onclick: () => sure.showModal() }, "Remove this server")));
    } catch (error) {
      fill(box, h("p", { class: "note bad" }, error.message));
    }
  }
  return {
    node: box,
    update() {
      if (revision === app.world.config_revision || touched) return;
      revision = app.world.config_revision;
      load();
    },
  };
}
