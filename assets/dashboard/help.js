// The page that explains a fault code, which comes with the program; Markdown of the simplest kind.

import { fill, h } from "./dom.js";

function words(text) {
  return text.split("`").map((part, at) => (at % 2 ? h("code", {}, part) : part));
}

// Headings, paragraphs and lists, of which these pages consist.
export function written(text) {
  return text.trim().split(/\n\n+/).flatMap((block) => {
    if (block.startsWith("# ")) return [];
    if (block.startsWith("## ")) return [h("h2", {}, words(block.slice(3)))];
    if (block.startsWith("- ")) return [h("ul", { class: "points" }, block.slice(2).split(/\n- /).map((each) => h("li", {}, words(each))))];
    return [h("p", {}, words(block))];
  });
}

// Closed until somebody wants to know, and only then asked for.
export function meaning(code) {
  const text = h("div", { class: "note stack prose" }, "Looking…");
  const whole = h("details", {}, h("summary", { "data-as": "meaning" }, `What ${code} means`), text);
  whole.addEventListener("toggle", async () => {
    const answer = await fetch(`/ui/${encodeURIComponent(code)}.md`);
    fill(text, answer.ok ? written(await answer.text()) : "There is no page about it.");
  }, { once: true });
  return whole;
}
