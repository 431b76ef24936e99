import { malformed, type Output } from "./confirm.js";

/** What the list has of a key. */
export interface Entry {
  /** The PDQ hash, 32 bytes, unless the list has none. */
  pdq: Uint8Array | undefined;
  label: string;
}

const ID = 8;
const NONCE = 12;
const HASH = 32;
const LABEL = 32;
const PLAIN = 1 + HASH + LABEL;
const RECORD = ID + NONCE + PLAIN + 16;
const FLAG_PDQ = 1;
const FLAG_MORE = 2;
const MAX_ENTRIES = 65536;

/** The most bytes of a bucket. Most have a twentieth. */
export const MAX_BUCKET = 1 << 20;

/**
 * Finds the entries of an output's key in its bucket and opens them. A bucket is records in any order:
 *
 * ```
 * id 8 | nonce 12 | AES-256-GCM( flags 1 | PDQ 32 | label 32 ) 65 | tag 16
 * ```
 *
 * @throws PresealError `bad-answer` if the bucket is too long or no row of records, lacks one of the entries, or one was changed.
 */
export async function openEntries(output: Output, bucket: Uint8Array): Promise<Entry[]> {
  if (bucket.length % RECORD !== 0 || bucket.length > MAX_BUCKET) throw malformed(`a bucket of ${bucket.length} bytes`);
  const secret = await crypto.subtle.importKey("raw", output, "HKDF", false, ["deriveBits"]);
  const entries: Entry[] = [];
  while (entries.length < MAX_ENTRIES) {
    const plain = await openRecord(secret, entries.length, bucket);
    entries.push(parse(plain));
    if (((plain[0] as number) & FLAG_MORE) === 0) return entries;
  }
  throw malformed("more entries than there can be");
}

/** Opens the n-th record of a key (RFC 5869). */
async function openRecord(secret: CryptoKey, n: number, bucket: Uint8Array): Promise<Uint8Array> {
  const info = Uint8Array.of(...new TextEncoder().encode("preseal entry 1"), n >> 8, n & 0xff);
  const hkdf = { name: "HKDF", hash: "SHA-512", salt: new Uint8Array(), info };
  const derived = new Uint8Array(await crypto.subtle.deriveBits(hkdf, secret, 8 * (ID + 32)));
  const id = derived.slice(0, ID);
  const record = find(bucket, id);
  if (!record) throw malformed(`entry ${n} is missing`);
  const key = await crypto.subtle.importKey("raw", derived.slice(ID), "AES-GCM", false, ["decrypt"]);
  const gcm = { name: "AES-GCM", iv: record.slice(ID, ID + NONCE), additionalData: id };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(gcm, key, record.slice(ID + NONCE)));
  } catch {
    throw malformed(`entry ${n} was changed`);
  }
}

function find(bucket: Uint8Array, id: Uint8Array): Uint8Array | undefined {
  for (let at = 0; at < bucket.length; at += RECORD) {
    if (id.every((byte, i) => byte === bucket[at + i])) return bucket.subarray(at, at + RECORD);
  }
  return undefined;
}

function parse(plain: Uint8Array): Entry {
  const flags = plain[0] as number;
  const pdq = plain.slice(1, 1 + HASH);
  if ((flags & ~(FLAG_PDQ | FLAG_MORE)) !== 0) throw malformed(`flags ${flags}`);
  if ((flags & FLAG_PDQ) === 0 && pdq.some((byte) => byte !== 0)) throw malformed("a second hash without its flag");
  return { pdq: (flags & FLAG_PDQ) === 0 ? undefined : pdq, label: labelOf(plain.subarray(1 + HASH)) };
}

function labelOf(padded: Uint8Array): string {
  let end = padded.length;
  while (padded[end - 1] === 0) end--;
  try {
    const label = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(padded.subarray(0, end));
    if (!label.includes("\0")) return label;
  } catch {
    // As below.
  }
  throw malformed("a label is none");
}
