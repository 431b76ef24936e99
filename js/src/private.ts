// What the first candidate loads, besides the arithmetic: ask.ts says why all at once.

export { MAX_BUCKET, openEntries } from "./entry.js";
export { keyIdOf, voprf } from "./voprf.js";
