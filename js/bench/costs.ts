import type { Browser } from "puppeteer-core";
import { launchChromium, launchFirefox } from "../test/browser.js";
import { type Call, type Ground, labOf, urlOf, webKitLab } from "./ground.js";
import { growth, rendererOf } from "./memory.js";
import { spread, table } from "./table.js";

function chosen({ subjects }: Ground) {
  return subjects.filter(({ name }) => /50 MP.*4:2:0|WebP|PNG/.test(name));
}

/** How often memory and stalls are measured, which vary little. */
const ROUNDS = { memory: 3, stalls: 5 };

/** By how much the renderer's memory grows in Chromium, in a browser of its own each time. */
export async function memory(ground: Ground): Promise<string> {
  const rows: string[][] = [];
  for (const subject of chosen(ground)) {
    const grown: Record<"bitmap" | "check", number[]> = { bitmap: [], check: [] };
    for (let round = 0; round < ROUNDS.memory; round++) {
      for (const what of ["bitmap", "check"] as const) {
        const browser = await launchChromium();
        try {
          const { call } = await labOf(browser, ground);
          await call("load", subject.name, urlOf(subject));
          grown[what].push(await growth(await rendererOf(browser), () => call(what, subject.name)));
        } finally {
          await browser.close();
        }
      }
    }
    rows.push([subject.name, spread(grown.bitmap, 0), spread(grown.check, 0)]);
  }
  return table(
    [`the renderer's memory at its peak, MiB more, ${ROUNDS.memory} rounds`, "createImageBitmap", "check"],
    rows,
  );
}

/** How each engine is started. */
const engines = {
  Chromium: (ground: Ground) => labIn(launchChromium, ground),
  Firefox: (ground: Ground) => labIn(launchFirefox, ground),
  WebKitGTK: webKitLab,
};

async function labIn(launch: () => Promise<Browser>, ground: Ground): Promise<{ call: Call; close(): Promise<void> }> {
  const browser = await launch();
  try {
    const { call } = await labOf(browser, ground);
    return { call, close: () => browser.close() };
  } catch (error) {
    await browser.close();
    throw error;
  }
}

/** For how long the page's own thread does not come to run. */
export async function stalls(ground: Ground): Promise<string> {
  const rows: string[][] = [];
  for (const [engine, open] of Object.entries(engines)) {
    const { call, close } = await open(ground);
    try {
      for (const subject of chosen(ground)) {
        await call("load", subject.name, urlOf(subject));
        const longest: Record<"nothing" | "bitmap" | "check", number[]> = { nothing: [], bitmap: [], check: [] };
        for (let round = 0; round < ROUNDS.stalls; round++) {
          for (const what of ["nothing", "bitmap", "check"] as const) {
            longest[what].push(await call("stall", subject.name, what));
          }
        }
        await call("unload");
        rows.push([engine, subject.name, ...Object.values(longest).map((values) => spread(values, 0))]);
      }
    } finally {
      await close();
    }
  }
  return table(
    [`the page's longest stall, ms, ${ROUNDS.stalls} rounds`, "file", "idle", "createImageBitmap", "check"],
    rows,
  );
}
