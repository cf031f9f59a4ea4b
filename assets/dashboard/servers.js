// All servers: how each is, in shape and words, and what can be done with it.

import { fill, h, keyed, mark, part } from "./dom.js";
import { count, kind, nextTry } from "./text.js";
import { open, signature, verbs } from "./verbs.js";

function row(app) {
  const shape = h("span");
  const words = h("span");
  const name = h("a", { class: "name" });
  const more = h("small");
  const acts = h("div", { class: "acts" });
  const showActs = part(acts, (status) => [verbs(app, status), open(status.name, "View log", "log")]);
  return {
    node: h("li", { class: "row" }, h("div", { class: "what" }, h("p", {}, name), h("p", { class: "state" }, shape, words), more), acts),
    update(status) {
      name.setAttribute("href", `#/servers/${encodeURIComponent(status.name)}`);
      fill(name, status.name);
      fill(shape, mark(kind(status)));
      fill(words, [status.health.summary, nextTry(status)].filter(Boolean).join(", "));
      const parts = [status.kind === "stdio" ? "local" : "by URL", count(status.tool_count, "tool")];
      if (status.pid) parts.push(`process ${status.pid}`);
      fill(more, parts.join(" · "));
      showActs(signature(status), status);
    },
  };
}

export function servers(app) {
  const list = h("ul", { class: "rows" });
  const show = keyed(list, () => row(app));
  const none = h("p", { class: "empty" });
  const wanted = h("input", { type: "search", id: "find", oninput: () => update(app.world), autocomplete: "off" });
  const bar = h("div", { class: "tools-bar" }, h("label", { for: "find" }, "Find by name or state", wanted));
  function update(world) {
    const words = wanted.value.toLowerCase();
    const all = [...world.servers.values()].sort((one, other) => one.name.localeCompare(other.name));
    const found = all.filter((each) => `${each.name} ${each.health.summary}`.toLowerCase().includes(words));
    show(found, (each) => each.name);
    list.hidden = !found.length;
    none.hidden = Boolean(found.length);
    bar.hidden = all.length < 8;
    fill(none, !world.known ? "Looking…" : all.length ? "No server is called so." : ["There are none yet. ", h("a", { href: "#/add" }, "Add one"), "."]);
  }
  return {
    title: "Servers",
    node: [
      h("div", { class: "head" }, h("h1", {}, "Servers"), h("a", { class: "button first", href: "#/add" }, "Add server…")),
      bar, h("div", { class: "card" }, list, none),
    ],
    update,
  };
}
