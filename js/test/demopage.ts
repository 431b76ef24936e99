// Drives the demo page as a person would, in a browser context of its own.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, ElementHandle, Page } from "puppeteer-core";
import type { Policy } from "../index.js";
import { launchChromium, openStage, type Recorded, type Stage } from "./browser.js";

/** Every wait of these tests ends by this, in milliseconds. The slowest single thing is a check on a busy machine. */
const PATIENCE = 30_000;

/** How an attachment ended in Alice's pane. */
export interface Ending {
  /** "message" if it became one, "block", "hold" or "note" for a notice. */
  kind: string;
  text: string;
}

/** The demo page, open in a context of its own. */
export class DemoPage {
  private constructor(
    readonly page: Page,
    private readonly context: BrowserContext,
    private readonly stage: Stage,
    /** Errors that the page logged, threw or had reported by its security policy. */
    readonly complaints: string[],
    /** Requests to other hosts than this machine: the context's proxy saw them, and let none pass. */
    readonly strangers: string[],
    private readonly trap: { close(): void },
  ) {}

  /** Opens the page and waits until list, samples and conversation are ready. */
  static async open(browser: Browser, stage: Stage): Promise<DemoPage> {
    const strangers: string[] = [];
    const trap = createServer((request, response) => {
      strangers.push(request.url ?? "");
      response.writeHead(403).end();
    });
    trap.on("connect", (request, socket: Socket) => {
      strangers.push(request.url ?? "");
      socket.destroy();
    });
    await new Promise<void>((done) => trap.listen(0, "127.0.0.1", done));
    const port = (trap.address() as AddressInfo).port;
    // Loopback addresses bypass a proxy; everything else would meet it.
    const context = await browser.createBrowserContext({ proxyServer: `http://127.0.0.1:${port}` });
    const demo = new DemoPage(await context.newPage(), context, stage, [], strangers, trap);
    await demo.visit();
    return demo;
  }

  /** Opens another tab, which shares its storage with this one and ends with it. */
  async tab(): Promise<DemoPage> {
    const { context, stage, complaints, strangers, trap } = this;
    const demo = new DemoPage(await context.newPage(), context, stage, complaints, strangers, trap);
    await demo.visit();
    return demo;
  }

  private async visit(): Promise<void> {
    const { page, complaints } = this;
    page.setDefaultTimeout(PATIENCE);
    await page.setViewport({ width: 1280, height: 900 });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warn"].includes(message.type())) complaints.push(message.text());
    });
    await page.goto(this.stage.url);
    await this.ready();
  }

  /** Waits until list, samples and conversation are there. */
  async ready(): Promise<void> {
    await this.opened();
    await this.page.waitForSelector(".sample");
    await this.page.waitForFunction(
      () => document.querySelectorAll(".safety").length === 2 && !/Making/.test(document.body.textContent ?? ""),
    );
  }

  async close(): Promise<void> {
    await this.context.close();
    this.trap.close();
  }

  /** Waits until the snapshot is open, or has failed to open. Returns what the page says of it. */
  async opened(): Promise<string> {
    await this.page.waitForSelector(".state-open, .state-failed");
    return this.textOf("#list-state");
  }

  async choosePolicy(policy: Policy): Promise<void> {
    await this.page.click(`input[name=policy][value=${policy}]`);
  }

  /** Reopens the snapshot with a fault of the menu. Returns what the page says of it. */
  async breakIt(fault: string): Promise<string> {
    await this.page.select("#fault", fault);
    await this.page.evaluate(() => document.querySelector("#list-state")?.setAttribute("class", "state"));
    await this.page.click("#break button");
    return this.opened();
  }

  /** Lets an update meet a fault of the menu. Returns what the page says of the list then. */
  async breakUpdate(fault: string, code: string): Promise<string> {
    await this.page.select("#fault", fault);
    await this.page.click("#fault-update");
    await this.noted(`Failed: ${code}. Version 2 stays in use`);
    return this.textOf("#list-state");
  }

  /** Waits until the newest entry of the list's history has the text. */
  async noted(text: string): Promise<void> {
    const isThere = (text: string) => document.querySelector("#history li")?.textContent?.includes(text);
    await this.page.waitForFunction(isThere, {}, text);
  }

  /** Attaches a sample. */
  attachSample(file: string): Promise<{ ending: Ending; requests: Recorded[] }> {
    return this.attach(() => this.page.click(`.sample[data-file="${file}"]`));
  }

  /** Attaches a file through the hidden picker. */
  async pick(path: string): Promise<void> {
    const picker = (await this.page.$("#picker")) as ElementHandle<HTMLInputElement>;
    await picker.uploadFile(path);
  }

  /** Runs what attaches one file, waits for its end, and returns that with the requests made meanwhile. */
  async attach(how: () => Promise<unknown>): Promise<{ ending: Ending; requests: Recorded[] }> {
    const before = await this.page.$$eval("#alice .log > *", (entries) => entries.length);
    let ending: Ending = { kind: "", text: "" };
    const requests = await this.stage.during(async () => {
      await how();
      ending = await this.ending(before);
    });
    return { ending, requests: requests.filter((request) => !isLongPoll(request)) };
  }

  /** Waits until the log has more than the entries before, and the last of them is final. */
  private async ending(before: number): Promise<Ending> {
    const handle = await this.page.waitForFunction(
      (count) => {
        const entries = document.querySelectorAll<HTMLElement>("#alice .log > *");
        const last = entries[entries.length - 1];
        if (entries.length <= count || !last || document.querySelector("#alice .checking")?.childElementCount)
          return false;
        if (!last.classList.contains("message"))
          return { kind: /notice-(\w+)/.exec(last.className)?.[1] ?? "", text: last.textContent ?? "" };
        const fate = last.querySelector<HTMLElement>(".fate")?.textContent ?? "";
        return /^Sending/.test(fate) ? false : { kind: "message", text: fate };
      },
      {},
      before,
    );
    return (await handle.jsonValue()) as Ending;
  }

  textOf(selector: string): Promise<string> {
    return this.page.$eval(selector, (element) => element.textContent ?? "");
  }
}

/** Whether a request only waits for messages. Both people do, all the time, whatever is attached. */
function isLongPoll({ method, path }: Recorded): boolean {
  return method === "GET" && path.startsWith("/relay/");
}

/** The requests that hand ciphertext to the relay. */
export function sealedIn(requests: Recorded[]): Recorded[] {
  return requests.filter(({ method, path }) => method === "POST" && path.startsWith("/relay/"));
}

/** The requests as "METHOD /path", for messages. */
export function names(requests: Recorded[]): string[] {
  return requests.map(({ method, path }) => `${method} ${path.replace(/^(\/relay|\/v1\/entries)\/.*/, "$1/")}`);
}

/** What Chromium logs of its own when a request fails, as it must under some faults. */
export const FAILED_LOAD = /^Failed to load resource/;

/** The demo server, a browser, and files to attach. */
export class Theatre {
  /** The path of a picture that is on the list. */
  listed = "";
  /** The path of a picture that is not. */
  unlisted = "";

  private constructor(
    readonly stage: Stage,
    readonly browser: Browser,
    readonly folder: string,
  ) {}

  static async open(): Promise<Theatre> {
    const folder = await mkdtemp(join(tmpdir(), "preseal-demo-"));
    const [stage, browser] = await Promise.all([openStage(), launchChromium()]);
    const theatre = new Theatre(stage, browser, folder);
    const index = await fetch(new URL("samples/index.json", stage.url));
    const samples = (await index.json()) as { file: string; listed: boolean; variant: string }[];
    const save = async (name = "") => {
      const response = await fetch(new URL(`samples/${name}`, stage.url));
      assert.ok(response.ok, "the samples lack a picture that these tests need");
      return theatre.file(name, new Uint8Array(await response.arrayBuffer()));
    };
    theatre.listed = await save(samples.find((sample) => sample.listed && sample.variant === "original")?.file);
    theatre.unlisted = await save(samples.find((sample) => sample.variant === "unlisted")?.file);
    return theatre;
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.stage.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Writes a file to attach and returns its path. */
  async file(name: string, content: Uint8Array | string): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, content);
    return path;
  }

  /** Opens the page, works with it, and asserts that it complained of nothing unexpected and called nowhere else. */
  async play(work: (demo: DemoPage) => Promise<void>, expected = /^$/): Promise<void> {
    const demo = await DemoPage.open(this.browser, this.stage);
    try {
      await work(demo);
      const unexpected = demo.complaints.filter((complaint) => !expected.test(complaint));
      assert.deepEqual(unexpected, [], "the page complained");
      assert.deepEqual(demo.strangers, [], "requests to other hosts");
    } finally {
      await demo.close();
    }
  }
}
