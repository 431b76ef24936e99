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

/** A look for an update, or what came of one; also of those by the matcher itself and by another tab. */
export type Look =
  | { kind: "looking"; progress?: OpenProgress }
  | { kind: "latest"; snapshot: SnapshotInfo }
  | { kind: "updated"; before: SnapshotInfo; snapshot: SnapshotInfo }
  | { kind: "failed"; error: PresealError; snapshot: SnapshotInfo };

/** A matcher that can be reopened, and whose failure to open is a verdict like any other. */
export class Gate {
  private matcher: Promise<Matcher | PresealError> | undefined;
  private opening = new AbortController();
  private failures = 0;

  /** `onState` hears of every change but those of an open list, of which `onLook` hears. */
  constructor(
    private readonly onState: (state: State) => void,
    private readonly onLook: (look: Look) => void,
  ) {}

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
        return asFailure(error);
      }
    })();
    const result = await this.matcher;
    if (mine.signal.aborted) return;
    if (result instanceof Matcher) this.follow(result);
    else this.onState({ kind: "failed", error: result });
  }

  /** Looks for an update now. Never rejects: what came of it is told. */
  async look(): Promise<void> {
    const matcher = await this.matcher;
    if (!(matcher instanceof Matcher)) return;
    const before = matcher.snapshot;
    const told = this.failures;
    this.onLook({ kind: "looking" });
    try {
      const onProgress = (progress: OpenProgress) => this.onLook({ kind: "looking", progress });
      const snapshot = await matcher.update({ onProgress });
      if (snapshot.version === before.version) this.onLook({ kind: "latest", snapshot });
    } catch (error) {
      if (this.failures > told || matcher !== (await this.matcher)) return;
      this.onLook({ kind: "failed", error: asFailure(error), snapshot: matcher.snapshot });
    }
  }

  /** Takes the latest list if there is a newer one than this page has. Never rejects. */
  async catchUp(): Promise<void> {
    const matcher = await this.matcher;
    if (matcher instanceof Matcher) await matcher.update().catch(() => {}); // the event has told
  }

  private follow(matcher: Matcher): void {
    let before = matcher.snapshot;
    this.onState({ kind: "open", snapshot: before });
    matcher.addEventListener("update", ({ detail: snapshot }) => {
      this.onLook({ kind: "updated", before, snapshot });
      before = snapshot;
    });
    matcher.addEventListener("updateerror", ({ detail: error }) => {
      this.failures++;
      this.onLook({ kind: "failed", error, snapshot: matcher.snapshot });
    });
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

function asFailure(error: unknown): PresealError {
  return error instanceof PresealError ? error : new PresealError("engine-failed", String(error));
}

/** The keys as `Matcher.open` takes them in a list: the authority's, and the auditor's if there are two. */
function rolesOf([authority = "", auditor]: readonly string[]): Record<string, readonly string[]> {
  return auditor === undefined ? { authority: [authority] } : { authority: [authority], auditor: [auditor] };
}
