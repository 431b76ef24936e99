/**
 * End-to-end encryption for two people: ECDH P-256, HKDF-SHA-256 and AES-256-GCM, all by WebCrypto.
 *
 *     sealed message   version 1, u8 | number, u32 | nonce, 12 B | AES-GCM of the plaintext, 16 B tag
 *     plaintext        header length, u32 | header, JSON | the file's bytes
 *
 * Integers are big-endian. Version and number are authenticated; each direction has a key of its own, and a receiver
 * refuses a number that does not rise, so the relay can neither replay nor reflect a message. This is a demo's
 * protocol: it has no ratchet and no deniability.
 */

/** What one person says to another. */
export type Message = { text: string } | { file: File };

const VERSION = 1;
const HEAD = 5;
const NONCE = 12;
const MAX_HEADER = 64 << 10;
const utf8 = new TextEncoder();

type Bytes = Uint8Array<ArrayBuffer>;

function concat(...parts: Bytes[]): Bytes {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function u32(n: number): Bytes {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, n);
  return out;
}

/** A person's key pair. The private key cannot be exported. */
export class Identity {
  private constructor(
    private readonly pair: CryptoKeyPair,
    /** The public key as an uncompressed point, 65 bytes. */
    readonly publicKey: Bytes,
  ) {}

  /** Makes a new key pair. */
  static async create(): Promise<Identity> {
    const pair = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
    return new Identity(pair, new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  }

  /** Agrees on the keys of a conversation. Both sides must name the people alike. */
  async agree(me: string, them: string, theirKey: Bytes): Promise<Session> {
    const peer = await crypto.subtle.importKey("raw", theirKey, { name: "ECDH", namedCurve: "P-256" }, false, []);
    const secret = await crypto.subtle.deriveBits({ name: "ECDH", public: peer }, this.pair.privateKey, 256);
    const keys = me < them ? concat(this.publicKey, theirKey) : concat(theirKey, this.publicKey);
    const salt = new Uint8Array(await crypto.subtle.digest("SHA-256", keys));
    const material = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
    const derive = (from: string, to: string, usage: KeyUsage) =>
      crypto.subtle.deriveKey(
        { name: "HKDF", hash: "SHA-256", salt, info: utf8.encode(`preseal demo 1, ${from} to ${to}`) },
        material,
        { name: "AES-GCM", length: 256 },
        false,
        [usage],
      );
    return new Session(await derive(me, them, "encrypt"), await derive(them, me, "decrypt"), safetyNumber(salt));
  }
}

/** Twenty digits of a digest of both public keys: equal on both sides unless the relay swapped a key. */
function safetyNumber(digest: Bytes): string {
  const view = new DataView(digest.buffer);
  return [0, 4, 8, 12].map((at) => String(view.getUint32(at) % 100000).padStart(5, "0")).join(" ");
}

/** One side of an agreed conversation. */
export class Session {
  private sent = 0;
  private seen = 0;

  constructor(
    private readonly out: CryptoKey,
    private readonly into: CryptoKey,
    /** Digits for people to compare. */
    readonly safety: string,
  ) {}

  /** Seals one message under a fresh nonce. */
  async seal(message: Message): Promise<Bytes> {
    const isFile = "file" in message;
    const header = utf8.encode(
      JSON.stringify(isFile ? { name: message.file.name, type: message.file.type } : { text: message.text }),
    );
    const body = isFile ? new Uint8Array(await message.file.arrayBuffer()) : new Uint8Array();
    const head = concat(new Uint8Array([VERSION]), u32(++this.sent));
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE));
    const algorithm = { name: "AES-GCM", iv: nonce, additionalData: head };
    const plain = concat(u32(header.length), header, body);
    return concat(head, nonce, new Uint8Array(await crypto.subtle.encrypt(algorithm, this.out, plain)));
  }

  /** Opens what the other side sealed. @throws if it was altered, replayed or is not a message. */
  async open(sealed: Bytes): Promise<Message> {
    if (sealed.length < HEAD + NONCE + 16 || sealed[0] !== VERSION) throw new Error("not a sealed message");
    const head = sealed.subarray(0, HEAD);
    const iv = sealed.subarray(HEAD, HEAD + NONCE);
    const algorithm = { name: "AES-GCM", iv, additionalData: head };
    const plain = new Uint8Array(await crypto.subtle.decrypt(algorithm, this.into, sealed.subarray(HEAD + NONCE)));
    const number = new DataView(head.buffer, head.byteOffset).getUint32(1);
    if (number <= this.seen) throw new Error("a message came twice");
    this.seen = number;
    return unpack(plain);
  }
}

function unpack(plain: Bytes): Message {
  const length = plain.length < 4 ? 0 : new DataView(plain.buffer).getUint32(0);
  if (length === 0 || length > Math.min(MAX_HEADER, plain.length - 4)) throw new Error("malformed message");
  const header: unknown = JSON.parse(new TextDecoder().decode(plain.subarray(4, 4 + length)));
  if (typeof header !== "object" || header === null) throw new Error("malformed message");
  if ("text" in header && typeof header.text === "string") return { text: header.text };
  const name = "name" in header && typeof header.name === "string" ? header.name : "file";
  const type = "type" in header && typeof header.type === "string" ? header.type : "";
  return { file: new File([plain.subarray(4 + length)], name, { type }) };
}
