// Prints the brotli-11 size of what a page loads, and fails if the engine is over its budget.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const ENGINE_BUDGET = 820_000;

const dist = join(import.meta.dirname, "..", "dist");
const files = readdirSync(dist).filter((name) => /\.(js|wasm)$/.test(name));
const sizes = new Map(files.map((name) => [name, brotliSize(readFileSync(join(dist, name)))]));

for (const [name, size] of sizes) console.log(`${String(size).padStart(8)}  ${name}`);

const engine = sizes.get("preseal.wasm") ?? Number.POSITIVE_INFINITY;
console.log(`preseal.wasm: ${(engine / 1000).toFixed(1)} of ${ENGINE_BUDGET / 1000} KB`);
if (engine > ENGINE_BUDGET) process.exit(1);

function brotliSize(bytes) {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
}
