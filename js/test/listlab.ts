// Pages of Chromium with a list that a test controls: its versions, its server, the pages' clocks and storage.

import type { TestContext } from "node:test";
import type { Browser, BrowserContext, CDPSession, Page } from "puppeteer-core";
import { BLANK, launchChromium, openStage, type Stage } from "./browser.js";
import type { LabOptions } from "./lab.js";
import { type Call, sabotage, tabOf } from "./labpage.js";
import { Lists, picture } from "./lists.js";

const PICTURES = [1, 2, 3];

/** A page with the pictures 1 to 3 in its memory. */
export interface ListTab {
  page: Page;
  call: Call;
  /** Opens the list, without updates but those asked for, unless the options say otherwise; returns "" or the error. */
  open(options?: Partial<LabOptions>): Promise<string>;
  /** Which of the pictures 1 to 3 are candidates, as digits: "12" under version 2. */
  listed(): Promise<string>;
  /** A session of the browser's own protocol. */
  debug(): Promise<CDPSession>;
}

/** Pages that share one storage. */
export interface Site {
  tab(): Promise<ListTab>;
  close(): Promise<void>;
}

/** The browser, the server, and the lists. */
export class ListLab {
  private constructor(
    readonly stage: Stage,
    readonly lists: Lists,
    readonly browser: Browser,
  ) {}

  /** Starts it all; with the big versions only if they are wanted, since they take their time. */
  static async open({ isBig = false } = {}): Promise<ListLab> {
    const stage = await openStage();
    const lists = await Lists.build(stage.tool, isBig);
    const browser = await launchChromium();
    stage.routes.set("/list/", lists.handle);
    for (const seed of PICTURES) {
      const file = picture(seed);
      stage.routes.set(`/picture-${seed}.png`, (_, response) => response.end(file));
    }
    return new ListLab(stage, lists, browser);
  }

  /** A site of which the browser knows nothing yet, until the test ends. */
  async site(t: TestContext): Promise<Site> {
    const context = await this.browser.createBrowserContext();
    t.after(() => context.close().catch(() => {})); // unless the test has closed it
    return { tab: () => this.#tab(context), close: () => context.close() };
  }

  /** The path of a module worker that runs the code given before the package's own. */
  worker(name: string, code: string): string {
    return sabotage(this.stage, name, code);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.stage.close();
    await this.lists.remove();
  }

  async #tab(context: BrowserContext): Promise<ListTab> {
    const page = await context.newPage();
    await page.goto(new URL(BLANK, this.stage.url).href);
    const { call } = tabOf(page, async () => {});
    await Promise.all(PICTURES.map((seed) => call("load", String(seed), `/picture-${seed}.png`)));
    return {
      page,
      call,
      open: (options = {}) =>
        call("open", { snapshot: "/list/", trust: [this.lists.keys[0]], update: "manual", timeout: 5000, ...options }),
      listed: async () => {
        const outcomes = await call("checkAll", PICTURES.map(String));
        const words = { clear: "", "no-confirmation": "listed" } as Record<string, string>;
        return outcomes
          .map(({ kind = "", reason = kind }, i) =>
            words[reason] === "listed" ? String(i + 1) : (words[reason] ?? reason),
          )
          .join("");
      },
      debug: () => page.createCDPSession(),
    };
  }
}

/**
 * Code for a worker whose longest waits, those for the next look, end when the test says "look"; and whose clock jumps by so many
 * days as it says "days …". The other waits are shorter than 40 seconds while the timeout is 5.
 */
export const CLOCK = `
  const [realSet, realClear, realNow] = [setTimeout, clearTimeout, Date.now];
  const waits = new Map();
  let days = 0;
  Date.now = () => realNow() + days * 86_400_000;
  globalThis.setTimeout = (work, wait, ...args) => {
    if (!(wait >= 40_000)) return realSet(work, wait, ...args);
    const id = -1 - Math.floor(Math.random() * 2 ** 40);
    waits.set(id, work);
    return id;
  };
  globalThis.clearTimeout = (id) => void (waits.delete(id) || realClear(id));
  new BroadcastChannel("test").addEventListener("message", ({ data }) => {
    if (data.startsWith("days ")) days = Number(data.slice(5));
    if (data !== "look") return;
    const due = [...waits.values()];
    waits.clear();
    for (const work of due) work();
  });`;
