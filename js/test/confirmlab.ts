// A page with a list made for the private confirmation, and the servers of the command line tool that confirm it.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Engine } from "../engine.js";
import { printedUrl, type Recorded, root } from "./browser.js";
import type { LabOptions, Summary } from "./lab.js";
import { LabPage, type launchers } from "./labpage.js";
import { png, waves } from "./png.js";

const [width, height] = [320, 240];

/** The pictures, by their number, and how the list has them: with their own hash, and so many look-alikes. */
const PICTURES: Record<number, { isListed: boolean; lookalikes: number }> = {
  1: { isListed: true, lookalikes: 0 },
  2: { isListed: true, lookalikes: 3 },
  3: { isListed: false, lookalikes: 5 },
  4: { isListed: false, lookalikes: 4 },
  5: { isListed: false, lookalikes: 6 },
  6: { isListed: false, lookalikes: 13 },
  7: { isListed: false, lookalikes: 18 },
  8: { isListed: false, lookalikes: 24 },
  9: { isListed: false, lookalikes: 52 },
  10: { isListed: false, lookalikes: 0 },
};

/** The bits of a PDQ hash by frequency, the highest of the key's first. */
const KEY_BITS = Array.from({ length: 10 }, (_, i) => 9 - i).flatMap((sum) =>
  Array.from({ length: sum + 1 }, (_, row) => 16 * row + sum - row),
);

/** A hash whose key is one bit from that of another, and which is farther from it than a match may be. */
function lookalike(pdq: Buffer, n: number): Buffer {
  const other = Buffer.from(pdq);
  const flip = (bit: number) => {
    other[31 - (bit >> 3)] = (other[31 - (bit >> 3)] as number) ^ (1 << (bit & 7));
  };
  flip(KEY_BITS[n] as number);
  for (let row = 8; row < 16; row++) for (let column = 8; column < 16; column++) flip(16 * row + column);
  return other;
}

/** What a check led to. */
export interface Checked {
  outcome: Summary;
  requests: Recorded[];
  /** The requests as "METHOD path", without what is different each time and without scripts. */
  asked: string[];
}

/**
 * The page, the list, and its servers. The versions of the list are "old", "new" with another key, "bare" with that key and without
 * the pictures, "wide" with room for so many entries that they are in several buckets, and "plain" with no key. The page has the pictures by their numbers, and "missed", which is not listed and hits the filter by accident.
 */
export class ConfirmLab {
  readonly #folder: string;
  readonly #servers = new Map<string, ChildProcess>();
  #key = "";
  #isOpened = false;

  private constructor(
    readonly page: LabPage,
    folder: string,
  ) {
    this.#folder = folder;
  }

  static async open(browser: keyof typeof launchers = "Chromium"): Promise<ConfirmLab> {
    const page = await LabPage.open(browser);
    const lab = new ConfirmLab(page, await mkdtemp(join(tmpdir(), "preseal-confirm-")));
    try {
      await lab.#build();
      await lab.serve("old", "old", "--rate", "0");
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** Starts a server of a version, with the key of that one only; /name/ leads to it. */
  async serve(name: string, version: "old" | "new" | "bare" | "wide" | "plain", ...options: string[]): Promise<void> {
    this.#servers.get(name)?.kill();
    const key = version === "new" || version === "bare" ? "new-key" : "old-key";
    const args = ["serve", "--snapshot", version, "--key", key, "--listen", "127.0.0.1:0", ...options];
    const child = spawn(this.page.stage.tool, args, { cwd: this.#folder, stdio: ["ignore", "pipe", "ignore"] });
    process.once("exit", () => child.kill());
    this.#servers.set(name, child);
    this.page.stage.servers.set(name, await printedUrl(child));
  }

  /** Opens the list of the old server, to be confirmed there, unless the options say otherwise; returns "" or the error. */
  async openList(options: Partial<LabOptions> = {}): Promise<string> {
    if (this.#isOpened) await this.page.call("forget", ...Object.keys(await this.page.call("stored"))); // versions seen, too
    this.#isOpened = true;
    const usual = { snapshot: "/old/lists/", confirm: "/old/v1/", trust: [this.#key], update: "manual" } as const;
    return this.page.call("open", { ...usual, ...options });
  }

  /** Checks a file and returns what was asked meanwhile. */
  async check(name: string): Promise<Checked> {
    let outcome: Summary = {};
    const requests = await this.page.stage.during(async () => {
      outcome = await this.page.call("check", name);
    });
    const names = requests.map(({ method, path }) => `${method} ${path}`.replace(/[0-9a-f]{16,}/g, "*"));
    return { outcome, requests, asked: names.filter((name) => !name.endsWith(".js")) };
  }

  async close(): Promise<void> {
    for (const child of this.#servers.values()) child.kill();
    await rm(this.#folder, { recursive: true, force: true });
    await this.page.close();
  }

  async #build(): Promise<void> {
    const preseal = (...args: string[]) =>
      promisify(execFile)(this.page.stage.tool, args, { cwd: this.#folder }).then(({ stdout }) => stdout);
    const rows = ["algorithm,hash,label"];
    for (const [number, { isListed, lookalikes }] of Object.entries(PICTURES)) {
      const file = `${number}.png`;
      await writeFile(join(this.#folder, file), picture(Number(number)));
      await this.#show(number, picture(Number(number)));
      const pdq = Buffer.from(JSON.parse(await preseal("hash", "--json", file)).pdq, "hex");
      if (isListed) rows.push(`pdq,${pdq.toString("hex")},picture ${number}`);
      for (let n = 0; n < lookalikes; n++) rows.push(`pdq,${lookalike(pdq, n).toString("hex")},`);
    }
    const digests = Array.from({ length: 200 }, (_, n) => createHash("sha256").update(String(n)).digest("hex"));
    const bare = digests.map((digest) => `sha256,${digest},`);
    await writeFile(join(this.#folder, "list.csv"), [...rows, ...bare].join("\n"));
    await writeFile(join(this.#folder, "bare.csv"), [rows[0], ...bare].join("\n"));
    await preseal("keygen", "--name", "example.org/list", "--out", "old-key");
    await preseal("build", "--list", "list.csv", "--key", "old-key", "--out", "old");
    await cp(join(this.#folder, "old-key"), join(this.#folder, "new-key"), { recursive: true });
    await preseal("rotate", "--key", "new-key");
    await rm(join(this.#folder, "new-key", "oprf.key.old"));
    await preseal("build", "--list", "list.csv", "--key", "new-key", "--base", "old", "--out", "new");
    await preseal("build", "--list", "bare.csv", "--key", "new-key", "--base", "old", "--out", "bare");
    await preseal("build", "--list", "list.csv", "--key", "old-key", "--out", "wide", "--capacity", "pdq=8192");
    await preseal("build", "--list", "list.csv", "--key", "old-key", "--out", "plain", "--plain");
    this.#key = (await readFile(join(this.#folder, "old-key", "verifier.pub"), "utf8")).trim();
    await this.#show("missed", await this.#missed());
  }

  /** Lets the page have a file. */
  async #show(name: string, content: Buffer): Promise<void> {
    this.page.stage.routes.set(`/${name}.png`, (_, response) => {
      response.writeHead(200, { "Content-Type": "image/png" }).end(content);
    });
    await this.page.call("load", name, `/${name}.png`);
  }

  /** The picture that is not listed, with such bytes at its end that its digest hits the filter. */
  async #missed(): Promise<Buffer> {
    const read = (name: string) => readFile(join(this.#folder, "old", name));
    const engine = await Engine.start(
      await WebAssembly.compile(await readFile(join(root, "js", "dist", "preseal.wasm"))),
    );
    const roles = [{ name: "authority", keys: [this.#key] }];
    const trust = { roles, threshold: 1, origin: "", purpose: "", minVersion: 0 };
    const { file } = engine.call("openManifest", await read("manifest"), trust, Date.now());
    engine.call("openSnapshot", await read(file));
    for (let n = 0; ; n++) {
      const content = Buffer.concat([picture(10), Buffer.from(String(n))]);
      const sha256 = createHash("sha256").update(content).digest();
      if (engine.call("check", { sha256, now: Date.now() }).candidates.length > 0) return content;
    }
  }
}

/** A picture as a PNG file. */
export function picture(number: number): Buffer {
  return png(waves(number, width, height), width, height);
}
