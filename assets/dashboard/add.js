// Adding a server: from a command, an address, pasted settings or the registry. What would run is
// shown word by word; it is then tried under quarantine, and AI clients see it once it is approved.

import { get, post } from "./api.js";
import { button, fill, h, mark, part, refill } from "./dom.js";
import { count, kind, visible } from "./text.js";
import { open, takeOut } from "./verbs.js";

function runs(entry) {
  const words = entry.url ? [entry.url] : [entry.command, ...(entry.args ?? [])];
  return h("ol", { class: "argv mono note", "aria-label": entry.url ? "The address" : "The command, word by word" },
    words.map((word) => h("li", {}, visible(word))));
}

// What it is given besides: each value can be put right before anything is written.
function values(entry) {
  const inputs = {};
  const rows = Object.entries(entry.env ?? entry.headers ?? {}).map(([name, value]) => {
    inputs[name] = h("input", { value, autocomplete: "off", spellcheck: "false" });
    return h("label", { class: "field" }, visible(name), inputs[name]);
  });
  return { inputs, node: rows.length ? h("fieldset", { class: "stack" }, h("legend", { class: "quiet" }, entry.env ? "Environment variables" : "Headers"), rows) : null };
}

function doubts(found) {
  const grave = found.doubts.filter((each) => each.grave);
  const tick = h("input", { type: "checkbox" });
  return {
    agreed: () => !grave.length || tick.checked,
    node: found.doubts.length || found.secrets.length ? h("div", { class: grave.length ? "note bad" : "note" },
      found.doubts.map((each) => h("p", { class: "state" }, mark(each.grave ? "warn" : "off"), h("span", {}, visible(each.text)))),
      found.secrets.length ? h("p", {}, `In plain text: ${found.secrets.map(visible).join(", ")}. It will stand so in the config file, which only you can read. To keep it in the keyring, type mcpproxy-tray secrets set NAME in a terminal and write \${keyring:NAME} here.`) : null,
      grave.length ? h("label", { class: "tick" }, tick, "I know what this does and want it") : null) : null,
  };
}

// Once it is written down: how it does, live, until it is approved or removed.
function trial(app, name, box) {
  const shape = h("span");
  const words = h("span");
  const detail = h("p", { class: "prose quiet" });
  const acts = h("div", { class: "acts" });
  const showActs = part(acts, (status) => [
    open(name, "Review what waits", "review", status.status === "ready" || status.status === "disabled" ? "first" : ""),
    open(name, "View log", "log"),
    button("Remove", async () => {
      await takeOut(name);
      stop();
      refill(box, h("p", { class: "quiet" }, `${name} was removed again.`));
    }, { className: "grave", tell: app.tell, describe: `Remove ${name}` }),
  ]);
  const hidden = h("p", {}, "It is in the config file and runs on trial. AI clients see nothing of it until you approve it.");
  refill(box, h("h3", {}, name), h("div", { role: "status", class: "stack" }, h("p", { class: "state" }, shape, words), detail), hidden, acts);
  function update(world) {
    const status = world.servers.get(name);
    if (!status) return;
    fill(shape, mark(kind(status)));
    const tools = status.status === "ready" ? `, it works and has ${count(status.tool_count, "tool")}` : "";
    fill(words, status.health.summary + tools);
    fill(detail, visible(status.health.detail));
    hidden.hidden = status.status === "disabled";
    showActs(status.status, status);
  }
  const stop = app.world.listen(update);
  update(app.world);
  return stop;
}

function card(app, found, closing) {
  const box = h("li", { class: "card pad stack" });
  if (found.outcome !== "import") {
    return fill(box, h("h3", {}, visible(found.name)), h("p", { class: "state" }, mark("warn"), h("span", {}, `Cannot be added: ${visible(found.reason)}.`)));
  }
  const name = h("input", { value: found.name, autocomplete: "off", spellcheck: "false", pattern: "[A-Za-z0-9._\\-]{1,64}" });
  const doubt = doubts(found);
  const deed = found.published ? "Add for review" : "Add and test";
  const given = values(found.entry);
  async function write() {
    if (!doubt.agreed()) throw new Error("Tick that you know what this does, or leave it.");
    const entry = { ...found.entry, name: name.value.trim(), quarantined: true };
    if (found.published) entry.enabled = false; // nobody has looked at it yet (decision 29)
    for (const table of ["env", "headers"]) {
      if (found.entry[table]) entry[table] = Object.fromEntries(Object.keys(found.entry[table]).map((key) => [key, given.inputs[key].value]));
    }
    await post("/api/v1/servers", entry);
    closing.push(trial(app, entry.name, box));
  }
  return fill(box,
    h("label", { class: "field" }, "Name", name),
    h("p", {}, found.entry.url ? "It is reached at this address:" : "Exactly this will run, without a shell:"),
    runs(found.entry),
    found.entry.working_dir ? h("p", {}, `In ${visible(found.entry.working_dir)}.`) : null,
    given.node,
    found.needs?.length ? h("ul", { class: "quiet" }, found.needs.map((need) => h("li", {}, visible([need.variable || need.name, need.description, need.required ? "it cannot do without" : ""].filter(Boolean).join(" - "))))) : null,
    doubt.node,
    h("div", { class: "acts" }, button(deed, write, { className: "first", tell: app.tell, describe: `${deed} ${visible(found.name)}` })));
}

function published(app, closing) {
  const words = h("input", { type: "search", id: "registry", autocomplete: "off" });
  const list = h("ul", { class: "stack", "aria-live": "polite" });
  function offer(each) {
    return h("li", { class: "stack" },
      h("div", {}, h("h3", {}, visible(each.name), " ", h("small", {}, visible(each.version))), h("p", { class: "quiet prose" }, visible(each.description)),
        each.warning ? h("p", { class: "note warn" }, visible(each.warning)) : null,
        each.unusable.map((why) => h("p", { class: "quiet" }, visible(why)))),
      h("ul", { class: "stack" }, each.ways.map((way) => card(app, { name: each.called, outcome: "import", entry: way.entry, needs: way.needs, published: true, doubts: [], secrets: [] }, closing))));
  }
  async function search() {
    fill(list, h("li", { class: "quiet" }, "Looking…"));
    try {
      const found = await get(`/api/v1/registry?q=${encodeURIComponent(words.value)}&limit=10`);
      fill(list, found.servers.length ? found.servers.map(offer) : h("li", { class: "quiet" }, "Nothing was found."));
    } catch (error) {
      fill(list, h("li", { class: "note" }, error.message));
    }
  }
  words.addEventListener("keydown", (event) => { if (event.key === "Enter") search(); });
  return h("section", { class: "stack", "aria-labelledby": "published" },
    h("h2", { id: "published" }, "Published servers"),
    h("div", { class: "tools-bar" }, h("label", { for: "registry" }, "Part of its name", words), button("Search", search, { tell: app.tell })), list);
}

export function add(app) {
  const closing = [];
  const area = h("textarea", { id: "pasted", rows: "6", spellcheck: "false", autocomplete: "off" });
  const list = h("ul", { class: "stack", "aria-label": "What was found" });
  const told = h("p", { role: "status", class: "quiet" });
  async function read() {
    try {
      const found = await post("/api/v1/import/text", { text: area.value });
      fill(list, found.servers.map((each) => card(app, each, closing)));
      fill(told, `${count(found.servers.length, "server")} found. Nothing is written yet.`);
    } catch (error) {
      fill(list);
      fill(told, error.message);
    }
  }
  // What was pasted is complete, so it is read at once; what is typed, when asked.
  area.addEventListener("paste", () => setTimeout(read));
  return {
    title: "Add server",
    node: [
      h("h1", {}, "Add a server"),
      h("section", { class: "stack" },
        h("label", { class: "field", for: "pasted" }, "A command, an address, or settings from any AI client", area),
        h("p", { class: "quiet" }, "Like ", h("code", {}, "uvx mcp-server-time"), ", ", h("code", {}, "https://example.com/mcp"), ", or the JSON that a server's page tells you to paste."),
        h("div", { class: "acts" }, button("See what would run", read, { className: "first", tell: app.tell })),
        told, list),
      published(app, closing),
      h("p", { class: "quiet" }, "Servers that your AI clients have already can be taken over from ", h("a", { href: "#/clients" }, "their page"), "."),
    ],
    close: () => closing.forEach((stop) => stop()),
  };
}
