import { createHash, randomBytes } from "node:crypto";

/** A verifier key that nobody can sign for: its 32 bytes are random. */
export function verifierKey(name: string): string {
  const key = Buffer.concat([Buffer.of(1), randomBytes(32)]);
  const hash = createHash("sha256").update(`${name}\n`).update(key).digest("hex").slice(0, 8);
  return `${name}+${hash}+${key.toString("base64")}`;
}
