import { type Acquired, fromPublisher, fromStore, type Quest } from "./acquire.js";
import { asPresealError } from "./errors.js";
import type { News, OpenProgress, Settings, SnapshotInfo } from "./messages.js";
import { backOff, waitUntil } from "./schedule.js";
import type { Means, Serving } from "./serving.js";
import { keyring } from "./trust.js";
import { lock, untilAborted } from "./wait.js";

type OnProgress = (event: OpenProgress) => void;

/** A look for an update, which all who want one meanwhile share. It ends early once none of them waits for it. */
interface Look {
  result: Promise<void>;
  controller: AbortController;
  waiting: Set<OnProgress>;
}

/** The name of a list, for the store, the lock and the channel: where it comes from and whom it is trusted for. */
export function listName({ snapshot, trust }: Settings): string {
  return `preseal ${snapshot}\n${keyring(trust)}`;
}

/** Waits for its turn among the pages that have the list, and runs work. */
export async function inTurn<T>(settings: Settings, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const release = await lock(listName(settings), 5 * settings.timeout, signal);
  try {
    return await work();
  } finally {
    release();
  }
}

/**
 * Keeps a snapshot up to date: looks for another one when it is time or when asked, and tells the other pages that have the
 * same list, which then take it from the store.
 */
export class Updater {
  #serving: Serving;
  #next: number;
  #look: Look | undefined;
  #following: Promise<boolean> | undefined;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #settings: Settings;
  readonly #means: Means;
  readonly #list: string;
  readonly #module: Promise<WebAssembly.Module>;
  readonly #tell: (news: News) => void;
  readonly #channel: BroadcastChannel | undefined;

  constructor(means: Means, { serving, next }: Acquired, tell: (news: News) => void) {
    const { settings } = means;
    this.#settings = settings;
    this.#means = means;
    this.#serving = serving;
    this.#next = next;
    this.#list = listName(settings);
    this.#module = Promise.resolve(serving.kept.module);
    this.#tell = tell;
    this.#channel = openChannel(this.#list);
    this.#channel?.addEventListener("message", () => void this.#follow());
    this.#plan();
  }

  /** The snapshot that serves now. Whoever began with one finishes with it. */
  get serving(): Serving {
    return this.#serving;
  }

  /**
   * Looks for an update, or waits for the look that is under way.
   *
   * @throws PresealError; the signal's reason.
   */
  async update(signal: AbortSignal, onProgress: OnProgress): Promise<SnapshotInfo> {
    await this.#join(true, signal, onProgress);
    return this.#serving.info;
  }

  /** Looks for an update of what has turned out to be out of date, unless there is one already. A failure is told to the page. */
  async renew(outdated: Serving, signal: AbortSignal, onProgress: OnProgress): Promise<void> {
    if (this.#serving !== outdated || this.#settings.update === "manual") return;
    await this.update(signal, onProgress).catch(() => signal.throwIfAborted());
  }

  /** Looks at once, unless that has failed lately: the snapshot has turned out to be of no use any longer. */
  hurry(): void {
    if (this.#failures > 0 || this.#settings.update === "manual") return;
    this.#next = Date.now();
    this.#plan();
  }

  async #join(isWanted: boolean, signal: AbortSignal, onProgress: OnProgress): Promise<void> {
    signal.throwIfAborted();
    // A look that nobody waited for any longer has to end before there can be another.
    while (this.#look?.controller.signal.aborted)
      await untilAborted(
        this.#look.result.catch(() => {}),
        signal,
      );
    this.#look ??= this.#begin(isWanted);
    const look = this.#look;
    look.waiting.add(onProgress);
    try {
      await untilAborted(look.result, signal);
    } finally {
      look.waiting.delete(onProgress);
      if (look.waiting.size === 0) look.controller.abort(signal.reason);
    }
  }

  #begin(isWanted: boolean): Look {
    clearTimeout(this.#timer);
    const controller = new AbortController();
    const waiting = new Set<OnProgress>();
    const { signal } = controller;
    const quest: Quest = {
      ...this.#means,
      list: this.#list,
      module: this.#module,
      signal,
      onProgress: (event) => {
        for (const hear of waiting) hear(event);
      },
    };
    const work = () => this.#lookAround(quest, isWanted);
    const result = inTurn(this.#settings, signal, work)
      .then(() => {
        this.#failures = 0;
      })
      .catch((error: unknown) => {
        this.#next = backOff(Date.now(), signal.aborted ? 1 : ++this.#failures, Math.random());
        signal.throwIfAborted();
        const { code, message } = asPresealError(error, "engine-failed");
        this.#tell({ type: "update-failed", code, message });
        throw error;
      })
      .finally(() => {
        this.#look = undefined;
        this.#plan();
      });
    return { result, controller, waiting };
  }

  /** Takes what another page has stored; asks the publisher if it is time, or if it is wanted at any rate. */
  async #lookAround(quest: Quest, isWanted: boolean): Promise<void> {
    quest.onProgress({ phase: "manifest", loaded: 0, total: 0 });
    const isStored = await this.#follow();
    if (isStored && !isWanted && this.#next > Date.now()) return;
    const { serving, next } = await fromPublisher(quest, this.#serving);
    this.#next = next;
    if (this.#swap(serving) && serving.info.stored) this.#channel?.postMessage(serving.info.mark);
  }

  /** Takes what is stored if it is newer; says whether what serves is what is stored. */
  #follow(): Promise<boolean> {
    const take = async () => {
      const { signal } = new AbortController();
      const quest = { ...this.#means, list: this.#list, module: this.#module, signal, onProgress() {} };
      const stored = await fromStore(quest, this.#serving).catch(() => undefined);
      if (!stored || stored.serving.info.version < this.#serving.info.version) return false;
      this.#next = stored.next;
      this.#swap(stored.serving);
      this.#plan();
      return true;
    };
    this.#following ??= take().finally(() => {
      this.#following = undefined;
    });
    return this.#following;
  }

  /** Lets another snapshot serve. The checks that began with the one before finish with it. */
  #swap(serving: Serving): boolean {
    if (serving === this.#serving || serving.info.version < this.#serving.info.version) return false;
    this.#serving = serving;
    this.#tell({ type: "swapped", info: serving.info, kept: serving.kept });
    return true;
  }

  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#settings.update === "manual" || this.#look) return;
    const { signal } = new AbortController();
    const go = () => void this.#join(false, signal, () => {}).catch(() => {}); // the page has been told
    this.#timer = setTimeout(go, waitUntil(this.#next, Date.now()));
  }
}

function openChannel(name: string): BroadcastChannel | undefined {
  try {
    return new BroadcastChannel(name);
  } catch {
    return undefined; // every page then looks for itself
  }
}
