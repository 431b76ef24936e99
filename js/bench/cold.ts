import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import type { Browser } from "puppeteer-core";
import { launchChromium, openPage, root } from "../test/browser.js";
import { type Ground, LISTS } from "./ground.js";
import type { Start, Started } from "./start.js";
import { spread, table } from "./table.js";

/** How long a page stays so that what it has fetched is stored, in milliseconds. Nobody waits for that. */
const STORING = 500;

/**
 * Second starts of the engine, beside those of a Go program that does nothing, which is fetched, verified and compiled by the
 * same code of the package, or by compileStreaming, which is what Go's documentation uses.
 */
export async function cold(ground: Ground): Promise<string> {
  const dist = join(root, "js", "dist");
  const engine = serve(ground, "engine", await readFile(join(dist, "preseal.wasm")));
  const idle: Start = { ...serve(ground, "idle", await idleProgram(dist)), idle: true };
  const rounds: Record<"engine" | "idle" | "plain", Started>[] = [];
  const browser = await launchChromium();
  try {
    for (let round = -1; round < ground.rounds; round++) {
      const started = {
        idle: await start(browser, ground, idle),
        engine: await start(browser, ground, engine),
        plain: await start(browser, ground, { ...idle, plain: true }),
      };
      if (round >= 0) rounds.push(started); // the one before fills the caches
    }
  } finally {
    await browser.close();
  }
  const whole = ({ module, run }: Started) => module + run;
  const parts = [whole, ({ module }: Started) => module, ({ run }: Started) => run];
  const row = (
    what: string,
    digits: number,
    of: (round: (typeof rounds)[number], part: (s: Started) => number) => number,
  ) => [what, ...parts.map((part) => rounds.map((round) => of(round, part))).map((all) => spread(all, digits))];
  const rows = [
    row("engine", 0, ({ engine }, part) => part(engine)),
    row("an empty Go program, stored and verified alike", 0, ({ idle }, part) => part(idle)),
    row("an empty Go program, by compileStreaming", 0, ({ plain }, part) => part(plain)),
    row("engine ÷ the first", 2, ({ engine, idle }, part) => part(engine) / part(idle)),
    row("engine ÷ the second", 2, ({ engine, plain }, part) => part(engine) / part(plain)),
  ];
  const starts = table(["", "all", "read, verified, compiled", "instantiated, run"], rows);
  return `A second start, in ms:\n\n${starts}\n\n${await opens(ground)}`;
}

/** What Matcher.open takes in a browser that knows nothing of the site yet, and in its next page. */
async function opens({ stage, lists, rounds }: Ground): Promise<string> {
  const took: Record<"first" | "second", number[]> = { first: [], second: [] };
  const browser = await launchChromium();
  try {
    for (let round = -1; round < rounds; round++) {
      const context = await browser.createBrowserContext();
      for (const which of ["first", "second"] as const) {
        const page = await openPage(context, stage);
        const open = async (snapshot: string, key: string) => {
          const url = "/js/dist/bench/lab.js";
          return (await import(url)).timeOpen({ snapshot, trust: [key] });
        };
        const ms: number = await page.evaluate(open, LISTS, lists.keys[0]);
        if (round >= 0) took[which].push(ms);
        await setTimeout(STORING);
        await page.close();
      }
      await context.close();
    }
  } finally {
    await browser.close();
  }
  const rows = [
    ["everything fetched from this machine", spread(took.first, 0)],
    ["list and engine stored", spread(took.second, 0)],
  ];
  return table(["Matcher.open, 980,000 entries", "ms"], rows);
}

/** Serves a program so that the browser keeps it. */
function serve({ stage }: Ground, name: string, file: Buffer): Start {
  const url = `/bench/${name}.wasm`;
  const headers = { "Content-Type": "application/wasm", "Cache-Control": "max-age=3600" };
  stage.routes.set(url, (_, response) => response.writeHead(200, headers).end(file));
  return { url, release: { size: file.length, sha256: createHash("sha256").update(file).digest("hex") } };
}

/** Starts a program in a new page, whose process has nothing of it yet. */
async function start(browser: Browser, { stage }: Ground, what: Start): Promise<Started> {
  const page = await openPage(browser, stage);
  try {
    await setTimeout(300); // until the page has settled
    const started = await page.evaluate((what) => {
      const worker = new Worker("/js/dist/bench/start.js", { type: "module" });
      worker.postMessage(what);
      return new Promise<Started>((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
      });
    }, what);
    await setTimeout(STORING);
    return started;
  } finally {
    await page.close();
  }
}

/** Go's runtime, and nothing to do. */
async function idleProgram(dist: string): Promise<Buffer> {
  const source = join(dist, "bench", "idle.go");
  const wasm = join(dist, "bench", "idle.wasm");
  await writeFile(source, "package main\n\nfunc main() { select {} }\n");
  const env = { ...process.env, GOOS: "js", GOARCH: "wasm" };
  await promisify(execFile)("go", ["build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", wasm, source], { env });
  await rm(source);
  return readFile(wasm);
}
