import { type Confirmation, checkCount, type Key, keyBytes, malformed, type Output, type Question } from "./confirm.js";
import { PresealError } from "./errors.js";
import type { Random } from "./ristretto.js";

type Ristretto = typeof import("./ristretto.js");

/** The numbers of slots that a question can have. */
const SIZES = [4, 8, 16];
const REQUEST = 1;
const RESPONSE = 2;
const VERSION = 1;
const SUITE = 1;
const HEADER = 12;
const ELEMENT = 32;
const PROOF = 64;
const INPUT_VERSION = 1;

const OK = 0;
const UNKNOWN_KEY = 1;
/** The statuses besides OK, malformed and internal among them, and what they are to the caller. */
const REFUSALS = new Map([
  [UNKNOWN_KEY, "unknown-key"],
  [2, "server"],
  [3, "busy"],
  [4, "server"],
] as const);

/**
 * The private protocol: the server learns that somebody asked, and nothing about the keys.
 *
 * ```
 * request   1 | 1 | suite 1 | m | key id 8 | m × blinded element 32
 * response  2 | 1 | status  | m | key id 8 | m × evaluated element 32 | proof 64
 * ```
 *
 * with m of 4, 8 or 16 slots, the fewest that hold the keys. Random inputs fill the others, and the order is random. The
 * public key is the manifest's. The arithmetic is loaded with the first question.
 */
export function voprf(publicKey: Uint8Array<ArrayBuffer>, random: Random = randomBytes): Confirmation<Output> {
  return { ask: (keys) => ask(keys, publicKey, random) };
}

async function ask(
  keys: readonly Key[],
  publicKey: Uint8Array<ArrayBuffer>,
  random: Random,
): Promise<Question<Output>> {
  checkCount(keys);
  const m = SIZES.find((size) => keys.length <= size) as number;
  const [ristretto, id] = await Promise.all([load(), idOf(publicKey)]);
  if (!ristretto.isElement(publicKey)) throw new PresealError("corrupt", "confirmation: the public key is no element");
  const order = shuffled(m, random);
  const inputs: Uint8Array[] = [];
  for (const [i, slot] of order.entries()) {
    const key = keys[i];
    inputs[slot] = key ? inputOf(key) : random(ELEMENT); // blinded, it looks like any other
  }
  const blinded = inputs.map((input) => ristretto.blind(input, random));
  return {
    path: "evaluate",
    slots: m,
    request: Uint8Array.from([REQUEST, VERSION, SUITE, m, ...id, ...blinded.flatMap((one) => [...one.blinded])]),
    maxResponse: HEADER + m * ELEMENT + PROOF,
    answers(response) {
      const { evaluated, proof } = parse(response, m, id, ristretto);
      const outputs = ristretto.finalize(publicKey, blinded, evaluated, proof);
      if (!outputs) throw new PresealError("bad-proof", "confirmation: the proof does not hold");
      return keys.map((_, i) => outputs[order[i] as number] as Output);
    },
  };
}

/** Loading it is the one request that a first candidate makes besides its question, to where the package is served from. */
async function load(): Promise<Ristretto> {
  try {
    return await import("./ristretto.js");
  } catch (cause) {
    throw new PresealError("network", "confirmation: ristretto.js could not be loaded", { cause });
  }
}

/** What names a key in manifests and in the paths of entries, 16 hexadecimal digits. */
export async function keyIdOf(publicKey: Uint8Array): Promise<string> {
  return [...(await idOf(publicKey))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The first 8 bytes of SHA-256("preseal oprf key\n" key) name a key. */
async function idOf(publicKey: Uint8Array): Promise<Uint8Array> {
  const named = Uint8Array.of(...new TextEncoder().encode("preseal oprf key\n"), ...publicKey);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", named)).subarray(0, 8);
}

/** What the server's function is applied to. */
function inputOf(key: Key): Uint8Array {
  return Uint8Array.of(INPUT_VERSION, ...keyBytes(key));
}

/** The numbers below m in random order: sorted by as many random numbers of 32 bits. */
function shuffled(m: number, random: Random): number[] {
  const ranks = new DataView(Uint8Array.from(random(4 * m)).buffer);
  return [...Array(m).keys()].sort((a, b) => ranks.getUint32(4 * a) - ranks.getUint32(4 * b));
}

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

function parse(response: Uint8Array, m: number, asked: Uint8Array, ristretto: Ristretto) {
  const [type, version, status, count] = response;
  if (response.length !== HEADER + m * ELEMENT + PROOF || type !== RESPONSE || version !== VERSION || count !== m) {
    throw malformed("it does not fit the request");
  }
  const ours = asked.every((byte, i) => byte === response[HEADER - asked.length + i]);
  const content = response.subarray(HEADER);
  if (status !== OK) throw refusalOf(status, ours, content);
  if (!ours) throw malformed("it is another key's");
  const parts = [...Array(m + 2).keys()].map((i) => content.slice(i * ELEMENT, (i + 1) * ELEMENT));
  const evaluated = parts.slice(0, m);
  if (!evaluated.every(ristretto.isElement)) throw malformed("an element is none");
  if (!parts.slice(m).every(ristretto.isScalar)) throw malformed("the proof is none");
  return { evaluated, proof: content.slice(m * ELEMENT) };
}

/** A refusal has zeros for elements and proof, and does not deny its own key. */
function refusalOf(status: number | undefined, ours: boolean, content: Uint8Array): PresealError {
  const code = REFUSALS.get(status as 1);
  if (!code || (status === UNKNOWN_KEY && ours) || content.some((byte) => byte !== 0)) return malformed("no refusal");
  return new PresealError(code, `confirmation: refused with status ${status}`);
}
