import {
  type CheckOptions,
  emptyReport,
  Matcher,
  type OpenProgress,
  PresealError,
  type SnapshotInfo,
  type Verdict,
} from "../index.js";

/** What the demo server says of itself at /demo.json. */
export interface Config {
  snapshot: string;
  confirm: string;
  trust: string[];
  origin: string;
}

/** How the list stands. */
export type State =
  | { kind: "opening"; progress?: OpenProgress }
  | { kind: "open"; snapshot: SnapshotInfo }
  | { kind: "failed"; error: PresealError };

/** A matcher that can be reopened, and whose failure to open is a verdict like any other. */
export class Gate {
  private matcher: Promise<Matcher | PresealError> | undefined;
  private opening = new AbortController();

  /** `onState` hears of every change. */
  constructor(private readonly onState: (state: State) => void) {}

  /** Opens the snapshot, in place of the one before. Never rejects: a failure shows in the state and in each check. */
  async open(config: Config): Promise<void> {
    this.opening.abort();
    const previous = this.matcher;
    const mine = new AbortController();
    this.opening = mine;
    this.onState({ kind: "opening" });
    this.matcher = (async () => {
      const old = await previous;
      if (old instanceof Matcher) old.close();
      try {
        return await Matcher.open({
          snapshot: new URL(config.snapshot, location.href),
          confirm: new URL(config.confirm, location.href),
          trust: { roles: rolesOf(config.trust), origin: config.origin },
          signal: mine.signal,
          onProgress: (progress) => {
            if (!mine.signal.aborted) this.onState({ kind: "opening", progress });
          },
        });
      } catch (error) {
        return error instanceof PresealError ? error : new PresealError("engine-failed", String(error));
      }
    })();
    const result = await this.matcher;
    if (mine.signal.aborted) return;
    if (result instanceof Matcher) this.onState({ kind: "open", snapshot: result.snapshot });
    else this.onState({ kind: "failed", error: result });
  }

  /** What the manifest says of the list, once it is open. */
  async snapshot(): Promise<SnapshotInfo | undefined> {
    const matcher = await this.matcher;
    return matcher instanceof Matcher ? matcher.snapshot : undefined;
  }

  /** Gives up on opening a snapshot. */
  fail(error: PresealError): void {
    this.matcher = Promise.resolve(error);
    this.onState({ kind: "failed", error });
  }

  /** Checks a file, waiting for the list if it is still being opened. @throws the signal's reason */
  async check(file: Blob, options: CheckOptions & { signal: AbortSignal }): Promise<Verdict> {
    const { signal } = options;
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    signal.throwIfAborted();
    const matcher = await Promise.race([this.matcher, aborted]);
    if (matcher instanceof Matcher) return matcher.check(file, options);
    return { kind: "unavailable", reason: matcher?.code ?? "closed", report: emptyReport() };
  }
}

/** The keys as `Matcher.open` takes them in a list: the authority's, and the auditor's if there are two. */
function rolesOf([authority = "", auditor]: readonly string[]): Record<string, readonly string[]> {
  return auditor === undefined ? { authority: [authority] } : { authority: [authority], auditor: [auditor] };
}
