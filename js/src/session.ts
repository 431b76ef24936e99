import { type Acquired, fromPublisher, fromStore, type Quest } from "./acquire.js";
import { Digester } from "./beside.js";
import { isTruthful } from "./canvas.js";
import { check, type Desk } from "./check.js";
import { Decoders } from "./decoders.js";
import type { CheckProgress, Kept, News, OpenProgress, Settings, SnapshotInfo } from "./messages.js";
import { fetchProgram } from "./program.js";
import { engine } from "./release.js";
import { Serving } from "./serving.js";
import { inTurn, listName, Updater } from "./updater.js";
import type { Verdict } from "./verdict.js";
import { untilAborted } from "./wait.js";

/** Where a session begins, besides what the page wants of it. */
export interface Start {
  /** The engine's URL. */
  wasm: string;
  /** The URL of the decoders for browsers with an untruthful canvas, and for lists with filters of the kind bloom.zst. */
  decoders: string;
  /** Leads to the second worker. */
  digester: MessagePort | undefined;
  /** What an earlier worker kept. */
  kept: Kept | undefined;
  tell(news: News): void;
}

/** What a worker holds: a snapshot that serves, and what keeps it up to date. */
export class Session {
  readonly #settings: Settings;
  readonly #updater: Updater;
  readonly #decoders: Decoders;
  readonly #digester: Digester;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(settings: Settings, updater: Updater, decoders: Decoders, digester: Digester) {
    this.#settings = settings;
    this.#updater = updater;
    this.#decoders = decoders;
    this.#digester = digester;
  }

  /**
   * Carries on with what an earlier worker kept; otherwise opens what is stored, without a request for it; otherwise fetches
   * the snapshot. Whatever it is, it is verified.
   *
   * @throws PresealError; the signal's reason.
   */
  static async open(
    settings: Settings,
    { wasm, decoders: url, digester, kept, tell }: Start,
    signal: AbortSignal,
    onProgress: (event: OpenProgress) => void,
  ): Promise<Session> {
    const module = kept ? Promise.resolve(kept.module) : fetchModule(settings, wasm, signal, onProgress);
    module.catch(() => {}); // whoever needs it hears of it
    const decoders = new Decoders(url, settings.timeout, kept?.decoders);
    if (!isTruthful()) decoders.load().catch(() => {}); // now, so that no request coincides with a check
    const quest: Quest = { settings, decoders, list: listName(settings), module, signal, onProgress };
    const acquired = kept ? await resume(kept, quest) : await acquire(quest);
    signal.throwIfAborted();
    const updater = new Updater({ settings, decoders }, acquired, tell);
    return new Session(settings, updater, decoders, new Digester(digester, settings.timeout));
  }

  get serving(): Serving {
    return this.#updater.serving;
  }

  /** Looks for an update; see {@link Updater.update}. */
  update(signal: AbortSignal, onProgress: (event: OpenProgress) => void): Promise<SnapshotInfo> {
    return this.#updater.update(signal, onProgress);
  }

  /** Checks one file; see {@link check}. */
  async check(blob: Blob, signal: AbortSignal, onProgress: (event: CheckProgress) => void): Promise<Verdict> {
    const { confirm, confirmation, timeout } = this.#settings;
    let serving: Serving | undefined;
    const current = () => (serving ??= this.serving); // until the end of the check, whatever comes meanwhile
    const desk: Desk = {
      engine: () => current().running(),
      oprf: () => current().info.oprf,
      renew: async () => {
        const before = current();
        await this.#updater.renew(before, signal, () => onProgress({ phase: "update" }));
        serving = undefined;
        return current().info.file !== before.info.file;
      },
      inTurn: (work) => this.#inTurn(work, signal),
      decoders: this.#decoders,
      digester: this.#digester,
      confirm,
      confirmation,
      timeout,
      signal,
      onProgress,
    };
    const verdict = await check(blob, desk);
    if (verdict.kind === "unavailable" && verdict.reason === "expired") this.#updater.hurry();
    return verdict;
  }

  #inTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return untilAborted(result, signal);
  }
}

async function acquire(quest: Quest): Promise<Acquired> {
  const { settings, signal } = quest;
  const stored = await untilAborted(fromStore(quest), signal);
  return stored ?? inTurn(settings, signal, async () => (await fromStore(quest)) ?? (await fromPublisher(quest)));
}

/** Opens what was kept. It may have expired since; then another snapshot will do, and without one that is the reason to give. */
async function resume(kept: Kept, quest: Quest): Promise<Acquired> {
  try {
    const serving = await Serving.open(quest, kept);
    return { serving, next: Date.now() + 60_000 }; // not at once: it may have been the update that crashed
  } catch (error) {
    return acquire(quest).catch(() => {
      throw error;
    });
  }
}

async function fetchModule(
  { timeout }: Settings,
  url: string,
  signal: AbortSignal,
  onProgress: (event: OpenProgress) => void,
): Promise<WebAssembly.Module> {
  const tell = (loaded: number) => onProgress({ phase: "engine", loaded, total: engine.size });
  tell(0);
  return fetchProgram(url, engine, timeout, signal, tell);
}
