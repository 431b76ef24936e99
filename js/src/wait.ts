import { PresealError } from "./errors.js";

/** Waits for work until the signal aborts; then rejects with its reason, whether or not the work heeds it. */
export function untilAborted<T>(work: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    Promise.resolve(work)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", stop));
  });
}

/**
 * Runs work under a deadline: rejects with the code `timeout` after the given milliseconds, with the signal's reason once
 * that aborts. Work gets a signal that aborts in both cases.
 */
export async function within<T>(
  milliseconds: number,
  what: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => PromiseLike<T>,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const follow = () => controller.abort(signal.reason);
  signal.addEventListener("abort", follow);
  const timer = setTimeout(() => {
    controller.abort(new PresealError("timeout", `${what}: no progress within ${milliseconds} ms`));
  }, milliseconds);
  try {
    return await untilAborted(work(controller.signal), controller.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", follow);
  }
}
