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

/** Runs work, and adds the milliseconds that it took to the sum of the name. */
export async function timed<N extends string, T>(
  sums: Record<N, number>,
  name: N,
  work: () => T | PromiseLike<T>,
): Promise<T> {
  const start = performance.now();
  try {
    return await work();
  } finally {
    sums[name] += performance.now() - start;
  }
}

/** Waits for the milliseconds, or rejects with the signal's reason once that aborts. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await untilAborted(new Promise<void>((done) => (timer = setTimeout(done, milliseconds))), signal);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits for the lock of the name, which all pages of the origin share, and returns what gives it back. After the
 * milliseconds it is not waited for any longer: its holder may sleep, and the lock only saves work.
 *
 * @throws the signal's reason.
 */
export async function lock(name: string, milliseconds: number, signal: AbortSignal): Promise<() => void> {
  const take = (signal: AbortSignal) =>
    new Promise<() => void>((resolve, reject) => {
      const hold = () => (signal.aborted ? undefined : new Promise<void>((release) => resolve(release)));
      navigator.locks.request(name, { signal }, hold).catch(reject);
    });
  try {
    return await within(milliseconds, "lock", signal, take);
  } catch {
    signal.throwIfAborted();
    return () => {};
  }
}
