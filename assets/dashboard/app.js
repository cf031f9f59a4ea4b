// The frame around the pages: letting the person in, leading from page to page, telling what happened.

import { leave, letIn, whenSignedOut } from "./api.js";
import { fill, h, mark } from "./dom.js";
import { World } from "./world.js";
import { overview } from "./overview.js";
import { servers } from "./servers.js";
import { server } from "./server.js";
import { add } from "./add.js";
import { clients } from "./clients.js";
import { activity } from "./activity.js";

const PAGES = [
  ["", "Overview", overview],
  ["servers", "Servers", servers],
  ["add", "Add server", add],
  ["clients", "AI clients", clients],
  ["activity", "Activity", activity],
];
const main = document.getElementById("main");
const nav = document.getElementById("nav");
const live = document.getElementById("live");
const told = document.getElementById("told");

const world = new World();
const ending = new AbortController();
let page = null;
let isOut = false;

// One sentence about what was asked for; it stays until the next one or until it is put away.
function tell(sentence, bad = false) {
  const close = h("button", { type: "button", "aria-label": "Put this message away", onclick: () => { told.hidden = true; } }, "Close");
  fill(told, h("p", {}, sentence), close);
  told.className = bad ? "told bad" : "told";
  told.hidden = false;
}

const app = { world, tell, go: (path) => { location.hash = `#/${path}`; } };

function where() {
  try {
    return location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  } catch {
    return [""]; // an address that somebody cut in the middle
  }
}

function show() {
  if (isOut) return;
  const [first, ...rest] = where();
  const before = page;
  const made = first === "servers" && rest[0] ? server : (PAGES.find(([name]) => name === first) ?? PAGES[0])[2];
  before?.close?.();
  page = made(app, rest);
  fill(main, page.node);
  fill(nav, h("ul", {}, PAGES.map(([name, label]) =>
    h("li", {}, h("a", { href: `#/${name}`, "aria-current": name === first ? "page" : null }, label)))));
  document.title = `${page.title} - MCP Proxy`;
  page.update?.(world);
  told.hidden = true;
  window.scrollTo(0, 0);
  // Whoever hears the page is told where they are; at the first showing the browser does that.
  if (before) main.focus();
}

function showLive() {
  const words = world.live ? "Live" : "Not connected";
  if (live.dataset.words === words) return;
  live.dataset.words = words;
  fill(live, mark(world.live ? "ok" : "bad"), words,
    h("button", { type: "button", class: "plain", onclick: signOut }, "Sign out"));
}

async function signOut() {
  try {
    await leave();
    showSignIn("You are signed out here.");
  } catch (error) {
    tell(error.message, true);
  }
}

function showSignIn(sentence) {
  isOut = true;
  ending.abort();
  page?.close?.();
  fill(nav);
  fill(live);
  document.title = "MCP Proxy";
  fill(main,
    h("h1", {}, "Is it you?"),
    h("div", { class: "prose stack" },
      sentence ? h("p", { class: "note warn" }, sentence) : null,
      h("p", {}, "This page can start programs, so it opens only for the person whose servers these are."),
      h("p", {}, "Choose Open dashboard in the tray's menu, or type in a terminal:"),
      h("pre", { class: "note" }, h("code", {}, "mcpproxy-tray dashboard"))));
}

async function start() {
  const code = /^#code=([\w-]+)(?:&to=\/?(.*))?$/.exec(location.hash);
  whenSignedOut(() => { if (!isOut) showSignIn(""); });
  if (code) {
    // Out of the address before anything else: it is good once, and the history keeps it.
    history.replaceState(null, "", `/ui/#/${code[2] ?? ""}`);
    try {
      await letIn(code[1]);
    } catch (error) {
      showSignIn(error.message);
      return;
    }
  }
  world.listen(() => {
    showLive();
    page?.update?.(world);
  });
  window.addEventListener("hashchange", () => {
    if (location.hash.startsWith("#code=")) location.reload();
    else if (location.hash !== "#main") show();
  });
  show();
  await world.run(ending.signal);
}

start();
