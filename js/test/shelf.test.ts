// Programs that were fetched once, in Chromium.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import type { Browser, Page } from "puppeteer-core";
import type * as program from "../program.js";
import type * as shelf from "../shelf.js";
import { launchChromium, openPage, openStage, type Stage } from "./browser.js";

const URLS = ["/1.wasm", "/2.wasm", "/3.wasm", "/4.wasm", "/5.wasm"] as const;
const [first] = URLS;
/** The smallest module: nothing but its version. */
const wasm = Buffer.from("\0asm\x01\0\0\0", "latin1");
const release = { size: wasm.length, sha256: createHash("sha256").update(wasm).digest("hex") };

let stage: Stage;
let browser: Browser;
let page: Page;

before(async () => {
  stage = await openStage();
  browser = await launchChromium();
  page = await openPage(browser, stage);
  for (const url of URLS)
    stage.routes.set(url, (_, response) => response.writeHead(200, { "Cache-Control": "no-store" }).end(wasm));
});

after(async () => {
  await browser?.close();
  await stage?.close();
});

/** Fetches a program, waits until it is kept, and tells the requests and the progress. */
async function fetched(url: string, wait = true): Promise<{ paths: string[]; progress: number[] }> {
  let progress: number[] = [];
  const requests = await stage.during(async () => {
    progress = await page.evaluate(
      async (url, release, wait) => {
        const { fetchProgram }: typeof program = await import("/js/dist/program.js" as string);
        const { take }: typeof shelf = await import("/js/dist/shelf.js" as string);
        const progress: number[] = [];
        const tell = (loaded: number) => progress.push(loaded);
        const module = await fetchProgram(url, release, 5000, new AbortController().signal, tell);
        if (!(module instanceof WebAssembly.Module)) throw new Error("no module");
        while (wait && (await take(url, release.size))?.[0] !== 0)
          await new Promise((resolve) => setTimeout(resolve, 20));
        return progress;
      },
      url,
      release,
      wait,
    );
  });
  return { paths: requests.map(({ path }) => path).filter((path) => path.endsWith(".wasm")), progress };
}

/** Puts bytes on the shelf. */
function put(url: string, bytes: Buffer): Promise<void> {
  return page.evaluate(
    async (url, bytes) => {
      const { put }: typeof shelf = await import("/js/dist/shelf.js" as string);
      await put(url, Uint8Array.from(bytes));
    },
    url,
    [...bytes],
  );
}

/** The addresses for which there is something. */
function kept(): Promise<string[]> {
  return page.evaluate(
    async (urls, size) => {
      const { take }: typeof shelf = await import("/js/dist/shelf.js" as string);
      const there = await Promise.all(urls.map((url) => take(url, size)));
      return urls.filter((_, i) => there[i]);
    },
    [...URLS],
    wasm.length,
  );
}

test("a program is fetched once", async () => {
  assert.deepEqual((await fetched(first)).paths, [first]);
  assert.deepEqual(await fetched(first), { paths: [], progress: [wasm.length] });
});

test("other bytes on the shelf are not believed, and replaced", async () => {
  for (const other of [Buffer.from(wasm).fill(7), wasm.subarray(1), Buffer.concat([wasm, wasm])]) {
    await put(first, other);
    assert.deepEqual((await fetched(first)).paths, [first]);
    assert.deepEqual(await fetched(first), { paths: [], progress: [wasm.length] });
  }
});

test("the four that were fetched last are kept", async () => {
  for (const url of URLS) await put(url, wasm);
  assert.deepEqual(await kept(), ["/2.wasm", "/3.wasm", "/4.wasm", "/5.wasm"]);
  await put(URLS[1], wasm);
  await put(first, wasm);
  assert.deepEqual(await kept(), ["/1.wasm", "/2.wasm", "/4.wasm", "/5.wasm"]);
});

test("without the Cache API programs are fetched each time", async () => {
  await page.evaluate(() => Object.defineProperty(globalThis, "caches", { value: undefined }));
  for (let i = 0; i < 2; i++) assert.deepEqual((await fetched(first, false)).paths, [first]);
});
