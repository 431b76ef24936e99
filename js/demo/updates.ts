import type { SnapshotInfo } from "../index.js";
import { el, find } from "./dom.js";
import type { Look, State } from "./gate.js";
import { addToList, type Sample } from "./publisher.js";
import { arrival } from "./words.js";

/** How many entries the history keeps. */
const KEPT = 8;

/** The part of the list's card where it changes: looking for an update, adding a picture, and what came of it. */
export class Updates {
  private readonly work = find(document, "#list-work", HTMLElement);
  private readonly button = find(document, "#look", HTMLButtonElement);
  private readonly form = find(document, "#add", HTMLFormElement);
  private readonly select = find(document, "#addition", HTMLSelectElement);
  private readonly trouble = find(document, "#add-trouble", HTMLElement);
  private readonly history = find(document, "#history", HTMLElement);
  private isBusy = false;

  /** `look` looks for an update, and tells what came of it by `showLook` before it ends. */
  constructor(private readonly look: () => Promise<void>) {
    this.button.addEventListener("click", () => void this.run(look));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.run(() => this.add());
    });
  }

  show(state: State): void {
    this.work.hidden = state.kind !== "open";
    if (state.kind === "open") this.note(`Version ${state.snapshot.version}`, `came ${arrival(state.snapshot)}`);
    else if (state.kind === "failed") this.note("No list", state.error.code);
  }

  showLook(look: Look): void {
    if (look.kind === "latest") this.note("No update", `version ${look.snapshot.version} is the latest`);
    else if (look.kind === "updated") this.noteUpdate(look.before, look.snapshot);
    else if (look.kind === "failed") {
      this.note("Failed", `${look.error.code}. Version ${look.snapshot.version} stays in use`);
    }
  }

  /** Offers those of the samples that are not listed yet. */
  offer(samples: Sample[]): void {
    const left = samples.filter(({ variant, listed }) => variant === "unlisted" && !listed);
    this.select.replaceChildren(...left.map(({ title, file }) => new Option(title, file)));
    if (left.length === 0 && this.form.contains(document.activeElement)) this.button.focus();
    this.form.hidden = left.length === 0;
  }

  private async add(): Promise<void> {
    const [option] = this.select.selectedOptions;
    if (!option) return;
    this.trouble.textContent = "The server publishes the next version…";
    try {
      const version = await addToList(option.value);
      this.trouble.textContent = "";
      this.note(`Version ${version}`, `published with “${option.text}”`);
      await this.look();
    } catch (error) {
      this.trouble.textContent = `It was not added: ${error instanceof Error ? error.message : error}.`;
    }
  }

  /** One thing at a time. The buttons stay where they are, for the keyboard's sake. */
  private async run(work: () => Promise<void>): Promise<void> {
    if (this.isBusy) return;
    this.busy(true);
    await work().finally(() => this.busy(false));
  }

  private busy(isBusy: boolean): void {
    this.isBusy = isBusy;
    for (const button of this.work.querySelectorAll("button")) button.setAttribute("aria-disabled", String(isBusy));
  }

  private noteUpdate(before: SnapshotInfo, after: SnapshotInfo): void {
    if (before.version === after.version) this.note(`Version ${after.version}`, "is stored now");
    else this.note(`${before.version} → ${after.version}`, arrival(after));
  }

  private note(what: string, how: string): void {
    const time = el("span", "time", new Date().toLocaleTimeString("en-GB"));
    this.history.prepend(el("li", "", time, el("span", "", el("b", "", what), `: ${how}`)));
    while (this.history.childElementCount > KEPT) this.history.lastElementChild?.remove();
  }
}
