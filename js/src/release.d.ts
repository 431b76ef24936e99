// scripts/build.mjs writes dist/release.js.

/** The version of this package, and of the engine that belongs to it. */
export const version: string;

/** The length of dist/preseal.wasm in bytes. */
export const wasmSize: number;

/** The SHA-384 digest of dist/preseal.wasm in hexadecimal. */
export const wasmSha384: string;
