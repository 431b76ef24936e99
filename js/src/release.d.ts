// scripts/build.mjs writes dist/release.js.

/** The version of this package, and of the engine that belongs to it. */
export const version: string;

/** The subresource integrity of dist/preseal.wasm: "sha384-" and the digest in base64. */
export const integrity: string;
