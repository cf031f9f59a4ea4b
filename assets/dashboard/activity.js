// Which tools were called, when, and how it went; newest first, page by page.

import { get } from "./api.js";
import { button, fill, h, mark } from "./dom.js";
import { OUTCOMES, duration, moment, outcome, size, visible } from "./text.js";


export function activity(app) {
  const list = h("ul", { class: "rows" });
  const told = h("p", { class: "quiet", role: "status" });
  const tool = h("input", { type: "search", id: "by-tool", autocomplete: "off" });
  const from = h("select", { id: "by-server" }, h("option", { value: "" }, "All servers"));
  const went = h("select", { id: "by-outcome" }, h("option", { value: "" }, "All calls"), Object.keys(OUTCOMES).map((name) => h("option", { value: name }, outcome(name))));
  const older = h("div", { class: "acts" });
  let known = "";

  const row = (each) => h("li", { class: "row" },
    h("div", { class: "what" }, h("p", { class: "state" }, mark(each.outcome === "success" ? "ok" : "bad"), h("span", {}, visible(`${each.server}:${each.tool}`))),
      h("small", {}, [outcome(each.outcome), duration(each.took), size(each.size)].join(" · "))),
    h("small", {}, h("time", { datetime: each.at, title: new Date(each.at).toString() }, moment(each.at))));

  async function load(before) {
    const query = new URLSearchParams({ limit: "50" });
    if (from.value) query.set("server", from.value);
    if (tool.value.trim()) query.set("tool", tool.value.trim());
    if (went.value) query.set("outcome", went.value);
    if (before) query.set("before", before);
    try {
      const found = await get(`/api/v1/activity?${query}`);
      if (before) list.append(...found.calls.map(row));
      else fill(list, found.calls.map(row));
      fill(told, list.childElementCount ? "" : "No calls like that yet.");
      fill(older, found.next ? button("Older", () => load(found.next), { tell: app.tell }) : null);
    } catch (error) {
      fill(told, error.message);
    }
  }
  for (const each of [from, went, tool]) each.addEventListener("change", () => load());
  load();
  return {
    title: "Activity",
    node: [
      h("div", { class: "head" }, h("h1", {}, "Activity"), h("div", { class: "acts" }, button("Look again", () => load(), { tell: app.tell }))),
      h("div", { class: "tools-bar" }, h("label", { for: "by-server" }, "Server", from), h("label", { for: "by-tool" }, "Tool, by its whole name", tool), h("label", { for: "by-outcome" }, "How it went", went)),
      h("div", { class: "card" }, list), told, older,
    ],
    update(world) {
      const names = [...world.servers.keys()].sort();
      if (JSON.stringify(names) === known) return;
      known = JSON.stringify(names);
      const chosen = from.value;
      fill(from, h("option", { value: "" }, "All servers"), names.map((name) => h("option", { value: name }, name)));
      from.value = names.includes(chosen) ? chosen : "";
    },
  };
}
