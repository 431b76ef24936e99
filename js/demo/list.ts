import type { SnapshotInfo } from "../index.js";
import { bytes, el, find, plural } from "./dom.js";
import type { State } from "./gate.js";
import { why } from "./words.js";

const PHASES: Record<string, string> = {
  manifest: "Fetching the manifest…",
  delta: "Downloading an update…",
  snapshot: "Downloading the list…",
  engine: "Downloading the engine…",
};

/** Shows how the list stands: its download, what it is, or why it is not used. */
export class ListCard {
  private readonly state = find(document, "#list-state", HTMLElement);
  private readonly progress = find(document, "#list-progress", HTMLElement);
  private readonly bar = find(document, "#list-bar", HTMLProgressElement);
  private readonly facts = find(document, "#list-facts", HTMLElement);

  show(state: State): void {
    this.progress.hidden = state.kind !== "opening";
    this.state.className = `state state-${state.kind}`;
    if (state.kind === "opening") {
      this.say(PHASES[state.progress?.phase ?? "manifest"] ?? "Opening the list…");
      this.advance(state.progress?.loaded ?? 0, state.progress?.total ?? 0);
      this.facts.replaceChildren();
    } else if (state.kind === "open") {
      this.say("Verified and in use");
      this.facts.replaceChildren(...rows(state.snapshot));
    } else {
      this.say(`Not in use. ${why({ kind: "unavailable", reason: state.error.code })}`);
      this.facts.replaceChildren(...row("Error", state.error.code), ...row("Details", state.error.message));
    }
  }

  private say(text: string): void {
    if (this.state.textContent !== text) this.state.textContent = text; // announced once per change
  }

  private advance(loaded: number, total: number): void {
    if (total > 0) this.bar.value = Math.min(1, loaded / total);
    else this.bar.removeAttribute("value");
  }
}

function row(name: string, value: string): HTMLElement[] {
  return [el("dt", "", name), el("dd", "", value)];
}

function rows(info: SnapshotInfo): HTMLElement[] {
  const date = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
  const hours = Math.floor((info.expires - Date.now()) / 3_600_000);
  const left = hours < 48 ? plural(hours, "hour") : plural(Math.floor(hours / 24), "day");
  return [
    ...row("Publisher", info.origin),
    ...row("Purpose", info.purpose),
    ...row("Version", String(info.version)),
    ...row("Published", date.format(info.published)),
    ...row("Expires", `${date.format(info.expires)}, in ${left}`),
    ...row("Signed by", info.signers.map(({ name, role }) => `${name} (${role})`).join(", ")),
    ...info.lanes.flatMap((lane) =>
      row(`Lane ${lane.lane}`, `${plural(lane.entries, "entry", "entries")}, proof: ${lane.proof}`),
    ),
    ...row("Second hash", `the same up to ${info.distance} of 256 bits`),
    ...row("Download", bytes(info.size)),
  ];
}
