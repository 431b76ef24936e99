// make bench-browser: how long a check takes beside createImageBitmap of the same file, and what it costs the page.

import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import type { Browser, Page } from "puppeteer-core";
import { launchChromium, launchFirefox, openPage, openStage, root, type Stage } from "../test/browser.js";
import { Lists } from "../test/lists.js";
import { makeFiles, type Subject } from "./files.js";
import type * as lab from "./lab.js";
import { growth, rendererOf } from "./memory.js";
import { median, spread, table } from "./table.js";

const ROUNDS = Number(process.env.ROUNDS ?? 7);
const PEER_ROUNDS = Math.min(3, ROUNDS);
const dist = join(root, "js", "dist", "bench");

type Functions = typeof lab;
type Call = <N extends keyof Functions>(name: N, ...args: Parameters<Functions[N]>) => ReturnType<Functions[N]>;

/** A page in which lab.ts is called, with the list open. */
async function labOf(browser: Browser, stage: Stage, lists: Lists): Promise<{ call: Call; page: Page }> {
  const page = await openPage(browser, stage);
  const run = async (name: string, args: unknown[]) => {
    const url = "/js/dist/bench/lab.js";
    return (await import(url))[name](...args);
  };
  const call = ((name: string, ...args: unknown[]) => page.evaluate(run, name, args)) as Call;
  await call("open", { snapshot: "/bench/lists/", trust: [lists.key] });
  return { call, page };
}

const stage = await openStage();
const lists = await Lists.build(stage.tool, true);
try {
  lists.serve("big1");
  stage.routes.set("/bench/lists/", lists.handle);
  const { subjects, said } = await makeFiles(root, join(root, "js", "bench", "files"));
  for (const { path } of subjects) {
    const file = await readFile(path);
    stage.routes.set(urlOf(path), (_, response) => response.end(file));
  }
  await bundlePeers();
  console.log(`## Checks in the browser\n\n${await setting()}\n${said.map((line) => `\n- ${line}`).join("")}\n`);
  await compare(subjects);
  await costs(subjects);
  await cold();
} finally {
  await lists.remove();
  await stage.close();
}

function urlOf(path: string): string {
  return `/bench/files/${path.split("/").at(-1)}`;
}

async function bundlePeers(): Promise<void> {
  const entry = join(root, "js", "bench", "peers.mjs");
  await build({
    entryPoints: [entry],
    outfile: join(dist, "peers.js"),
    bundle: true,
    format: "esm",
    logLevel: "error",
  });
}

async function setting(): Promise<string> {
  const browser = await launchChromium();
  const version = await browser.version();
  await browser.close();
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${version}, ${cpus().length} × ${cpus()[0]?.model}, ${ROUNDS} interleaved rounds: median (lowest–highest).`;
}

/** The ratios, from one run of Chromium. */
async function compare(subjects: Subject[]): Promise<void> {
  const browser = await launchChromium();
  try {
    const { call } = await labOf(browser, stage, lists);
    const samples = new Map<string, lab.Sample[]>(subjects.map(({ name }) => [name, []]));
    for (let round = -1; round < ROUNDS; round++) {
      for (const { name, path } of subjects) {
        await call("load", name, urlOf(path));
        const sample = await call("measure", name, round >= 0 && round < PEER_ROUNDS);
        await call("unload");
        if (sample.kind !== "clear") throw new Error(`${name} is ${sample.kind}`);
        if (round >= 0) samples.get(name)?.push(sample); // the first round warms up
      }
    }
    const all = subjects.map((subject) => ({ ...subject, samples: samples.get(subject.name) ?? [] }));
    const ratios = all.map(({ name, bytes, target, samples }) => [
      name,
      (bytes / 1e6).toFixed(1),
      median(samples.map(({ bitmap }) => bitmap)).toFixed(0),
      median(samples.map(({ check }) => check)).toFixed(0),
      spread(
        samples.map(({ check, bitmap }) => check / bitmap),
        2,
      ),
      target,
      ...["blockhash", "browserImageHash"].map((peer) => {
        const values = samples
          .filter(({ peers }) => peer in peers)
          .map(({ peers, bitmap }) => (peers[peer] ?? 0) / bitmap);
        return spread(values, 2);
      }),
    ]);
    const head = ["file", "MB", "createImageBitmap, ms", "check, ms", "check ÷ createImageBitmap", "target"];
    console.log(table([...head, "blockhash-core ÷", "browser-image-hash ÷"], ratios));
    const stages = all.map(({ name, samples }) => {
      const time = (of: (sample: lab.Sample) => number) => median(samples.map(of)).toFixed(1);
      const { decoder, scale } = samples[0] ?? { decoder: "", scale: 1 };
      const path = decoder === "jpeg" ? `jpeg, 1/${scale}` : decoder;
      const steps = (["read", "digest", "decode", "probe"] as const).map((step) =>
        time(({ timings }) => timings[step]),
      );
      return [name, path, ...steps];
    });
    console.log(
      `\n${table(["file", "decoded by", "read, ms", "digest (beside)", "decode", "hash and probe"], stages)}\n`,
    );
  } finally {
    await browser.close();
  }
}

/** Memory in Chromium, and the longest stall of the page in Chromium and Firefox. */
async function costs(subjects: Subject[]): Promise<void> {
  const chosen = subjects.filter(({ name }) => /50 MP.*4:2:0|WebP|PNG/.test(name));
  const memory: string[][] = [];
  const stalls: string[][] = [];
  for (const { name, path } of chosen) {
    const grown = { bitmap: [] as number[], check: [] as number[] };
    for (const what of ["check", "bitmap"] as const) {
      for (let i = 0; i < 3; i++) {
        const browser = await launchChromium();
        const { call } = await labOf(browser, stage, lists);
        await call("load", name, urlOf(path));
        const pid = await rendererOf(browser);
        grown[what].push(await growth(pid, () => call(what, name)));
        await browser.close();
      }
    }
    memory.push([name, spread(grown.bitmap, 0), spread(grown.check, 0)]);
  }
  console.log(`${table(["file", "createImageBitmap, MiB more at the peak", "check"], memory)}\n`);
  for (const [engine, launch] of [
    ["Chromium", launchChromium],
    ["Firefox", launchFirefox],
  ] as const) {
    const browser = await launch();
    const { call } = await labOf(browser, stage, lists);
    for (const { name, path } of chosen) {
      await call("load", name, urlOf(path));
      const longest = { nothing: [] as number[], bitmap: [] as number[], check: [] as number[] };
      for (let round = 0; round < 5; round++) {
        for (const what of ["nothing", "bitmap", "check"] as const) longest[what].push(await call("stall", name, what));
      }
      await call("unload");
      stalls.push([engine, name, ...Object.values(longest).map((values) => spread(values, 0))]);
    }
    await browser.close();
  }
  console.log(`${table(["engine", "file", "idle, longest stall in ms", "createImageBitmap", "check"], stalls)}\n`);
}

/** A start of the engine from the cache, beside that of a Go program that does nothing. */
async function cold(): Promise<void> {
  const source = join(dist, "empty.go");
  const empty = join(dist, "empty.wasm");
  await writeFile(source, "package main\n\nfunc main() { select {} }\n");
  const flags = ["build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", empty, source];
  await promisify(execFile)("go", flags, { cwd: root, env: { ...process.env, GOOS: "js", GOARCH: "wasm" } });
  for (const [url, path] of [
    ["/bench/engine.wasm", join(root, "js", "dist", "preseal.wasm")],
    ["/bench/empty.wasm", empty],
  ] as const) {
    const file = await readFile(path);
    const headers = { "Content-Type": "application/wasm", "Cache-Control": "max-age=3600" };
    stage.routes.set(url, (_, response) => response.writeHead(200, headers).end(file));
  }
  await rm(source);
  const browser = await launchChromium();
  try {
    const ratios: number[] = [];
    const times: number[] = [];
    for (let round = -1; round < ROUNDS; round++) {
      const { call, page } = await labOf(browser, stage, lists);
      const nothing = await call("start", "/bench/empty.wasm");
      const engine = await call("start", "/bench/engine.wasm");
      await page.close();
      if (round < 0) continue; // fills the cache
      ratios.push(engine / nothing);
      times.push(engine);
    }
    console.log(`Start from the cache: ${spread(times, 0)} ms, ${spread(ratios, 2)} of an empty Go program's.`);
  } finally {
    await browser.close();
  }
}
