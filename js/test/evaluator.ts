// A confirmation server of the private protocol that checks nothing, made of noble's half of RFC 9497.

import { ristretto255_oprf } from "@noble/curves/ed25519.js";

const { voprf } = ristretto255_oprf;
const pair = voprf.deriveKeyPair(new Uint8Array(32).fill(1), new TextEncoder().encode("test"));

/** The public key of the server. */
export const publicKey = Uint8Array.from(pair.publicKey);

/** Answers a request: its elements evaluated, under its own header. */
export function evaluate(request: Uint8Array): Uint8Array {
  const slots = Array.from({ length: request[3] as number }, (_, i) => request.slice(12 + 32 * i).slice(0, 32));
  const { evaluated, proof } = voprf.blindEvaluateBatch(pair.secretKey, publicKey, slots);
  return Uint8Array.of(2, 1, 0, slots.length, ...request.slice(4, 12), ...evaluated.flatMap((e) => [...e]), ...proof);
}
