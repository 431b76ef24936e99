import { PresealError } from "./errors.js";
import type { Lane } from "./verdict.js";

/** A candidate's key, as the confirmation server is asked about it. */
export interface Key {
  lane: Lane;
  bytes: Uint8Array;
}

/** What the server says of one key. */
export interface Answer {
  listed: boolean;
  /** The PDQ hashes of the listed entries that have this key, 32 bytes each; none for digests. */
  hashes: Uint8Array[];
  /** Their labels, or that of the entry without a hash. The plain protocol has none. */
  labels?: string[];
}

/**
 * One exchange with the confirmation server: the bytes to send, and how to read the bytes that come back. The plain
 * protocol answers with an {@link Answer} for each key; the private one with an {@link Output}, which only the client can
 * make something of.
 */
export interface Question<A> {
  /** Where the request goes, relative to the confirmation's base URL. */
  path: string;
  request: Uint8Array<ArrayBuffer>;
  /** How many keys it has room for, as its length shows. */
  slots: number;
  /** The most bytes that a well-formed response has. */
  maxResponse: number;
  /**
   * One answer for each key, in the order asked.
   *
   * @throws PresealError `bad-answer` if the response is not well formed; in the private protocol also `bad-proof` if the
   * server used another secret than its public key's, and `unknown-key`, `busy` or `server` if it refused.
   */
  answers(response: Uint8Array): A[];
}

/** What the server's function makes of a key, 64 bytes: secret, and meaningless without the snapshot. */
export type Output = Uint8Array<ArrayBuffer>;

/** A way to ask about 1 to {@link MAX_KEYS} keys. */
export interface Confirmation<A> {
  /** @throws RangeError if there are none or too many. */
  ask(keys: readonly Key[]): Question<A> | Promise<Question<A>>;
}

/** The most keys of one question. */
export const MAX_KEYS = 16;

/** The media type of requests and responses. */
export const CONTENT_TYPE = "application/vnd.preseal.confirm";

const LANES: Record<Lane, number> = { sha256: 1, md5: 2, phash: 3, pdq: 4 };

/** A key as both protocols write it: lane, length, bytes. */
export function keyBytes({ lane, bytes }: Key): number[] {
  return [LANES[lane], bytes.length, ...bytes];
}

const REQUEST = 1;
const RESPONSE = 2;
const PLAIN = 0;
const HEADER = 3;
const HASH = 32;
const MAX_HASHES = 254;
const NOT_LISTED = 0;
const SINGLE_HASH = 255;

/**
 * The plain protocol: it shows the server the keys. For development and public lists only.
 *
 * ```
 * request   1 | 0 | n, 1 to 16 | n × ( lane | length | key )
 * response  2 | 0 | n          | n × ( h | h × PDQ hash )
 * ```
 *
 * with h from 1 to 254, or 0 for "not listed", or 255 for "listed" without a hash.
 */
export const plain = {
  ask(keys: readonly Key[]): Question<Answer> {
    checkCount(keys);
    return {
      path: "plain",
      slots: keys.length,
      request: Uint8Array.of(REQUEST, PLAIN, keys.length, ...keys.flatMap(keyBytes)),
      maxResponse: HEADER + keys.length * (1 + MAX_HASHES * HASH),
      answers: (response) => plainAnswers(response, keys.length),
    };
  },
} satisfies Confirmation<Answer>;

/** @throws RangeError if a question cannot hold the keys. */
export function checkCount(keys: readonly Key[]): void {
  if (keys.length < 1 || keys.length > MAX_KEYS) throw new RangeError(`${keys.length} keys; want 1 to ${MAX_KEYS}`);
}

function plainAnswers(response: Uint8Array, count: number): Answer[] {
  const [type, version, n] = response;
  if (type !== RESPONSE || version !== PLAIN || n !== count) throw malformed("it does not fit the request");
  const answers: Answer[] = [];
  let at = HEADER;
  for (let i = 0; i < count; i++) {
    const h = response[at++];
    if (h === undefined) throw malformed(`answer ${i} is missing`);
    const hashes: Uint8Array[] = [];
    if (h !== NOT_LISTED && h !== SINGLE_HASH) {
      if (response.length - at < h * HASH) throw malformed(`answer ${i} lacks some of its ${h} hashes`);
      for (const end = at + h * HASH; at < end; at += HASH) hashes.push(response.slice(at, at + HASH));
    }
    answers.push({ listed: h !== NOT_LISTED, hashes });
  }
  if (at < response.length) throw malformed(`${response.length - at} bytes follow the last answer`);
  return answers;
}

/** The error of a response that the protocol does not allow. */
export function malformed(message: string): PresealError {
  return new PresealError("bad-answer", `confirmation: the response is not well formed: ${message}`);
}
