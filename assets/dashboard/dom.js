// Building the page out of elements and texts; nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

const SHAPES = {
  ok: "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13Z",
  warn: "M8 1L15.5 14.5H.5Z",
  bad: "M1.5 3.6L3.6 1.5L8 5.9L12.4 1.5L14.5 3.6L10.1 8L14.5 12.4L12.4 14.5L8 10.1L3.6 14.5L1.5 12.4L5.9 8Z",
  off: "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13ZM8 4a4 4 0 1 1 0 8a4 4 0 0 1 0-8Z",
  busy: "M1 6.5h3.2v3H1ZM6.4 6.5h3.2v3H6.4ZM11.8 6.5H15v3h-3.2Z",
};

// An element: h("p", {class: "quiet", onclick: f}, "text", child, …). What is null is left out.
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "checked" || name === "value" || name === "hidden") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  fill(node, ...children);
  return node;
}

export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false));
  return node;
}

// A shape that says the same as the words beside it, so it is hidden from screen readers.
export function mark(kind) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `mark ${kind === "busy" ? "off" : kind}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[kind]);
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

// The same, without the focus being lost: whoever was in there finds the same control again, or
// else the first one.
export function refill(node, ...children) {
  const held = node.contains(document.activeElement) ? document.activeElement.dataset.as ?? "" : null;
  fill(node, ...children);
  if (held === null) return node;
  const again = [...node.querySelectorAll("[data-as]")].find((each) => each.dataset.as === held);
  (again ?? node.querySelector("button, a, input") ?? document.getElementById("main")).focus();
  return node;
}

// A part of the page that is built anew when its signature changes.
export function part(node, make) {
  let shown;
  return (signature, ...values) => {
    const now = JSON.stringify(signature);
    if (now !== shown) refill(node, make(...values));
    shown = now;
    return node;
  };
}

// A list whose items stay the same elements for as long as their key is there.
export function keyed(list, make) {
  const rows = new Map();
  return (items, key) => {
    const wanted = items.map((item) => {
      const name = key(item);
      if (!rows.has(name)) rows.set(name, make(item));
      const row = rows.get(name);
      row.update(item);
      return [name, row.node];
    });
    const names = new Set(wanted.map(([name]) => name));
    for (const [name, row] of rows) {
      if (!names.has(name)) {
        row.node.remove();
        rows.delete(name);
      }
    }
    wanted.forEach(([, node], at) => {
      if (list.children[at] !== node) list.insertBefore(node, list.children[at] ?? null);
    });
  };
}

// A button whose work may take a while: it cannot be pressed twice, and failures are told.
export function button(label, work, { as = label, className = "", tell, describe } = {}) {
  const node = h("button", { type: "button", class: className, "data-as": as, "aria-label": describe }, label);
  node.addEventListener("click", async () => {
    if (node.getAttribute("aria-busy") === "true") return;
    node.setAttribute("aria-busy", "true");
    try {
      await work(node);
    } catch (error) {
      tell(error.message, true);
    } finally {
      node.removeAttribute("aria-busy");
    }
  });
  return node;
}

export async function copy(text) {
  await navigator.clipboard.writeText(text);
}
