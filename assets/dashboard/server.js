// One server: how it is, and below that its tools, what waits for approval, its log or its settings.

import { fill, h, mark, part } from "./dom.js";
import { meaning } from "./help.js";
import { kind, nextTry, visible } from "./text.js";
import { next, signature, verbs } from "./verbs.js";
import { tools } from "./tools.js";
import { review } from "./review.js";
import { log } from "./log.js";
import { settings } from "./settings.js";

const TABS = [["tools", "Tools", tools], ["review", "Approval", review], ["log", "Log", log], ["settings", "Settings", settings]];

export function server(app, [name, wanted]) {
  const shape = h("span");
  const words = h("span");
  const detail = h("p", { class: "prose" });
  const facts = h("p", { class: "quiet" });
  const acts = h("div", { class: "acts" });
  const showActs = part(acts, (status) => [status.health?.action === "login" ? next(app, status) : null, verbs(app, status)]);
  const help = h("div");
  const showHelp = part(help, (code) => (code ? meaning(code) : null));
  const tabs = h("nav", { class: "tabs", "aria-label": `About ${name}` });
  const [current, , make] = TABS.find(([tab]) => tab === wanted) ?? TABS[app.world.servers.get(name)?.health.action === "approve" && !wanted ? 1 : 0];
  const content = make(app, name);
  const body = h("div", { class: "stack" }, content.node);
  const showTabs = part(tabs, (waiting) => TABS.map(([tab, label]) => h("a", {
    href: `#/servers/${encodeURIComponent(name)}/${tab}`, "aria-current": tab === current ? "page" : null, "data-as": tab,
  }, tab === "review" && waiting ? `${label} (waits)` : label)));
  return {
    title: name,
    node: [
      h("div", {}, h("p", { class: "trail" }, h("a", { href: "#/servers" }, "Servers")),
        h("div", { class: "head" }, h("h1", {}, visible(name)), acts)),
      h("div", { class: "about", role: "status" }, h("p", { class: "state" }, shape, words), detail, facts),
      help, tabs, body,
    ],
    update(world) {
      const status = world.servers.get(name);
      if (!status) {
        if (world.known) {
          fill(words, "There is no such server. It may have been removed.");
          fill(shape, mark("off"));
          fill(detail);
          fill(facts);
          showActs("none", { name, may: [] });
        }
        return;
      }
      fill(shape, mark(kind(status)));
      fill(words, [status.health.summary, nextTry(status)].filter(Boolean).join(", "));
      fill(detail, visible(status.health.detail));
      detail.hidden = !status.health.detail;
      const peer = status.peer ? `${status.peer.name} ${status.peer.version}, protocol ${status.peer.protocol_version}` : "";
      fill(facts, [visible(peer), status.pid ? `process ${status.pid}` : ""].filter(Boolean).join(" · "));
      facts.hidden = !facts.textContent;
      showActs(signature(status), status);
      showHelp(status.fault?.code ?? "", status.fault?.code);
      showTabs(status.review.hash !== "", status.review.hash !== "");
      content.update?.(status);
    },
    close: () => content.close?.(),
  };
}
