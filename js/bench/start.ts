// A worker that starts programs as the package's own worker does, and says how long it took.

import { Engine } from "../engine.js";
import { PresealError } from "../errors.js";
import { fetchProgram } from "../program.js";

/** What is started. */
export interface Start {
  url: string;
  release: Parameters<typeof fetchProgram>[1];
  /** That it does nothing, and hands out nothing. */
  idle?: true;
  /** That it is started as Go's documentation says, not as the package does. */
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
  await Engine.start(module).catch((error: unknown) => {
    // That it handed out nothing is found when it has run.
    if (!idle || !(error instanceof PresealError) || error.message !== "the engine does not start") throw error;
  });
  postMessage({ module: loaded - began, run: performance.now() - loaded } satisfies Started);
});
