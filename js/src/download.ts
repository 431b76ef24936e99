import { PresealError } from "./errors.js";
import { within } from "./wait.js";

/** How a body is fetched and what is read of it. */
export interface Download {
  /** What it is, for error messages. */
  what: string;
  /** The most bytes that are read; a longer body is `too-large`. */
  limit: number;
  /** Milliseconds without a new byte after which the download is given up. */
  timeout: number;
  signal: AbortSignal;
  /** The media type without which an answer is not believed. */
  type?: string;
  init?: RequestInit;
  onProgress?: (loaded: number) => void;
}

/** The error of a response with another status than it should have. */
export class Refused extends PresealError {
  readonly status: number;
  /** After how many milliseconds the server wants to be asked again, if it says so. */
  readonly retryAfter: number | undefined;

  constructor(what: string, { status, headers }: Response) {
    super("server", `${what}: the server answered ${status}`);
    this.status = status;
    this.retryAfter = retryAfter(headers.get("Retry-After"), Date.now());
  }
}

/** No cookies, no referrer: a request says nothing of the page it comes from but its origin. */
const PRIVATE: RequestInit = { credentials: "omit", referrerPolicy: "no-referrer" };

/** Fetches with a deadline on the response's head. */
async function request(url: string, d: Download): Promise<Response> {
  // The body outlives this deadline, so its signal is one that only the caller aborts.
  const response = await within(d.timeout, d.what, d.signal, () =>
    fetch(url, { ...PRIVATE, ...d.init, signal: d.signal }).catch((error: unknown) => {
      throw networkError(d, error);
    }),
  );
  const refusal = refuse(response, d);
  if (!refusal) return response;
  response.body?.cancel().catch(() => {});
  throw refusal;
}

/** Only the status 200 carries what was asked for, or 206 where a part was. */
function refuse(response: Response, { what, type, init }: Download): PresealError | undefined {
  const { status, headers } = response;
  const isPart = status === 206 && init?.headers !== undefined && "Range" in init.headers;
  if (status !== 200 && !isPart) return new Refused(what, response);
  if (type === undefined || headers.get("Content-Type")?.split(";", 1)[0] === type) return undefined;
  return new PresealError("bad-answer", `${what}: the response is not of the type ${type}`);
}

/** Seconds or a date (RFC 9110, section 10.2.3) as milliseconds from now. */
function retryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  const wait = /^\d{1,10}$/.test(value) ? 1000 * Number(value) : Date.parse(value) - now;
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

/**
 * Fetches a body of at most `limit` bytes. The timeout is one of stalling: it starts anew with every piece.
 *
 * @throws PresealError `network`, `timeout`, `server`, `bad-answer` (another type) or `too-large`; the signal's reason.
 */
export async function download(url: string, d: Download): Promise<Uint8Array<ArrayBuffer>> {
  return (await downloadWithHeaders(url, d)).bytes;
}

/** The same as download, for a caller who has to know the response's headers as well. */
export function downloadWithHeaders(
  url: string,
  d: Download,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; headers: Headers }> {
  return exchange(url, d, async ({ headers }, pieces) => {
    const all: Uint8Array[] = [];
    let loaded = 0;
    for await (const piece of pieces) {
      all.push(piece);
      loaded += piece.length;
      d.onProgress?.(loaded);
    }
    return { bytes: concatenate(all, loaded), headers };
  });
}

/**
 * Fetches, lets use read the body piece by piece, and ends the transfer when it is done, however it ends.
 *
 * @throws the same as download, and what use throws.
 */
export async function exchange<T>(
  url: string,
  d: Download,
  use: (response: Response, pieces: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const abandon = new AbortController();
  const follow = () => abandon.abort(d.signal.reason);
  d.signal.throwIfAborted();
  d.signal.addEventListener("abort", follow);
  try {
    const response = await request(url, { ...d, signal: abandon.signal });
    return await use(response, piecesOf(response, d));
  } finally {
    d.signal.removeEventListener("abort", follow);
    abandon.abort(); // ends the transfer if it was given up; without effect once the body has been read
  }
}

async function* piecesOf(response: Response, d: Download): AsyncGenerator<Uint8Array> {
  let loaded = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await within(d.timeout, d.what, d.signal, () => reader.read()).catch((error: unknown) => {
      throw networkError(d, error);
    });
    if (done) break;
    loaded += value.length;
    if (loaded > d.limit) throw new PresealError("too-large", `${d.what}: more than ${d.limit} bytes`);
    yield value;
  }
}

/** Tells an abort and our own errors from a failure of the network, for which fetch has no type of its own. */
function networkError(d: { what: string; signal: AbortSignal }, error: unknown): unknown {
  if (d.signal.aborted) return d.signal.reason;
  if (error instanceof PresealError) return error;
  return new PresealError("network", `${d.what}: ${error instanceof Error ? error.message : "failed"}`, {
    cause: error,
  });
}

/** The chunks as one, of their length altogether. */
export function concatenate(chunks: Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
