// The first page: how it stands in one line, and each problem with the one thing to do next.

import { get, post } from "./api.js";
import { button, copy, fill, h, keyed, mark, part } from "./dom.js";
import { clock, kind, needsAttention, nextTry, outcome, visible } from "./text.js";
import { next, open, signature } from "./verbs.js";
import { doctor } from "./doctor.js";

const GRAVITY = { bad: 0, warn: 1, busy: 2, off: 3, ok: 4 };

function problem(app) {
  const shape = h("span");
  const name = h("h3");
  const words = h("p");
  const detail = h("p", { class: "quiet prose" });
  const code = h("small");
  const acts = h("div", { class: "acts" });
  const showActs = part(acts, (status) => [next(app, status), open(status.name, "Open details")]);
  return {
    node: h("li", { class: "row" }, h("div", { class: "what" }, name, h("div", { class: "state" }, shape, words), detail, code), acts),
    update(status) {
      fill(shape, mark(kind(status)));
      fill(name, status.name);
      fill(words, [status.health.summary, nextTry(status)].filter(Boolean).join(", "));
      fill(detail, visible(status.health.detail));
      fill(code, status.fault?.code ?? "");
      code.hidden = !status.fault;
      showActs(signature(status), status);
    },
  };
}

function general(app) {
  const restore = () => button("Restore the last good settings", async () => {
    await post("/api/v1/config/restore");
    app.tell("The last good settings are back in the config file.");
  }, { tell: app.tell, className: "first" });
  return (world) => [
    world.config_problem && h("div", { class: "note bad" },
      h("p", {}, h("strong", {}, "The config file is not applied, the previous settings stay active.")),
      world.config_problem.problems.map((each) => h("p", {}, `${each.path || "file"}: ${visible(each.message)}${each.line ? ` (line ${each.line})` : ""}`)),
      h("p", {}, h("small", {}, world.config_problem.file)), restore()),
    world.storage_problem && h("p", { class: "note warn" }, `Approvals and history are not saved: ${world.storage_problem}`),
    !world.live && world.known && h("p", { class: "note bad" }, `This may no longer be true: ${world.lost} It is tried again by itself.`),
  ];
}

function calls(list) {
  return get("/api/v1/activity?limit=5").then((found) => {
    if (!found.calls.length) fill(list, h("li", { class: "empty" }, "None yet. They appear here once an AI client has called a tool."));
    else fill(list, found.calls.map((each) => h("li", { class: "row" },
      h("div", { class: "what state" }, mark(each.outcome === "success" ? "ok" : "bad"),
        h("span", {}, `${visible(`${each.server}:${each.tool}`)}`, h("span", { class: "sr" }, `, ${outcome(each.outcome)}`))),
      h("small", {}, h("time", { datetime: each.at }, clock(each.at))))));
  }).catch(() => fill(list, h("li", { class: "empty" }, "They cannot be read now.")));
}

export function overview(app) {
  const shape = h("span");
  const title = h("span");
  const pause = h("div", { class: "acts" });
  const showPause = part(pause, (paused) => paused
    ? button("Resume all", () => post("/api/v1/resume"), { as: "pause", className: "first", tell: app.tell })
    : button("Pause all", () => post("/api/v1/pause"), { as: "pause", tell: app.tell }));
  const notes = h("div", { class: "stack", role: "status" });
  const showNotes = part(notes, general(app));
  const list = h("ul", { class: "rows" });
  const showProblems = keyed(list, () => problem(app));
  const calm = h("p", { class: "empty" });
  const attention = h("section", { "aria-labelledby": "attention" }, h("h2", { id: "attention" }, "Needs attention"), h("div", { class: "card" }, list, calm));
  const address = h("code");
  const where = h("section", { "aria-labelledby": "where" },
    h("h2", { id: "where" }, "Where AI clients connect"),
    h("div", { class: "card row" }, h("div", { class: "what" }, h("p", {}, address)),
      h("div", { class: "acts" }, button("Copy endpoint URL", async () => {
        await copy(app.world.endpoint);
        app.tell("The address is on the clipboard.");
      }, { tell: app.tell }), h("a", { class: "button", href: "#/clients" }, "Connect an AI client"))));
  const recent = h("ul", { class: "rows" }, h("li", { class: "empty" }, "Looking…"));
  calls(recent);
  return {
    title: "Overview",
    node: [
      h("div", { class: "head" }, h("h1", { tabindex: "-1" }, shape, title), pause),
      notes, attention, where,
      h("section", { "aria-labelledby": "calls" }, h("h2", { id: "calls" }, "Recent calls"), h("div", { class: "card" }, recent)),
      doctor(app),
    ],
    update(world) {
      if (!world.known) {
        fill(title, "Connecting");
        fill(calm, "Looking…");
        return;
      }
      const troubled = [...world.servers.values()].filter(needsAttention)
        .sort((one, other) => GRAVITY[kind(one)] - GRAVITY[kind(other)] || one.name.localeCompare(other.name));
      const worst = world.config_problem && !troubled.length ? "warn" : troubled.length ? kind(troubled[0]) : world.paused ? "off" : "ok";
      fill(shape, mark(worst));
      fill(title, world.summary.charAt(0).toUpperCase() + world.summary.slice(1));
      showPause(world.paused, world.paused);
      showNotes([world.config_problem, world.storage_problem, world.live, world.lost], world);
      showProblems(troubled, (each) => each.name);
      list.hidden = !troubled.length;
      calm.hidden = Boolean(troubled.length);
      fill(calm, world.servers.size ? "Nothing. Every server that is wanted is ready." : ["There are no servers yet. ", h("a", { href: "#/add" }, "Add one"), " or ", h("a", { href: "#/clients" }, "take over those of your AI clients"), "."]);
      fill(address, world.endpoint ?? "Not yet");
    },
  };
}
