import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { launchChromium, root } from "../test/browser.js";
import { type Ground, labOf } from "./ground.js";
import { spread } from "./table.js";

/** A start of the engine from the cache, beside that of a Go program that does nothing. */
export async function cold(ground: Ground): Promise<string> {
  const dist = join(root, "js", "dist");
  const source = join(dist, "bench", "empty.go");
  const empty = join(dist, "bench", "empty.wasm");
  await writeFile(source, "package main\n\nfunc main() { select {} }\n");
  const env = { ...process.env, GOOS: "js", GOARCH: "wasm" };
  await promisify(execFile)("go", ["build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", empty, source], { env });
  await rm(source);
  for (const [name, path] of Object.entries({ engine: join(dist, "preseal.wasm"), empty })) {
    const file = await readFile(path);
    const headers = { "Content-Type": "application/wasm", "Cache-Control": "max-age=3600" };
    ground.stage.routes.set(`/bench/${name}.wasm`, (_, response) => response.writeHead(200, headers).end(file));
  }
  const browser = await launchChromium();
  const times: number[] = [];
  const ratios: number[] = [];
  try {
    for (let round = -1; round < ground.rounds; round++) {
      const { call, page } = await labOf(browser, ground);
      const nothing = await call("start", "/bench/empty.wasm");
      const engine = await call("start", "/bench/engine.wasm");
      await page.close();
      if (round < 0) continue; // it fills the cache
      times.push(engine);
      ratios.push(engine / nothing);
    }
  } finally {
    await browser.close();
  }
  return `Start from the cache: ${spread(times, 0)} ms, ${spread(ratios, 2)} of an empty Go program's.`;
}
