// What waits for a person's word: what would run, what each tool says, what is new in it.

import { get, post, server } from "./api.js";
import { button, h, mark, refill } from "./dom.js";
import { count, visible } from "./text.js";

// One member that is another now, with what went and what came marked by sign, colour and name.
export function difference(lines) {
  return h("div", { class: "diff mono", tabindex: "0", role: "group", "aria-label": "What changed" }, lines.map((line) => {
    if (line.startsWith("+")) return h("ins", {}, h("span", { class: "sr" }, "now: "), visible(line));
    if (line.startsWith("-")) return h("del", {}, h("span", { class: "sr" }, "before: "), visible(line));
    return h("span", {}, visible(line));
  }));
}

function flags(tool) {
  if (!tool.flags.length) return null;
  return h("div", { class: "note warn" },
    h("p", { class: "state" }, mark("warn"), h("strong", {}, `Suspicious: ${count(tool.flags.length, "passage")}`)),
    tool.flags.map((flag) => h("p", {}, `${flag.rule.replaceAll("_", " ").replaceAll("-", " ")}, in ${visible(flag.where)}: `, h("code", {}, visible(flag.evidence)))));
}

function card(tool, approve) {
  return h("li", { class: "card pad stack" },
    h("div", { class: "head" }, h("h3", {}, visible(tool.tool)), h("span", { class: "tag warn" }, tool.standing === "changed" ? "changed" : tool.standing === "approved" ? "as before" : "new")),
    flags(tool),
    tool.changes.map((change) => h("div", {}, h("p", { class: "quiet" }, visible(change.where)), difference(change.lines))),
    approve);
}

export function review(app, name) {
  const box = h("div", { class: "stack" }, h("p", { class: "quiet" }, "Looking…"));
  let seen = null;
  async function agree(body, sentence) {
    try {
      await post(server(name, "tools/approve"), body);
      app.tell(sentence);
    } catch (error) {
      // What was shown is not what is there: the person looks again before anything is agreed to.
      if (error.status === 409) await load();
      throw error;
    }
  }
  async function load() {
    let found;
    try {
      found = await get(server(name, "review"));
    } catch (error) {
      refill(box, h("p", { class: "note bad" }, error.message));
      return;
    }
    seen = found.review.hash;
    if (!seen) {
      refill(box, h("p", { class: "quiet" }, "Nothing waits. What it adds or changes later in what its tools say shows up here before any AI client sees it."));
      return;
    }
    const waiting = found.tools.filter((tool) => tool.standing !== "approved");
    const whole = found.quarantined;
    const all = button(whole ? "Approve this server" : waiting.length === 1 ? "Approve this tool" : `Approve these ${waiting.length} tools`,
      () => agree({ hash: found.review.hash }, whole ? `${name} is approved.` : `${count(waiting.length, "tool")} of ${name} approved.`),
      { as: "all", className: "first", tell: app.tell });
    refill(box,
      whole ? h("div", { class: "stack" }, h("h2", {}, "What it runs"),
        h("ol", { class: "argv mono card pad" }, found.runs.map((word) => h("li", {}, visible(word)))),
        found.environment.length ? h("p", { class: "quiet" }, `With values for ${found.environment.map(visible).join(", ")}.`) : null) : null,
      h("h2", {}, found.tools.length ? "What its tools say" : "Its tools are known once it runs"),
      h("ul", { class: "stack" }, found.tools.map((tool) => card(tool,
        whole || waiting.length < 2 || tool.standing === "approved" ? null : button("Approve this one only", () => agree({ tools: [{ name: tool.tool, hash: tool.hash }] }, `${visible(tool.tool)} is approved.`),
          { as: `one-${tool.tool}`, tell: app.tell, describe: `Approve ${visible(tool.tool)} only` })))),
      h("div", { class: "acts" }, all));
  }
  return {
    node: box,
    update(status) {
      if (status.review.hash !== seen) load();
      seen = status.review.hash;
    },
  };
}
