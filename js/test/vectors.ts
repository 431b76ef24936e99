import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Key } from "../confirm.js";
import { PresealError } from "../index.js";
import type { Random } from "../ristretto.js";
import { root } from "./browser.js";

/** A question and its answer, as the Go side made them. */
export interface Exchange {
  publicKey: string;
  keyId: string;
  keys: { lane: Key["lane"]; key: string }[];
  ranks: string;
  fillers: string[];
  blinds: string[];
  request: string;
  response: string;
  outputs: string[];
}

/** Reads a file of testdata/vectors. */
export function read<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(root, "testdata", "vectors", ...path), "utf8"));
}

export function unhex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The random bytes with which a question becomes that of a vector. */
export function scripted({ ranks, fillers, blinds }: Pick<Exchange, "ranks" | "fillers" | "blinds">): Random {
  const pieces = [...[ranks, ...fillers].filter(Boolean).map(unhex), ...blinds.map(draw)];
  return (length) => {
    const piece = pieces.shift();
    assert.equal(piece?.length, length);
    return piece as Uint8Array<ArrayBuffer>;
  };
}

/** The 48 bytes that noble makes a blind of: it takes the remainder by the order less 1, and adds 1. */
function draw(blind: string): Uint8Array<ArrayBuffer> {
  const number = BigInt(`0x${hexOf(unhex(blind).reverse())}`) - 1n;
  return unhex(number.toString(16).padStart(96, "0")).reverse();
}

/** Whether an error is a PresealError with the code. */
export function coded(code: string) {
  return (error: unknown) => error instanceof PresealError && error.code === code;
}
