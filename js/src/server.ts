import { CONTENT_TYPE, type Question } from "./confirm.js";
import { download, Refused } from "./download.js";
import { PresealError } from "./errors.js";
import type { CheckProgress } from "./messages.js";
import type { Report } from "./verdict.js";
import { pause, within } from "./wait.js";

/** What a check tells and wants of its requests. */
export interface Terms {
  /** The server's base URL. */
  base: string;
  /** Milliseconds that one request may take. */
  timeout: number;
  signal: AbortSignal;
  report: Report;
  onProgress(event: CheckProgress): void;
}

/** Milliseconds before a request is sent once more: half of it to one and a half times as long. */
const BACK_OFF = 500;

/** The most milliseconds that a server is waited for which says how long. */
const MAX_WAIT = 10_000;

/** The confirmation server, as one check sees it. */
export class Server {
  readonly #terms: Terms;

  constructor(terms: Terms) {
    this.#terms = terms;
  }

  /**
   * Sends a question and returns the response, which nobody has looked at yet.
   *
   * @throws PresealError `network`, `timeout`, `server`, `busy`, `bad-answer`; the signal's reason.
   */
  ask({ path, request, maxResponse }: Question<unknown>): Promise<Uint8Array<ArrayBuffer>> {
    const headers = { "Content-Type": CONTENT_TYPE };
    return this.#send(path, request, maxResponse, { method: "POST", body: request, headers });
  }

  /** Fetches the entries of a bucket, limit bytes at most. @throws the same as ask. */
  entries(keyId: string, bucket: string, limit: number): Promise<Uint8Array<ArrayBuffer>> {
    const path = `entries/${keyId}/${bucket}`;
    return this.#send(path, new TextEncoder().encode(path), limit, {});
  }

  /** Sends a request, and once more after a failure that may pass. */
  async #send(path: string, sent: Uint8Array, limit: number, init: RequestInit): Promise<Uint8Array<ArrayBuffer>> {
    const { signal, timeout } = this.#terms;
    for (let isLast = false; ; isLast = true) {
      try {
        return await this.#once(path, sent, limit, init);
      } catch (error) {
        signal.throwIfAborted();
        const wait = isLast ? undefined : waitAfter(error, timeout, Math.random());
        if (wait === undefined) throw inTerms(error);
        await pause(wait, signal);
      }
    }
  }

  async #once(path: string, sent: Uint8Array, limit: number, init: RequestInit): Promise<Uint8Array<ArrayBuffer>> {
    const { base, timeout, signal, report, onProgress } = this.#terms;
    const what = "confirmation";
    mustBeOnline();
    onProgress({ phase: "confirm", request: sent });
    report.requests++;
    report.sent.push(sent);
    const bytes = await within(timeout, what, signal, (signal) =>
      download(new URL(path, base).href, {
        what,
        limit,
        timeout,
        signal,
        ...(init.body !== undefined && { type: CONTENT_TYPE }),
        // What it says goes to the server that was configured, or nowhere, and no cache remembers it.
        init: { ...init, cache: "no-store", redirect: "error" },
      }),
    );
    report.received += bytes.length;
    return bytes;
  }
}

/** @throws PresealError `network` if the browser knows that there is none. */
export function mustBeOnline(): void {
  if (!navigator.onLine) throw new PresealError("network", "confirmation: the device is offline");
}

/**
 * How many milliseconds to wait before a request is sent once more, or undefined if that is of no use: only failures of the
 * network and of an overloaded server pass, and a server that wants to be left alone for longer than 10 seconds, or than the
 * timeout of a request in milliseconds, is not waited for. Random is a number from 0 up to 1, so that clients do not come all at once.
 */
export function waitAfter(error: unknown, timeout: number, random: number): number | undefined {
  const jitter = BACK_OFF * (0.5 + random);
  if (!(error instanceof Refused)) {
    return error instanceof PresealError && ["network", "timeout"].includes(error.code) ? jitter : undefined;
  }
  const { status, retryAfter = 0 } = error;
  const isPassing = (status === 429 || status >= 500) && retryAfter <= Math.min(timeout, MAX_WAIT);
  return isPassing ? retryAfter + jitter : undefined;
}

/** The error as the confirmation's protocol calls it. */
function inTerms(error: unknown): unknown {
  if (error instanceof Refused && error.status === 429) return new PresealError("busy", error.message);
  if (error instanceof PresealError && error.code === "too-large") return new PresealError("bad-answer", error.message);
  return error;
}
