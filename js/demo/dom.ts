/** Makes an element with a class and children. Strings become text, never markup. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Makes a button that is named by its text. */
export function button(className: string, text: string, onClick: () => void): HTMLButtonElement {
  const element = el("button", className, text);
  element.type = "button";
  element.addEventListener("click", onClick);
  return element;
}

/** Makes an SVG element. Attributes only: the page's policy forbids inline styles. */
export function svg(tag: string, attributes: Record<string, string | number>, ...children: Node[]): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** Finds an element that the page is known to have. */
export function find<T extends Element>(root: ParentNode, selector: string, type: new () => T): T {
  const element = root.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`the page lacks ${selector}`);
  return element;
}

const whole = new Intl.NumberFormat("en");

/** Writes a count with thousands separators. */
export function count(n: number): string {
  return whole.format(n);
}

/** Writes "1 byte", "2 bytes". */
export function plural(n: number, noun: string, nouns = `${noun}s`): string {
  return `${count(n)} ${n === 1 ? noun : nouns}`;
}

/** Writes a number of bytes in the unit that reads best. */
export function bytes(n: number): string {
  if (n < 1000) return plural(n, "byte");
  const [value, unit] = n < 1e6 ? [n / 1e3, "kB"] : [n / 1e6, "MB"];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** Writes a duration in milliseconds. */
export function ms(n: number): string {
  return n < 10 ? `${n.toFixed(1)} ms` : `${count(Math.round(n))} ms`;
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });
const absolute = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const UNITS = [
  ["day", 48 * 3600, 86_400],
  ["hour", 3600, 3600],
  ["minute", 60, 60],
  ["second", 5, 1],
] as const;

/** Makes a moment that reads as its distance from now: "2 minutes ago", "in 23 hours". Moments keep up with the time. */
export function moment(time: number): HTMLTimeElement {
  const element = el("time", "", distance(time));
  element.dateTime = new Date(time).toISOString();
  element.title = absolute.format(time);
  return element;
}

function distance(time: number): string {
  const seconds = (time - Date.now()) / 1000;
  for (const [unit, least, length] of UNITS) {
    if (Math.abs(seconds) >= least) return relative.format(Math.trunc(seconds / length), unit);
  }
  return "just now";
}

setInterval(() => {
  for (const element of document.querySelectorAll("time")) {
    element.textContent = distance(Date.parse(element.dateTime));
  }
}, 5000);

/** Writes bytes as rows of an offset and sixteen hex pairs. */
export function hexDump(data: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < data.length; at += 16) {
    const row = [...data.subarray(at, at + 16)];
    const hex = row.map((b) => b.toString(16).padStart(2, "0"));
    const left = hex.slice(0, 8).join(" ").padEnd(23);
    const right = hex.slice(8).join(" ").padEnd(23);
    rows.push(`${at.toString(16).padStart(4, "0")}  ${left}  ${right}`.trimEnd());
  }
  return rows.join("\n");
}
