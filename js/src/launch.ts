import { startBeside } from "./beside.js";
import { asPresealError, PresealError } from "./errors.js";
import { Link } from "./link.js";
import type { Kept, OpenProgress, Settings, SnapshotInfo } from "./messages.js";
import { version } from "./release.js";
import { untilAborted } from "./wait.js";

/** What opening a worker yields, kept up to date. */
export interface Opened {
  link: Link;
  info: SnapshotInfo;
  kept: Kept;
}

/**
 * Starts a worker and lets it open a snapshot.
 *
 * @throws PresealError; the signal's reason.
 */
export async function openWorker(
  create: () => Worker,
  settings: Settings,
  kept?: Kept,
  signal?: AbortSignal,
  onProgress?: (event: OpenProgress) => void,
): Promise<Opened> {
  signal?.throwIfAborted();
  let link: Link | undefined;
  const beside = startBeside(settings.timeout);
  try {
    link = new Link(create(), settings.timeout, beside.end);
    const task = { type: "open", version, settings, digester: beside.port, ...(kept && { kept }) } as const;
    const reply = await link.call(task, signal, (event) => tell(onProgress, event));
    // So that its request does not coincide with a check.
    await (signal ? untilAborted(beside.settled, signal) : beside.settled);
    if (reply.type === "opened") return { link, info: reply.info, kept: reply.kept };
    throw new PresealError("engine-failed", "the worker gave the wrong kind of reply");
  } catch (error) {
    const failure = asPresealError(error, "engine-failed");
    if (link) link.end(failure);
    else beside.end();
    signal?.throwIfAborted();
    throw failure;
  }
}

/** The package's own worker, by an expression that bundlers recognise. */
export function createWorker(): Worker {
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
}

/** A listener that throws must not fail the call. */
export function tell<E>(listener: ((event: E) => void) | undefined, event: unknown): void {
  try {
    listener?.(event as E);
  } catch (error) {
    reportError(error);
  }
}
