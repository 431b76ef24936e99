// The client's half of RFC 9497 in the verifiable mode with ristretto255 and SHA-512. The arithmetic is @noble/curves';
// the build bundles what is used of it into dist/ristretto.js, so that browsers need no import map and pages that never
// have a candidate never load it. It knows no errors of the package: the bundle would have a copy of their class.

import { ristretto255, ristretto255_oprf } from "@noble/curves/ed25519.js";

const { Point } = ristretto255;
const { voprf } = ristretto255_oprf;

/** Returns as many random bytes as asked for. */
export type Random = (length: number) => Uint8Array<ArrayBuffer>;

/** An input, the scalar that hides it, and what the server gets to see: an element that is random whatever the input is. */
export interface Blinded {
  input: Uint8Array;
  blind: Uint8Array;
  blinded: Uint8Array;
}

/** Hides an input. The arithmetic takes the same steps for all scalars, as far as JavaScript's integers allow. */
export function blind(input: Uint8Array, random: Random): Blinded {
  return { input, ...voprf.blind(input, (length) => random(length as number)) };
}

/** Whether 32 bytes are the canonical encoding of an element other than the identity. */
export function isElement(bytes: Uint8Array): boolean {
  return holds(() => !Point.fromBytes(bytes).is0());
}

/** Whether 32 bytes are a canonical scalar. */
export function isScalar(bytes: Uint8Array): boolean {
  return holds(() => Point.Fn.fromBytes(bytes) !== undefined);
}

/**
 * Verifies that the server made the evaluated elements with the secret behind its public key, and returns the function's
 * outputs, 64 bytes each; undefined if the proof does not hold. Elements and the scalars of the proof must be valid.
 */
export function finalize(
  publicKey: Uint8Array,
  blinded: readonly Blinded[],
  evaluated: readonly Uint8Array[],
  proof: Uint8Array,
): Uint8Array[] | undefined {
  const items = blinded.map((item, i) => ({ ...item, evaluated: evaluated[i] as Uint8Array }));
  try {
    return voprf.finalizeBatch(items, publicKey, proof);
  } catch {
    return undefined;
  }
}

function holds(condition: () => boolean): boolean {
  try {
    return condition();
  } catch {
    return false;
  }
}
