// AI clients on this computer: connecting them, undoing that, and taking over their servers.

import { get, post, remove } from "./api.js";
import { button, fill, h, mark, refill } from "./dom.js";
import { count, visible } from "./text.js";
import { difference } from "./review.js";

const SHAPES = { connected: "ok", "not connected": "off", removed: "warn", unreadable: "bad", "not installed": "off" };

const path = (id, ...rest) => ["/api/v1/connect", encodeURIComponent(id), ...rest].join("/");

export function clients(app) {
  const list = h("ul", { class: "rows" }, h("li", { class: "empty" }, "Looking…"));
  const others = h("ul", { class: "rows" });

  // Nothing is written that was not shown: what is carried out names the hash of the preview.
  async function preview(client, deed, box) {
    const seen = await get(`${path(client.id, "preview")}?deed=${deed}`);
    const write = async () => {
      if (deed === "connect") await post(`${path(client.id)}?hash=${seen.hash}`);
      else await remove(`${path(client.id)}?hash=${seen.hash}`);
      app.tell(`${client.title} is ${deed === "connect" ? "connected" : "disconnected"}. It reads ${seen.file} at its next start.`);
      await load();
    };
    fill(box, seen.changes_nothing ? h("p", { class: "note" }, `There is nothing to change in ${seen.file}.`) : [
      h("p", {}, "This would be written:"), difference(seen.diff.split("\n").filter((line) => !/^(---|\+\+\+) /.test(line))),
      h("div", { class: "acts" }, button("Write this", write, { className: "first", tell: app.tell, describe: `Write this into the settings of ${client.title}` }),
        h("button", { type: "button", onclick: () => refill(box) }, "Leave it"))]);
    box.querySelector("button")?.focus();
  }

  async function offers(client, box) {
    const found = await get(`/api/v1/import/${encodeURIComponent(client.id)}`);
    const fit = found.servers.filter((each) => each.outcome === "import");
    const secrets = fit.filter((each) => each.secrets.length).map((each) => `${each.name}: ${each.secrets.join(", ")}`);
    const move = h("input", { type: "checkbox", checked: true });
    fill(box, found.why ? h("p", { class: "note warn" }, visible(found.why)) : null,
      found.servers.length ? h("ul", { class: "stack" }, found.servers.map((each) => h("li", {}, h("strong", {}, visible(each.name)), ` ${each.outcome}`, each.reason ? `: ${visible(each.reason)}` : "",
        each.entry.command ? h("pre", {}, visible([each.entry.command, ...(each.entry.args ?? [])].join(" "))) : null))) : h("p", { class: "quiet" }, "It has no servers."),
      secrets.length ? h("label", { class: "tick" }, move, h("span", {}, visible(`Move what is secret into the keyring (${secrets.join("; ")})`))) : null,
      fit.length ? button(`Take over ${count(fit.length, "server")}`, async () => {
        await post(`/api/v1/import/${encodeURIComponent(client.id)}?secrets=${secrets.length && move.checked ? "keyring" : "plain"}`);
        app.tell("The servers were taken over. They wait for your approval.");
        fill(box);
      }, { className: "first", tell: app.tell }) : null);
  }

  function row(client) {
    const box = h("div", { class: "stack", "aria-live": "polite" });
    const deed = client.state === "connected" ? "disconnect" : "connect";
    const label = deed === "connect" ? "Connect" : "Disconnect";
    return h("li", { class: "pad stack" },
      h("div", { class: "head" },
        h("div", { class: "what" }, h("h3", {}, client.title), h("p", { class: "state" }, mark(SHAPES[client.state] ?? "off"), h("span", {}, client.state)), h("small", {}, client.why ? visible(client.why) : client.file)),
        h("div", { class: "acts" },
          button(label, () => preview(client, deed, box), { tell: app.tell, as: `${client.id}-switch`, describe: `${label} ${client.title}` }),
          button("Its servers", () => offers(client, box), { tell: app.tell, as: `${client.id}-servers`, describe: `Servers of ${client.title}` }))), box);
  }

  async function load() {
    try {
      const found = (await get("/api/v1/connect")).clients;
      const here = found.filter((each) => each.state !== "not installed");
      refill(list, here.length ? here.map(row) : h("li", { class: "empty" }, "None of the known clients was found on this computer."));
      fill(others, found.filter((each) => each.state === "not installed").map((each) => h("li", { class: "row" }, h("div", { class: "what" }, each.title), h("small", {}, each.file))));
    } catch (error) {
      fill(list, h("li", { class: "empty" }, error.message));
    }
  }
  load();
  return {
    title: "AI clients",
    node: [
      h("h1", {}, "AI clients"),
      h("section", { "aria-labelledby": "here" }, h("h2", { id: "here" }, "On this computer"), h("div", { class: "card" }, list)),
      h("details", {}, h("summary", {}, "Others that are known"), h("div", { class: "card" }, others)),
    ],
  };
}
