import type { SnapshotInfo } from "../index.js";
import { bytes, el, find, moment, plural } from "./dom.js";
import type { Look, State } from "./gate.js";
import { arrival, why } from "./words.js";

const PHASES: Record<string, string> = {
  manifest: "Fetching the manifest…",
  delta: "Downloading an update…",
  snapshot: "Downloading the list…",
  engine: "Downloading the engine…",
  decoders: "Downloading what unpacks the list…",
};

/** Shows how the list stands: its download, what it is, or why it is not used. */
export class ListCard {
  private readonly state = find(document, "#list-state", HTMLElement);
  private readonly progress = find(document, "#list-progress", HTMLElement);
  private readonly bar = find(document, "#list-bar", HTMLProgressElement);
  private readonly facts = find(document, "#list-facts", HTMLElement);

  show(state: State): void {
    this.enter(state.kind);
    if (state.kind === "opening") {
      this.say(PHASES[state.progress?.phase ?? "manifest"] ?? "Opening the list…");
      this.advance(state.progress?.loaded ?? 0, state.progress?.total ?? 0);
      this.facts.replaceChildren();
    } else if (state.kind === "open") {
      this.settle(state.snapshot);
    } else {
      this.say(`Not in use. ${why({ kind: "unavailable", reason: state.error.code })}`);
      this.facts.replaceChildren(...row("Error", state.error.code), ...row("Details", state.error.message));
    }
  }

  /** Shows a look for an update, while the list is open. */
  showLook(look: Look): void {
    if (look.kind === "looking") {
      const { phase, loaded, total } = look.progress ?? { phase: "manifest", loaded: 0, total: 0 };
      this.enter("opening");
      this.say(phase === "manifest" ? "Looking for an update…" : (PHASES[phase] ?? ""));
      this.advance(loaded, total);
    } else if (look.kind === "failed") {
      this.enter("warned");
      const { code, message } = look.error;
      const reason = why({ kind: "unavailable", reason: code });
      this.say(`Version ${look.snapshot.version} stays in use. The last look for an update failed. ${reason}`);
      this.facts.replaceChildren(...row("Error", code), ...row("Details", message), ...rows(look.snapshot));
    } else {
      this.enter("open");
      this.settle(look.snapshot);
    }
  }

  private settle(snapshot: SnapshotInfo): void {
    this.say(`Version ${snapshot.version}. Verified and in use`);
    this.facts.replaceChildren(...rows(snapshot));
  }

  private enter(kind: State["kind"] | "warned"): void {
    this.progress.hidden = kind !== "opening";
    this.state.className = `state state-${kind}`;
  }

  private say(text: string): void {
    if (this.state.textContent !== text) this.state.textContent = text; // announced once per change
  }

  private advance(loaded: number, total: number): void {
    if (total > 0) this.bar.value = Math.min(1, loaded / total);
    else this.bar.removeAttribute("value");
  }
}

function row(name: string, ...values: (Node | string)[]): HTMLElement[] {
  return [el("dt", "", name), ...values.map((value) => el("dd", "", value))];
}

function rows(info: SnapshotInfo): HTMLElement[] {
  return [
    ...row("Version", String(info.version)),
    ...row("Published", moment(info.published)),
    ...row("Expires", moment(info.expires)),
    ...row("Signed by", ...info.signers.map(({ name, role }) => `${name}, ${role}`)),
    ...row("Size", bytes(info.size)),
    ...row("Came", arrival(info)),
    ...row("Stored", info.stored ? "in this browser" : "no, it works from memory"),
    ...info.lanes.flatMap(({ lane, entries, proof }) =>
      row(`Lane ${lane}`, `${plural(entries, "entry", "entries")}, ${proof}`),
    ),
    ...row("Second hash", `the same up to ${info.distance} of 256 bits`),
    ...row("Publisher", info.origin),
    ...row("Purpose", info.purpose),
  ];
}
