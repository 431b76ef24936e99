// Tests' side of lab.ts: an empty page of some browser, in which the package is put to work.

import type { Page } from "puppeteer-core";
import { BLANK, launchChromium, launchFirefox, openPage, openStage, type Stage } from "./browser.js";
import type * as lab from "./lab.js";
import { launchWebKit } from "./webkit.js";

type Functions = typeof lab;

/** Calls a function of lab.ts in the page. */
export type Call = <N extends keyof Functions>(
  name: N,
  ...args: Parameters<Functions[N]>
) => Promise<Awaited<ReturnType<Functions[N]>>>;

/** A page of some browser, which ends with it. */
export interface Tab {
  call: Call;
  close(): Promise<void>;
}

/** How each browser is started. */
export const launchers = {
  Chromium: async (stage: Stage) => {
    const browser = await launchChromium();
    return tabOf(await openPage(browser, stage), () => browser.close());
  },
  Firefox: async (stage: Stage) => {
    const browser = await launchFirefox();
    return tabOf(await openPage(browser, stage), () => browser.close());
  },
  "Firefox resisting fingerprinting": async (stage: Stage) => {
    const browser = await launchFirefox({ "privacy.resistFingerprinting": true });
    return tabOf(await openPage(browser, stage), () => browser.close());
  },
  WebKitGTK: async (stage: Stage): Promise<Tab> => {
    const window = await launchWebKit();
    await window.goto(new URL(BLANK, stage.url).href);
    const body = 'return (await import("/js/dist/test/lab.js"))[args[0]](...args.slice(1));';
    return { call: ((...args: unknown[]) => window.run(body, ...args)) as Call, close: window.close };
  },
} satisfies Record<string, (stage: Stage) => Promise<Tab>>;

/** A page of puppeteer's, to call lab.ts in. */
export function tabOf(page: Page, close: () => Promise<void>): Tab {
  const run = async (name: string, args: unknown[]) => {
    const url = "/js/dist/test/lab.js";
    return (await import(url))[name](...args);
  };
  return { call: ((name: string, ...args: unknown[]) => page.evaluate(run, name, args)) as Call, close };
}

/** Of requests, those to a confirmation server at /v1/, without what is different each time. */
export function asked(requests: string[]): string[] {
  return requests.flatMap((request) => /^(\w+) \/v1\/(\w+)/.exec(request)?.slice(1, 3).join(" ") ?? []);
}

/** How many bits lie between two hashes, given as hexadecimal digits. */
export function apart(a: string | undefined, b: string | undefined): number {
  const differing = BigInt(`0x${a}`) ^ BigInt(`0x${b}`);
  return differing.toString(2).replaceAll("0", "").length;
}

/** Serves a module worker that runs the code given before the package's own; returns its path. */
export function sabotage({ routes }: Stage, name: string, code: string): string {
  const headers = {
    "Content-Type": "text/javascript",
    "Content-Security-Policy": "script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'",
    "Cross-Origin-Embedder-Policy": "require-corp",
  };
  const main = `import "./${name}-first.js"; import "./js/dist/worker.js";`;
  routes.set(`/${name}-first.js`, (_, response) => response.writeHead(200, headers).end(code));
  routes.set(`/${name}.js`, (_, response) => response.writeHead(200, headers).end(main));
  return `/${name}.js`;
}

/** A page with the demo's list, and the files "listed" and "unlisted" in its memory. */
export class LabPage {
  readonly stage: Stage;
  readonly call: Call;
  readonly trust: string[];
  readonly #close: () => Promise<void>;

  private constructor(stage: Stage, call: Call, trust: string[], close: () => Promise<void>) {
    this.stage = stage;
    this.call = call;
    this.trust = trust;
    this.#close = close;
  }

  static async open(browser: keyof typeof launchers = "Chromium"): Promise<LabPage> {
    const stage = await openStage();
    try {
      const get = async (path: string) => (await fetch(new URL(path, stage.url))).json();
      const { trust } = await get("demo.json");
      const samples: { file: string; variant: string }[] = await get("samples/index.json");
      const { call, close } = await launchers[browser](stage);
      for (const [name, variant] of Object.entries({ listed: "original", unlisted: "unlisted" })) {
        await call("load", name, `/samples/${samples.find((sample) => sample.variant === variant)?.file}`);
      }
      return new LabPage(stage, call, trust, close);
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  /** Opens the demo's list, unless the options say otherwise; returns "" or the error. */
  open(options: Partial<lab.LabOptions> = {}, abortAt?: Parameters<typeof lab.open>[1]): Promise<string> {
    return this.call("open", { snapshot: "/lists/", confirm: "/v1/", trust: this.trust, ...options }, abortAt);
  }

  /** Checks a file and tells which requests the server saw meanwhile. */
  async check(name: string): Promise<{ outcome: lab.Summary; requests: string[] }> {
    let outcome: lab.Summary = {};
    const requests = await this.stage.during(async () => {
      outcome = await this.call("check", name);
    });
    return { outcome, requests: requests.map(({ method, path }) => `${method} ${path}`) };
  }

  /** Serves a module worker that runs the code given before the package's own; returns its path. */
  sabotage(name: string, code: string): string {
    return sabotage(this.stage, name, code);
  }

  async close(): Promise<void> {
    await this.#close();
    await this.stage.close();
  }
}
