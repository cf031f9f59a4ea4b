// A server's log as it is written: searched, filtered, copied; what steers terminals is taken out.

import { follow, server, whileSeen } from "./api.js";
import { button, copy, fill, h } from "./dom.js";
import { count, plain } from "./text.js";

const MOST_LINES = 5000;
const BAD = /\b(error|fatal|critical|panic|exception|traceback|failed)\b/i;
const WARN = /\bwarn(ing)?\b/i;

export function level(line) {
  return BAD.test(line) ? "bad" : WARN.test(line) ? "warn" : "";
}

// The line with every hit marked, without regard to case.
function marked(line, words) {
  if (!words) return [line];
  const parts = [];
  const lower = line.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(words); at >= 0; at = lower.indexOf(words, from)) {
    parts.push(line.slice(from, at), h("mark", {}, line.slice(at, at + words.length)));
    from = at + words.length;
  }
  return [...parts, line.slice(from)];
}

export function log(app, name) {
  const ending = new AbortController();
  let lines = [];
  const box = h("div", { class: "log mono", role: "log", "aria-live": "off", "aria-label": `Log of ${name}`, tabindex: "0" });
  const told = h("small", { role: "status" }, "Looking…");
  const search = h("input", { type: "search", id: "log-search", autocomplete: "off", oninput: () => draw() });
  const filter = h("select", { id: "log-level", onchange: () => draw() },
    h("option", { value: "" }, "All lines"), h("option", { value: "warn" }, "Warnings and errors"), h("option", { value: "bad" }, "Errors"));
  const stick = h("input", { type: "checkbox", id: "log-follow", checked: true, onchange: () => toEnd() });

  const wanted = (line) => {
    const grade = level(line);
    return line.toLowerCase().includes(search.value.toLowerCase()) && (!filter.value || grade === "bad" || grade === filter.value);
  };
  const paragraph = (line) => h("p", { class: level(line) }, marked(line, search.value.toLowerCase()));
  function toEnd() {
    if (stick.checked) box.scrollTop = box.scrollHeight;
  }
  function summary(found) {
    box.hidden = !lines.length;
    fill(told, lines.length ? `${found} of ${count(lines.length, "line")}` : "It has written nothing yet.");
  }
  function draw() {
    const found = lines.filter(wanted);
    fill(box, found.map(paragraph));
    summary(found.length);
    toEnd();
  }
  function take(kind, data) {
    if (kind === "lines") {
      const fresh = data.map(plain);
      lines.push(...fresh);
      if (lines.length > MOST_LINES) {
        lines = lines.slice(-MOST_LINES);
        draw();
        return;
      }
      box.append(...fresh.filter(wanted).map(paragraph));
      summary(box.childElementCount);
      toEnd();
    } else if (kind === "dropped") {
      take("lines", [`[${count(data, "line")} lost: they came too fast]`]);
    }
  }
  function begin(signal) {
    const tail = Math.max(500, lines.length);
    lines = [];
    draw();
    return follow(`${server(name, "logs")}?follow=1&tail=${tail}`, take, { signal });
  }
  whileSeen(ending.signal, begin)
    .then(() => fill(told, "MCP Proxy has stopped."))
    .catch((error) => { if (!ending.signal.aborted) fill(told, error.message); });
  return {
    node: h("section", { class: "stack", "aria-labelledby": "log" }, h("h2", { id: "log" }, "What it writes to its error output"),
      h("div", { class: "tools-bar" },
        h("label", { for: "log-search" }, "Search", search),
        h("label", { for: "log-level" }, "Show", filter),
        h("label", { class: "tick", for: "log-follow" }, stick, "Keep to the end"),
        button("Copy", async () => {
          const shown = lines.filter(wanted);
          await copy(shown.join("\n"));
          app.tell(`${count(shown.length, "line")} copied.`);
        }, { tell: app.tell, describe: "Copy the lines that are shown" })),
      box, told),
    close: () => ending.abort(),
  };
}
