// What the parts of the bench stand on: the server with the list, and pages in which lab.ts is called.

import type { Browser, Page } from "puppeteer-core";
import { BLANK, openPage, type Stage } from "../test/browser.js";
import type { Lists } from "../test/lists.js";
import { launchWebKit } from "../test/webkit.js";
import type { Subject } from "./files.js";
import type * as lab from "./lab.js";

type Functions = typeof lab;

/** Calls a function of lab.ts in the page. */
export type Call = <N extends keyof Functions>(name: N, ...args: Parameters<Functions[N]>) => ReturnType<Functions[N]>;

/** What is measured, and where. */
export interface Ground {
  stage: Stage;
  lists: Lists;
  subjects: Subject[];
  rounds: number;
}

/** The folder of the list on the server. */
export const LISTS = "/bench/lists/";

/** Where a file is on the server. */
export function urlOf({ path }: Subject): string {
  return `/bench/files/${path.split("/").at(-1)}`;
}

/** A page in which lab.ts is called, with the list open. */
export async function labOf(browser: Browser, { stage, lists }: Ground): Promise<{ call: Call; page: Page }> {
  const page = await openPage(browser, stage);
  const run = async (name: string, args: unknown[]) => {
    const url = "/js/dist/bench/lab.js";
    return (await import(url))[name](...args);
  };
  const call = ((name: string, ...args: unknown[]) => page.evaluate(run, name, args)) as Call;
  await call("open", { snapshot: LISTS, trust: [lists.keys[0]] });
  return { call, page };
}

/** The same in WebKitGTK, which ends with it. */
export async function webKitLab({ stage, lists }: Ground): Promise<{ call: Call; close(): Promise<void> }> {
  const window = await launchWebKit();
  try {
    await window.goto(new URL(BLANK, stage.url).href);
    const body = 'return (await import("/js/dist/bench/lab.js"))[args[0]](...args.slice(1));';
    const call = ((...args: unknown[]) => window.run(body, ...args)) as Call;
    await call("open", { snapshot: LISTS, trust: [lists.keys[0]] });
    return { call, close: window.close };
  } catch (error) {
    await window.close();
    throw error;
  }
}
