import { decide, type Policy, type Verdict } from "../index.js";
import { button, bytes, el, find } from "./dom.js";
import type { Gate } from "./gate.js";
import type { Pane } from "./pane.js";
import type { Party } from "./party.js";
import { MAX_MESSAGE } from "./relay.js";
import type { Account } from "./report.js";
import type { Message } from "./seal.js";
import { explainHeld, explainSent } from "./words.js";

const PHASES: Record<string, string> = {
  list: "waiting for the list",
  read: "reading",
  decode: "decoding",
  probe: "hashing and probing",
  confirm: "asking the confirmation server",
  update: "looking for a newer list",
};

/** Takes Alice's attachments one after the other: check, then seal and send, or hold back and explain. */
export class Courier {
  private readonly queue: File[] = [];
  private readonly status: HTMLElement;
  private running: AbortController | undefined;

  constructor(
    private readonly pane: Pane,
    private readonly party: Promise<Party>,
    private readonly gate: Gate,
    private readonly policy: () => Policy,
    private readonly onAccount: (account: Account) => void,
  ) {
    this.status = find(pane.root, "[data-part=checking]", HTMLElement);
  }

  /** Queues files. */
  async attach(files: File[]): Promise<void> {
    this.queue.push(...files);
    if (this.running) return;
    try {
      for (let file = this.queue.shift(); file; file = this.queue.shift()) {
        this.running = new AbortController();
        await this.one(file, this.running.signal);
      }
    } finally {
      this.running = undefined;
    }
  }

  /** Ends the running check and drops what is queued behind it. */
  cancel(): void {
    this.queue.length = 0;
    this.running?.abort();
  }

  private async one(file: File, signal: AbortSignal): Promise<void> {
    if (file.size > MAX_MESSAGE - (64 << 10)) {
      this.note("This file was not sent", `${file.name} is larger than what the relay of this demo carries, 64 MiB.`);
      return;
    }
    const verdict = await this.check(file, signal);
    if (!verdict) return;
    const policy = this.policy();
    const decision = decide(verdict, policy);
    const limit = (await this.gate.snapshot())?.distance;
    const account: Account = { file, verdict, decision, policy, ...(limit !== undefined && { limit }) };
    if (decision === "send") await this.send(account);
    else this.hold(account);
    this.onAccount(account);
  }

  private async check(file: File, signal: AbortSignal): Promise<Verdict | undefined> {
    const phase = el("span", "phase", PHASES.list ?? "");
    const cancel = button("plain small", "Cancel", () => {
      this.cancel();
      find(this.pane.root, "#attach", HTMLButtonElement).focus();
    });
    const name = el("b", "file-name", file.name);
    this.status.replaceChildren(
      el("span", "spinner"),
      el("span", "checking-text", "Checking ", name, ": ", phase),
      cancel,
    );
    try {
      return await this.gate.check(file, {
        signal,
        onProgress: (event) => {
          phase.textContent = PHASES[event.phase] ?? event.phase;
        },
      });
    } catch (error) {
      if (signal.aborted) this.note("Cancelled", `The check of ${file.name} was ended. Nothing of it was sent to Bob.`);
      else this.note("This file was not sent", `The check of ${file.name} failed: ${String(error)}.`);
      return undefined;
    } finally {
      this.status.replaceChildren();
    }
  }

  private async send(account: Account): Promise<void> {
    const { file, verdict } = account;
    const unchecked = verdict.kind === "unsupported" || verdict.kind === "unavailable";
    const fate = this.pane.file("mine", file);
    fate.classList.toggle("unchecked", unchecked);
    await deliver(fate, this.party, { file }, (sealed) => {
      account.sealed = sealed;
      return `${explainSent(verdict)} · ${bytes(sealed.length)} sealed`;
    });
  }

  private hold({ file, verdict, decision, policy }: Account): void {
    const { title, body } = explainHeld(verdict, policy);
    const notice = this.note(title, body, decision);
    notice.querySelector("h3")?.after(el("p", "file-name", file.name));
    if (decision === "hold") {
      const retry = button("plain small", "Try again", () => {
        retry.disabled = true;
        void this.attach([file]);
      });
      notice.append(retry);
    }
  }

  private note(title: string, body: string, kind = "note"): HTMLElement {
    const notice = el("div", `notice notice-${kind}`, el("h3", "", title), el("p", "", body));
    this.pane.notice(notice);
    return notice;
  }
}

/** Seals and sends a message, and says below it how it fared, with a way to try again. */
export async function deliver(
  fate: HTMLElement,
  party: Promise<Party>,
  message: Message,
  describe: (sealed: Uint8Array) => string,
): Promise<void> {
  fate.textContent = "Sending…";
  try {
    const sealed = await (await party).send(message);
    fate.textContent = describe(sealed);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const retry = button("link", "Try again", () => void deliver(fate, party, message, describe));
    fate.replaceChildren(`Not delivered: ${reason}. `, retry);
  }
}
