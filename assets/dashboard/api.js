// Asking the engine. A visit is a cookie, which scripts cannot read, and a proof, which is kept
// where no other port of this host can read it; every request needs both.

const KEPT = "mcpproxy-visit";

export class Failure extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

let signedOut = () => {};

export function whenSignedOut(call) {
  signedOut = call;
}

function headers(more = {}) {
  const proof = localStorage.getItem(KEPT);
  return proof ? { "X-MCPProxy-Visit": proof, ...more } : more;
}

async function send(method, path, body, options = {}) {
  const told = body === undefined ? {} : { "Content-Type": "application/json" };
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: headers({ ...told, ...options.headers }),
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: options.signal,
      cache: "no-store",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0, "no_answer", "MCP Proxy does not answer. It may have been quit.");
  }
  if (answer.status === 401) signedOut();
  return answer;
}

async function refused(answer) {
  let error = { code: "unknown", message: `The answer was ${answer.status}.` };
  try {
    error = (await answer.json()).error ?? error;
  } catch {
    // not an answer of the engine's own
  }
  return new Failure(answer.status, error.code, error.message);
}

async function data(method, path, body) {
  const answer = await send(method, path, body);
  if (!answer.ok) throw await refused(answer);
  return answer.status === 204 ? null : (await answer.json()).data;
}

export const get = (path) => data("GET", path);
export const post = (path, body) => data("POST", path, body);
export const patch = (path, body) => data("PATCH", path, body);
export const remove = (path) => data("DELETE", path);
export const server = (name, ...rest) => ["/api/v1/servers", encodeURIComponent(name), ...rest].join("/");

export async function download(path) {
  const answer = await send("GET", path);
  if (!answer.ok) throw await refused(answer);
  return answer.blob();
}

// Exchange the code that the tray or the command line put behind the # of the address.
export async function letIn(code) {
  const visit = await post("/api/v1/ui/visit", { code });
  localStorage.setItem(KEPT, visit.proof);
}

export async function leave() {
  await post("/api/v1/ui/leave");
  localStorage.removeItem(KEPT);
}

// Follow a stream of server-sent events until it ends; take(kind, data, id) for each.
export async function follow(path, take, { signal, lastId } = {}) {
  const more = { Accept: "text/event-stream" };
  if (lastId) more["Last-Event-ID"] = lastId;
  const answer = await send("GET", path, undefined, { signal, headers: more });
  if (!answer.ok) throw await refused(answer);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const fields = { event: "message", id: "", data: "" };
      for (const line of block.split("\n")) {
        const [name, ...rest] = line.split(": ");
        if (Object.hasOwn(fields, name)) fields[name] = rest.join(": ");
      }
      if (fields.data) take(fields.event, JSON.parse(fields.data), fields.id);
    }
  }
}

// Do work that holds a stream, for as long as the page is seen: a browser has six connections to
// one address for all its tabs, so a tab that nobody looks at gives back its own, and begins anew.
export async function whileSeen(signal, work) {
  for (;;) {
    if (document.hidden) await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }));
    const inner = new AbortController();
    const over = new AbortController();
    const leave = () => inner.abort();
    signal.addEventListener("abort", leave, { signal: over.signal });
    document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); }, { signal: over.signal });
    try {
      if (signal.aborted) return;
      await work(inner.signal);
      return;
    } catch (error) {
      if (signal.aborted || !inner.signal.aborted) throw error;
    } finally {
      over.abort();
    }
  }
}
