import { bytes, el, find } from "./dom.js";

const MAX_MESSAGES = 60;
const MAX_HELD_BYTES = 128 << 20;
const SHOWN = new Set(["image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/avif"]);

/** One entry of a log, and the object URL that it keeps alive. */
interface Entry {
  element: HTMLElement;
  url?: string;
  size: number;
}

/** One person's side of the conversation: a log of messages and a line about the connection. */
export class Pane {
  private readonly log: HTMLElement;
  private readonly link: HTMLElement;
  private readonly entries: Entry[] = [];

  constructor(readonly root: HTMLElement) {
    this.log = find(root, "[data-part=log]", HTMLElement);
    this.log.tabIndex = 0; // what scrolls must be within reach of the keyboard
    // Messages grow after they were added: by a line below them, by a button.
    new MutationObserver(() => this.scroll()).observe(this.log, { childList: true, subtree: true });
    this.link = find(root, "[data-part=link]", HTMLElement);
  }

  /** Says how the connection stands. */
  connection(text: string, isTrouble = false): void {
    this.link.textContent = text;
    this.link.classList.toggle("trouble", isTrouble);
  }

  /** Calls back with what is typed and sent. */
  onText(send: (text: string) => void): void {
    const form = find(this.root, "[data-part=composer]", HTMLFormElement);
    const input = find(form, "input[name=text]", HTMLInputElement);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text === "") return;
      input.value = "";
      send(text);
    });
  }

  /** Adds a text message. Returns the line below it, for how it fared. */
  text(side: "mine" | "theirs", text: string): HTMLElement {
    return this.bubble(side, el("p", "said", text));
  }

  /** Adds a file, shown as a picture where the browser can. Returns the line below it. */
  file(side: "mine" | "theirs", file: File): HTMLElement {
    const isPicture = SHOWN.has(file.type);
    // A type that a browser would run must not survive into an object URL of this origin.
    const url = URL.createObjectURL(isPicture ? file : new Blob([file], { type: "application/octet-stream" }));
    const save = el("a", "save", el("span", "file-name", file.name), el("span", "file-size", bytes(file.size)));
    save.href = url;
    save.download = file.name;
    save.setAttribute("aria-label", `Save ${file.name}, ${bytes(file.size)}`);
    const body = el("div", "file", save);
    if (isPicture) {
      const picture = el("img", "picture");
      picture.alt = `Picture ${file.name}`;
      picture.addEventListener("error", () => picture.remove());
      picture.addEventListener("load", () => this.scroll());
      picture.src = url;
      body.prepend(picture);
    }
    return this.bubble(side, body, url, file.size);
  }

  /** Adds a notice that belongs to nobody's words. */
  notice(element: HTMLElement): void {
    this.add({ element, size: 0 });
  }

  private bubble(side: "mine" | "theirs", body: HTMLElement, url?: string, size = 0): HTMLElement {
    const fate = el("p", "fate");
    const who = el("span", "hidden", side === "mine" ? "Sent: " : "Received: ");
    const element = el("div", `message ${side}`, el("div", "bubble", who, body), fate);
    this.add(url === undefined ? { element, size } : { element, url, size });
    return fate;
  }

  private add(entry: Entry): void {
    this.entries.push(entry);
    this.log.append(entry.element);
    const held = () => this.entries.reduce((n, { size }) => n + size, 0);
    while (this.entries.length > MAX_MESSAGES || (this.entries.length > 1 && held() > MAX_HELD_BYTES)) {
      const oldest = this.entries.shift();
      oldest?.element.remove();
      if (oldest?.url) URL.revokeObjectURL(oldest.url);
    }
  }

  /** Scrolls to the end, or to the beginning of what came last if that is taller than the log. */
  private scroll(): void {
    const last = this.entries.at(-1)?.element;
    if (!last) return;
    this.log.scrollTop = last.offsetHeight < this.log.clientHeight ? this.log.scrollHeight : last.offsetTop - 12;
  }
}
