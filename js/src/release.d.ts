// scripts/build.mjs writes dist/release.js.

/** A file of WebAssembly in dist. */
export interface Release {
  /** Bytes. */
  size: number;
  /** The SHA-256 digest in hexadecimal. */
  sha256: string;
}

/** The version of this package, and of the programs that belong to it. */
export const version: string;

/** dist/preseal.wasm. */
export const engine: Release;

/** dist/decoders.wasm. */
export const decoders: Release;
