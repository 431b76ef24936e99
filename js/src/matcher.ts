import { asPresealError, PresealError } from "./errors.js";
import { createWorker, type Opened, openWorker, tell } from "./launch.js";
import type { CheckProgress, News, OpenProgress, Settings, SnapshotInfo } from "./messages.js";
import { type OpenOptions, settingsOf } from "./options.js";
import { emptyReport, type Verdict } from "./verdict.js";
import { untilAborted } from "./wait.js";

/** The options of `matcher.check`. */
export interface CheckOptions {
  signal?: AbortSignal;
  onProgress?: (event: CheckProgress) => void;
}

/** The options of `matcher.update`. */
export interface UpdateOptions {
  signal?: AbortSignal;
  onProgress?: (event: OpenProgress) => void;
}

/** What a matcher tells of updates, whether it made them by itself, was asked to, or another page did. */
export interface MatcherEvents {
  /** `matcher.snapshot` has changed: a newer snapshot serves, or it is stored now. */
  update: CustomEvent<SnapshotInfo>;
  /** A look for an update failed; what served goes on to. */
  updateerror: CustomEvent<PresealError>;
}

type Listener<E> = ((event: E) => void) | { handleEvent(event: E): void } | null;

/** An EventTarget that knows the types of its events. */
interface MatcherTarget extends EventTarget {
  addEventListener<K extends keyof MatcherEvents>(
    type: K,
    listener: Listener<MatcherEvents[K]>,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: Listener<Event>, options?: boolean | AddEventListenerOptions): void;
}

/** After so many crashes without a verdict between them a worker is replaced only when it is needed. */
const MAX_CRASHES = 3;

/**
 * Checks files against one list. It owns a worker, which holds the engine and the list's snapshot, and keeps the snapshot in
 * IndexedDB and up to date. An update is verified and opened beside the snapshot that serves before it takes its place; one
 * that fails changes nothing. An engine that crashes is replaced without a request. A worker that crashes is replaced at once,
 * or, after three crashes in a row, at the next check; the browser may then fetch the worker's scripts again, but neither the
 * engine nor the snapshot. A worker that could not load the scripts of the confirmation is replaced, too: checks that are under
 * way in it end as `unavailable` with the reason `network`.
 *
 * @example
 * ```ts
 * const matcher = await Matcher.open({ snapshot: "/lists/", trust: [VERIFIER_KEY], confirm: "/v1/" });
 * const verdict = await matcher.check(file);
 * if (decide(verdict, "fail-closed") === "send") await sealAndSend(file);
 * ```
 */
export class Matcher extends (EventTarget as new () => MatcherTarget) {
  readonly #settings: Settings;
  readonly #create: () => Worker;
  #opened: Opened;
  #replacement: Promise<Opened> | undefined;
  #crashes = 0;
  readonly #closing = new AbortController();

  private constructor(settings: Settings, create: () => Worker, opened: Opened) {
    super();
    this.#settings = settings;
    this.#create = create;
    this.#opened = this.#adopt(opened);
  }

  /**
   * Starts a worker with the engine and a snapshot of the list: the one that is stored, without a request for it, if it passes
   * every check now; otherwise the publisher's. The engine's bytes are verified too.
   *
   * @throws TypeError or RangeError for a mistake in the options, before any request.
   * @throws PresealError `network`, `timeout`, `server`, `integrity`, `version-mismatch`, `engine-failed`, or the reason for
   * which the snapshot is refused (`untrusted`, `expired`, `rolled-back`, `corrupt` and so on).
   * @throws the signal's reason once it aborts.
   * @example
   * ```ts
   * const matcher = await Matcher.open({
   *   snapshot: "/lists/",
   *   trust: { roles: { authority: [AUTHORITY_KEY], auditor: [AUDITOR_KEY] }, origin: "example.org/list" },
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

  /** What the manifest says of the snapshot that serves now. */
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
    const start = performance.now();
    const report = emptyReport(); // of what is known here if the worker is lost
    try {
      const { link } = await untilAborted(this.#working(), signal ?? this.#closing.signal);
      const listens = onProgress !== undefined;
      const reply = await link.call({ type: "check", blob, listens }, signal, (event) => {
        if (event.phase === "confirm") {
          report.requests++;
          report.sent.push(event.request);
        }
        tell(onProgress, event);
      });
      if (reply.type !== "checked") throw new PresealError("engine-failed", "the worker gave the wrong kind of reply");
      this.#crashes = 0;
      reply.verdict.report.timings.total = performance.now() - start;
      if (reply.lacksScripts)
        link.end(new PresealError("network", "the worker could not load the confirmation's scripts"));
      return reply.verdict;
    } catch (error) {
      signal?.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      return { kind: "unavailable", reason: asPresealError(error, "engine-failed").code, report };
    }
  }

  /**
   * Looks for an update at once, whatever the cache lifetime, and waits until it serves. Calls at the same time share one look.
   * Checks go on meanwhile.
   *
   * @returns what the manifest says of the snapshot that serves then: a newer one, or the same if there is none.
   * @throws PresealError as `Matcher.open` does, besides `conflicting`, `broken-chain` and `closed`. The snapshot that served
   * goes on to serve; the verified part of a download stays for the next time.
   * @throws the signal's reason once it aborts.
   * @example
   * ```ts
   * matcher.addEventListener("update", ({ detail }) => console.log("version", detail.version));
   * matcher.addEventListener("updateerror", ({ detail }) => console.warn(detail.code));
   * const { version } = await matcher.update({ signal: AbortSignal.timeout(60_000) });
   * ```
   */
  async update({ signal, onProgress }: UpdateOptions = {}): Promise<SnapshotInfo> {
    signal?.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    const { link } = await untilAborted(this.#working(), signal ?? this.#closing.signal);
    const reply = await link.call({ type: "update" }, signal, (event) => tell(onProgress, event));
    if (reply.type === "updated") return reply.info;
    throw new PresealError("engine-failed", "the worker gave the wrong kind of reply");
  }

  /** Ends the worker, and with it an update that is under way. Pending calls reject with the code `closed`. */
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
    opened.link.onNews = (news) => this.#hear(news);
    opened.link.onFailure = () => {
      if (signal.aborted || ++this.#crashes > MAX_CRASHES) return;
      this.#replace().catch(() => {}); // the next check tries again
    };
    return opened;
  }

  #hear(news: News): void {
    if (news.type === "swapped") {
      this.#opened.info = news.info;
      this.#opened.kept = news.kept;
      this.dispatchEvent(new CustomEvent("update", { detail: news.info }));
    } else {
      const detail = new PresealError(news.code, news.message);
      this.dispatchEvent(new CustomEvent("updateerror", { detail }));
    }
  }
}

/** By its tag, since a Blob may come from another frame. */
function isBlob(value: unknown): value is Blob {
  return ["[object Blob]", "[object File]"].includes(Object.prototype.toString.call(value));
}
