// Words, and what servers say made fit to be read: nothing in it hides or turns anything round.

const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u115f\u1160\u3164\uffa0]/gu;
// Colours and the like for a terminal, as the log file has them: with the escape written out.
const ANSI = /\\x1b\[[0-?]*[ -/]*[@-~]/g;

// The text with what cannot be seen written out, as in <U+200B>; breaks and tabs stay.
export function visible(text) {
  return String(text).replace(UNSEEN, (one) =>
    one === "\n" || one === "\t" ? one : `<U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}>`);
}

// A line meant for a terminal, without what only a terminal understands.
export function plain(line) {
  return visible(line.replace(ANSI, ""));
}

export function count(number, one, many = `${one}s`) {
  return number === 1 ? `1 ${one}` : `${number} ${many}`;
}

export function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour12: false });
}

export function moment(at) {
  const then = new Date(at);
  const today = then.toDateString() === new Date().toDateString();
  return today ? clock(at) : `${then.toLocaleDateString()} ${clock(at)}`;
}

// What became of a call, in words for each name that the records have for it.
export const OUTCOMES = {
  success: "worked",
  tool_error: "the tool said that it failed",
  rpc_error: "the server refused it",
  timeout: "no answer in time",
  cancelled: "the client did not want it any more",
  lost: "the server went away",
  refused: "not permitted",
  unavailable: "the server was not ready",
};

export function outcome(name) {
  return OUTCOMES[name] ?? name.replaceAll("_", " ");
}

export function duration(seconds) {
  if (seconds < 0.001) return "under 1 ms";
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}

export function size(bytes) {
  return bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} kB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

// How a server stands, as a shape: the same thresholds as the tray's.
export function kind(status) {
  if (status.status === "connecting" || status.status === "stopping") return "busy";
  if (status.health.level === "unhealthy") return "bad";
  if (status.health.level === "degraded") return "warn";
  return status.status === "disabled" ? "off" : "ok";
}

export function needsAttention(status) {
  return status.status === "connecting" ? status.attempt > 1 : status.health.level !== "healthy";
}

export function nextTry(status) {
  return status.retry_at ? `next try ${clock(status.retry_at)}` : "";
}
