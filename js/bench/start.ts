// A worker that starts programs as the package's own worker does, and says how long it took.

/// <reference path="../src/wasm_exec.d.ts" />
import { Engine } from "../engine.js";
import { fetchProgram } from "../program.js";

/** What is started. */
export interface Start {
  url: string;
  release: Parameters<typeof fetchProgram>[1];
  /** That it does nothing, and hands out nothing: it is run from its beginning. */
  idle?: true;
  /** That it is compiled as Go's documentation says, not as the package does. */
  plain?: true;
}

/** What a start took, in milliseconds: until the module is there, and until the program has run. */
export interface Started {
  module: number;
  run: number;
}

addEventListener("message", async ({ data: { url, release, idle, plain } }: MessageEvent<Start>) => {
  const began = performance.now();
  const { signal } = new AbortController();
  const module = plain
    ? await WebAssembly.compileStreaming(fetch(url))
    : await fetchProgram(url, release, 60_000, signal);
  const loaded = performance.now();
  if (idle) {
    const go = new Go();
    go.run(await WebAssembly.instantiate(module, go.importObject)); // returns when it waits
  } else {
    await Engine.start(module);
  }
  postMessage({ module: loaded - began, run: performance.now() - loaded } satisfies Started);
});
