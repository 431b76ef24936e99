// Peak memory of a page's process, as Linux counts it.

import { readFile, writeFile } from "node:fs/promises";
import type { Browser } from "puppeteer-core";

/** The process of the only page that does something: the renderer that has most memory. */
export async function rendererOf(browser: Browser): Promise<number> {
  const session = await browser.target().createCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  const sizes = await Promise.all(renderers.map(async (id) => [id, await kilobytes(id, "VmRSS")] as const));
  return [...sizes].sort(([, a], [, b]) => b - a)[0]?.[0] ?? 0;
}

/** By how many MiB memory grows at most during work. */
export async function growth(pid: number, work: () => Promise<unknown>): Promise<number> {
  await writeFile(`/proc/${pid}/clear_refs`, "5"); // begins the peak anew
  const before = await kilobytes(pid, "VmRSS");
  await work();
  return ((await kilobytes(pid, "VmHWM")) - before) / 1024;
}

async function kilobytes(pid: number, field: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, "m").exec(status)?.[1]);
}
