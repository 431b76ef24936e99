import { asPresealError, PresealError } from "./errors.js";
import { Link } from "./link.js";
import type { CheckProgress, Kept, OpenProgress, Settings, SnapshotInfo } from "./messages.js";
import { type OpenOptions, settingsOf } from "./options.js";
import { version } from "./release.js";
import { emptyReport, type Verdict } from "./verdict.js";
import { untilAborted } from "./wait.js";

/** The options of `matcher.check`. */
export interface CheckOptions {
  signal?: AbortSignal;
  onProgress?: (event: CheckProgress) => void;
}

/** What opening a worker yields. */
interface Opened {
  link: Link;
  info: SnapshotInfo;
  kept: Kept;
}

/**
 * Checks files against one snapshot. It owns a worker, which holds the engine and the snapshot; a worker or engine that
 * crashes is replaced on the next check, without a request.
 *
 * @example
 * ```ts
 * const matcher = await Matcher.open({ snapshot: "/lists/", trust: [VERIFIER_KEY], confirm: "/v1/" });
 * const verdict = await matcher.check(file);
 * if (decide(verdict, "fail-closed") === "send") await sealAndSend(file);
 * ```
 */
export class Matcher {
  readonly #settings: Settings;
  readonly #create: () => Worker;
  #opened: Opened;
  #replacement: Promise<Opened> | undefined;
  readonly #closing = new AbortController();

  private constructor(settings: Settings, create: () => Worker, opened: Opened) {
    this.#settings = settings;
    this.#create = create;
    this.#opened = opened;
  }

  /**
   * Starts a worker, fetches the engine and the snapshot, and verifies both.
   *
   * @throws TypeError or RangeError for a mistake in the options, before any request.
   * @throws PresealError `network`, `timeout`, `server`, `integrity`, `version-mismatch`, `engine-failed`, or the reason for
   * which the snapshot is refused (`untrusted`, `expired`, `rolled-back`, `corrupt` and so on).
   * @throws the signal's reason once it aborts.
   * @example
   * ```ts
   * const matcher = await Matcher.open({
   *   snapshot: "/lists/",
   *   trust: { keys: [AUTHORITY_KEY, AUDITOR_KEY], threshold: 2, origin: "example.org/list" },
   *   confirm: "/v1/",
   *   signal: AbortSignal.timeout(60_000),
   *   onProgress: ({ phase, loaded, total }) => console.log(phase, loaded, total),
   * });
   * ```
   */
  static async open(options: OpenOptions): Promise<Matcher> {
    if (!globalThis.crypto?.subtle) throw new PresealError("engine-failed", "preseal needs a secure context (HTTPS)");
    const settings = await settingsOf(options);
    const create = options.worker ?? createWorker;
    const opened = await openWorker(create, settings, undefined, options.signal, options.onProgress);
    return new Matcher(settings, create, opened);
  }

  /** What the manifest says of the open snapshot. */
  get snapshot(): SnapshotInfo {
    return this.#opened.info;
  }

  /**
   * Checks a file. Calls may overlap; the files are examined one after the other. A file without a candidate causes no
   * request.
   *
   * @throws TypeError if blob is not a Blob.
   * @throws PresealError `closed` if the matcher is closed or gets closed meanwhile. Every other failure is a verdict.
   * @throws the signal's reason once it aborts.
   * @example
   * ```ts
   * const verdict = await matcher.check(input.files[0], { signal: AbortSignal.timeout(30_000) });
   * if (verdict.kind === "match") explainWhyItIsHeldBack();
   * ```
   */
  async check(blob: Blob, options: CheckOptions = {}): Promise<Verdict> {
    if (!isBlob(blob)) throw new TypeError("check: not a Blob");
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    if (blob.size === 0) return { kind: "unsupported", reason: "empty", report: emptyReport() };
    try {
      const { link } = await untilAborted(this.#working(), signal ?? this.#closing.signal);
      const outcome = await link.call({ type: "check", blob }, signal, (event) => tell(onProgress, event));
      if (outcome.type === "checked") return outcome.verdict;
      throw new PresealError("engine-failed", "the worker gave the wrong kind of reply");
    } catch (error) {
      signal?.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      return { kind: "unavailable", reason: asPresealError(error, "engine-failed").code, report: emptyReport() };
    }
  }

  /** Ends the worker. Pending checks reject with the code `closed`. */
  close(): void {
    const failure = new PresealError("closed", "the matcher is closed");
    this.#closing.abort(failure);
    this.#opened.link.end(failure);
  }

  /** The same as close, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The worker, or another one if it has crashed; checks that come meanwhile wait for the same one. */
  async #working(): Promise<Opened> {
    if (!this.#opened.link.failure) return this.#opened;
    this.#replacement ??= openWorker(this.#create, this.#settings, this.#opened.kept, this.#closing.signal).finally(
      () => {
        this.#replacement = undefined;
      },
    );
    this.#opened = await this.#replacement;
    return this.#opened;
  }
}

async function openWorker(
  create: () => Worker,
  settings: Settings,
  kept?: Kept,
  signal?: AbortSignal,
  onProgress?: (event: OpenProgress) => void,
): Promise<Opened> {
  signal?.throwIfAborted();
  let link: Link | undefined;
  try {
    link = new Link(create(), settings.timeout);
    const question = { type: "open", version, settings, ...(kept && { kept }) } as const;
    const outcome = await link.call(question, signal, (event) => tell(onProgress, event));
    if (outcome.type === "opened") return { link, info: outcome.info, kept: outcome.kept };
    throw new PresealError("engine-failed", "the worker gave the wrong kind of reply");
  } catch (error) {
    const failure = asPresealError(error, "engine-failed");
    link?.end(failure);
    signal?.throwIfAborted();
    throw failure;
  }
}

function createWorker(): Worker {
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
}

/** A listener that throws must not fail the check. */
function tell<E>(listener: ((event: E) => void) | undefined, event: unknown): void {
  try {
    listener?.(event as E);
  } catch (error) {
    reportError(error);
  }
}

/** By its tag, since a Blob may come from another frame. */
function isBlob(value: unknown): value is Blob {
  return ["[object Blob]", "[object File]"].includes(Object.prototype.toString.call(value));
}
