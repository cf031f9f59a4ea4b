// What can be done with a server, in the tray's words, and the one next action that its health names.

import { post, remove, server } from "./api.js";
import { button, h, refill } from "./dom.js";
import { kind } from "./text.js";

const here = (name, ...rest) => ["#/servers", encodeURIComponent(name), ...rest].join("/");

export function open(name, label, tab, className = "") {
  return h("a", { class: `button ${className}`, href: tab ? here(name, tab) : here(name), "data-as": label, "aria-label": `${label}: ${name}` }, label);
}

async function settled(app, name, verb, wanted) {
  const answer = await post(`${server(name, verb)}?wait=${wanted}&timeout=60`);
  app.tell(`${name}: ${answer.server.health.summary}.`);
}

export function act(app, name, verb, label, className = "") {
  const wanted = verb === "disable" ? "disabled" : "ready";
  return button(label, () => settled(app, name, verb, wanted), { as: verb, className, tell: app.tell, describe: `${label} ${name}` });
}

// Restart, Enable or Disable, as far as they make sense now.
export function verbs(app, status, first = "") {
  const labels = { restart: status.status === "backoff" ? "Retry now" : "Restart", enable: "Enable", disable: "Disable" };
  return status.may.map((verb) => act(app, status.name, verb, labels[verb], verb === first ? "first" : ""));
}

// A sign-in in another tab. Browsers let a page open one only right after a click, which preparing
// it may outlast, so there is a link to click as well.
function signIn(app, name) {
  const box = h("span", { class: "acts" });
  return refill(box, button("Sign in", async () => {
    const { link } = await post(server(name, "login"));
    if (!/^https?:\/\//.test(link)) throw new Error("The sign-in has no address that a browser could open.");
    refill(box, h("a", { class: "button first", href: link, target: "_blank", rel: "noopener noreferrer", "data-as": "sign-in", "aria-label": `Open the page to sign in to ${name}` }, "Open the page to sign in"));
    window.open(link, "_blank", "noopener,noreferrer");
    app.tell(`Sign in to ${name} there; this page shows when it is done.`);
  }, { as: "sign-in", className: "first", tell: app.tell, describe: `Sign in to ${name}` }));
}

// The one thing to do next, or nothing.
export function next(app, status) {
  const name = status.name;
  switch (status.health.action) {
    case "approve": return open(name, "Review what waits", "review", "first");
    case "view_logs": return open(name, "View log", "log", "first");
    case "configure":
    case "set_secret": return open(name, "See its settings", "settings", "first");
    case "login": return signIn(app, name);
    case "restart": return status.may.includes("restart") ? act(app, name, "restart", status.status === "backoff" ? "Retry now" : "Restart", "first") : null;
    default: return null;
  }
}

export function signature(status) {
  return [status.name, status.may, status.status === "backoff", status.health.action, kind(status)];
}

export const takeOut = (name) => remove(server(name));
