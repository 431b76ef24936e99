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

/** After so many crashes without a verdict between them a worker is replaced only when it is needed. */
const MAX_CRASHES = 3;

/** What opening a worker yields. */
interface Opened {
  link: Link;
  info: SnapshotInfo;
  kept: Kept;
}

/**
 * Checks files against one snapshot. It owns a worker, which holds the engine and the snapshot. An engine that crashes is
 * replaced without a request. A worker that crashes is replaced at once, or, after three crashes in a row, at the next check;
 * the browser may then fetch the worker's scripts again, but neither the engine nor the snapshot.
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
  #crashes = 0;
  readonly #closing = new AbortController();

  private constructor(settings: Settings, create: () => Worker, opened: Opened) {
    this.#settings = settings;
    this.#create = create;
    this.#opened = this.#adopt(opened);
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
    const report = emptyReport(); // of what is known here if the worker is lost
    try {
      const { link } = await untilAborted(this.#working(), signal ?? this.#closing.signal);
      const reply = await link.call({ type: "check", blob }, signal, (event) => {
        if (event.phase === "confirm") {
          report.requests++;
          report.sent.push(event.request);
        }
        tell(onProgress, event);
      });
      if (reply.type !== "checked") throw new PresealError("engine-failed", "the worker gave the wrong kind of reply");
      this.#crashes = 0;
      return reply.verdict;
    } catch (error) {
      signal?.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      return { kind: "unavailable", reason: asPresealError(error, "engine-failed").code, report };
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

  /** The worker, or another one if it has crashed. */
  async #working(): Promise<Opened> {
    return this.#opened.link.failure ? this.#replace() : this.#opened;
  }

  /** Opens another worker. Checks that come meanwhile wait for the same one. */
  #replace(): Promise<Opened> {
    this.#replacement ??= openWorker(this.#create, this.#settings, this.#opened.kept, this.#closing.signal)
      .then((opened) => {
        this.#opened = this.#adopt(opened);
        return opened;
      })
      .finally(() => {
        this.#replacement = undefined;
      });
    return this.#replacement;
  }

  /** Replaces the worker as soon as it crashes, so that no later check of a clear file coincides with a request. */
  #adopt(opened: Opened): Opened {
    const { signal } = this.#closing;
    if (signal.aborted) opened.link.end(signal.reason); // closed since it replied
    opened.link.onFailure = () => {
      if (signal.aborted || ++this.#crashes > MAX_CRASHES) return;
      this.#replace().catch(() => {}); // the next check tries again
    };
    return opened;
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
    const task = { type: "open", version, settings, ...(kept && { kept }) } as const;
    const reply = await link.call(task, signal, (event) => tell(onProgress, event));
    if (reply.type === "opened") return { link, info: reply.info, kept: reply.kept };
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
