import { PresealError } from "./errors.js";
import type { Lane } from "./verdict.js";

/** A candidate's key, as the confirmation server is asked about it. */
export interface Key {
  lane: Lane;
  bytes: Uint8Array;
}

/** One exchange with the confirmation server: the bytes to send, and how to read the bytes that come back. */
export interface Question {
  /** Where the request goes, relative to the confirmation's base URL. */
  path: string;
  request: Uint8Array<ArrayBuffer>;
  /** The exact length of a well-formed response. */
  responseSize: number;
  /**
   * Whether each key is listed, in the order asked.
   *
   * @throws PresealError `bad-answer` if the response is not well formed.
   */
  answers(response: Uint8Array): boolean[];
}

/** A way to ask. The private protocol will be another one. */
export interface Confirmation {
  ask(keys: readonly Key[]): Question;
}

/** The most keys of one question. */
export const MAX_KEYS = 16;

/** The media type of requests and responses. */
export const CONTENT_TYPE = "application/vnd.preseal.confirm";

const LANES: Record<Lane, number> = { sha256: 1, md5: 2, phash: 3, pdq: 4 };
const REQUEST = 1;
const RESPONSE = 2;
const PLAIN = 0;

/**
 * The plain protocol: it shows the server the keys. For development and public lists only.
 *
 * ```
 * request   1 | 0 | n, 1 to 16 | n × ( lane | length | key )
 * response  2 | 0 | n          | n × ( 0 not listed | 1 listed )
 * ```
 */
export const plain: Confirmation = {
  ask(keys) {
    if (keys.length < 1 || keys.length > MAX_KEYS) throw new RangeError(`${keys.length} keys; want 1 to ${MAX_KEYS}`);
    const bytes = [REQUEST, PLAIN, keys.length];
    for (const key of keys) bytes.push(LANES[key.lane], key.bytes.length, ...key.bytes);
    return {
      path: "plain",
      request: Uint8Array.from(bytes),
      responseSize: 3 + keys.length,
      answers: (response) => plainAnswers(response, keys.length),
    };
  },
};

function plainAnswers(response: Uint8Array, count: number): boolean[] {
  const [type, version, n, ...listed] = response;
  if (response.length !== 3 + count || type !== RESPONSE || version !== PLAIN || n !== count || !listed.every(isBit)) {
    throw new PresealError("bad-answer", "confirmation: the response is not well formed");
  }
  return listed.map((byte) => byte === 1);
}

function isBit(byte: number): boolean {
  return byte === 0 || byte === 1;
}
