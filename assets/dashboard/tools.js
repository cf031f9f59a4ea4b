// The tools of a server, each with a switch for whether AI clients are offered it.

import { get, post, server } from "./api.js";
import { fill, h } from "./dom.js";
import { visible } from "./text.js";

const STANDING = { pending: "waits for approval", changed: "changed, waits for approval" };

function row(app, name, tool) {
  const id = `tool-${crypto.randomUUID()}`;
  const toggle = h("input", { type: "checkbox", role: "switch", id, checked: tool.enabled, "data-tool": tool.name });
  toggle.addEventListener("change", async () => {
    try {
      await post(server(name, "tools", "offer"), { tool: tool.name, on: toggle.checked });
      app.tell(`${visible(tool.name)} is ${toggle.checked ? "offered to AI clients" : "switched off"}.`);
    } catch (error) {
      toggle.checked = !toggle.checked;
      app.tell(error.message, true);
    }
  });
  return h("li", { class: "row" }, toggle,
    h("div", { class: "what" },
      h("p", {}, h("label", { for: id, class: "name" }, visible(tool.name)), " ",
        STANDING[tool.standing] ? h("span", { class: "tag warn" }, STANDING[tool.standing]) : null),
      h("p", { class: "prose quiet" }, visible(tool.description)),
      h("details", {}, h("summary", {}, "What it takes"), h("pre", { tabindex: "0", "aria-label": `What ${tool.name} takes` }, visible(JSON.stringify(tool.inputSchema, null, 2))))));
}

export function tools(app, name) {
  const list = h("ul", { class: "rows" }, h("li", { class: "empty" }, "Looking…"));
  let shown = "";
  async function load(status) {
    try {
      const found = await get(server(name, "tools"));
      if (!found.tools.length) {
        fill(list, h("li", { class: "empty" }, status.status === "ready" ? "It has no tools." : "Its tools are known once it is ready."));
      } else {
        fill(list, found.tools.map((tool) => row(app, name, tool)));
      }
    } catch (error) {
      fill(list, h("li", { class: "empty" }, error.message));
    }
  }
  return {
    node: h("section", { "aria-labelledby": "tools" },
      h("h2", { id: "tools" }, "What AI clients are offered"), h("div", { class: "card" }, list)),
    update(status) {
      // A switch that a person flips changes the server too; its own list is not rebuilt for that.
      const now = JSON.stringify([status.status, status.tool_count, status.review]);
      if (now === shown) return;
      shown = now;
      load(status);
    },
  };
}
