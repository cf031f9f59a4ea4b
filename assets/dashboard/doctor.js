// Looking for what is wrong around the program, on request, and a report to attach to a bug report.

import { download, get } from "./api.js";
import { button, fill, h, mark } from "./dom.js";
import { visible } from "./text.js";

const SHAPES = { ok: "ok", info: "ok", warning: "warn", error: "bad" };

function finding(each) {
  const about = each.server ? `${each.server}: ` : "";
  return h("li", { class: "row" }, h("div", { class: "what" },
    h("h3", { class: "state" }, mark(SHAPES[each.level] ?? "warn"), h("span", {}, visible(about + each.what))),
    each.why ? h("p", { class: "quiet prose" }, visible(each.why)) : null,
    each.fix ? h("p", { class: "prose" }, visible(each.fix)) : null));
}

async function examine(list) {
  const found = await get("/api/v1/diagnostics");
  const wrong = found.findings.filter((each) => each.level !== "ok" && each.level !== "info");
  const fine = found.findings.length - wrong.length;
  fill(list, wrong.map(finding), h("li", { class: "empty" }, `${fine} of ${found.findings.length} checks found nothing wrong. Version ${found.version}.`));
}

async function save() {
  const url = URL.createObjectURL(await download("/api/v1/diagnostics/bundle"));
  h("a", { href: url, download: "mcpproxy-report.zip" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

export function doctor(app) {
  const list = h("ul", { class: "rows", "aria-live": "polite" });
  const box = h("div", { class: "card" }, list);
  box.hidden = true;
  return h("section", { class: "stack", "aria-labelledby": "doctor" },
    h("h2", { id: "doctor" }, "Diagnostics"),
    h("div", { class: "acts" },
      button("Check everything", async () => {
        await examine(list);
        box.hidden = false;
      }, { tell: app.tell }),
      button("Save a report", save, { tell: app.tell })),
    box);
}
