// Starts the demo server behind a proxy that records every request, and browsers to talk to it. What a page, a worker or
// the browser itself sends passes the proxy, so nothing can be sent unseen.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import puppeteer, { type Browser, type Page } from "puppeteer-core";

/** The repository's root, seen from js/dist/test. */
export const root = join(import.meta.dirname, "..", "..", "..");

/** A request as the proxy saw it. */
export interface Recorded {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** The server's answer, once it has come to an end; none if the proxy answered itself. */
  answer?: { status: number; body: Buffer };
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** The demo server behind the recording proxy. */
export interface Stage {
  /** The path of the command line tool. */
  tool: string;
  /** The proxy's origin, with a slash at the end. */
  url: string;
  /** Every request so far. */
  requests: Recorded[];
  /** Paths that the proxy answers itself. One that ends with a slash stands for all files of that folder. */
  routes: Map<string, Handler>;
  /** Other servers by the first name of the paths that lead to them, which they do not see. */
  servers: Map<string, URL>;
  /** Runs work and returns the requests that were made meanwhile, or until a quarter of a second passed without one. */
  during(work: () => Promise<unknown>): Promise<Recorded[]>;
  close(): Promise<void>;
}

const CSP =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self' blob:; style-src 'self'";

/** A path of the proxy with an empty page, under a policy as strict as the demo's, which sets a cookie. */
export const BLANK = "blank.html";

/** Builds the command line tool into a folder of its own. */
export async function buildTool(): Promise<{ tool: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "preseal-"));
  const tool = join(folder, "preseal");
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await promisify(execFile)("go", ["build", "-o", tool, "./tools/preseal"], { cwd: root });
  } catch (error) {
    await remove();
    throw error;
  }
  return { tool, remove };
}

/** Starts `preseal demo` and the proxy. */
export async function openStage(): Promise<Stage> {
  const { tool, remove } = await buildTool();
  const child = spawn(tool, ["demo", "--listen", "127.0.0.1:0"], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => child.kill());
  const target = await printedUrl(child);
  const requests: Recorded[] = [];
  const routes = new Map<string, Handler>([[`/${BLANK}`, servePage]]);
  const servers = new Map<string, URL>();
  const server = createServer((incoming, response) => {
    const { pathname } = new URL(incoming.url ?? "/", target);
    const handler = routes.get(pathname) ?? routes.get(pathname.replace(/[^/]*$/, ""));
    const chunks: Buffer[] = [];
    const { method = "", url: path = "", headers } = incoming;
    const recorded: Recorded = { method, path, headers, body: Buffer.alloc(0) };
    const [, name = "", rest = ""] = /^\/([^/]*)\/(.*)$/.exec(path) ?? [];
    const other = servers.get(name);
    requests.push(recorded);
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      recorded.body = Buffer.concat(chunks);
      if (handler) handler(incoming, response);
      else forward(recorded, incoming, response, other ? new URL(rest, other) : new URL(path, target));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    tool,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    routes,
    servers,
    async during(work) {
      const before = requests.length;
      await work();
      for (let seen = -1; seen < requests.length; ) {
        seen = requests.length;
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      return requests.slice(before);
    },
    async close() {
      server.close();
      server.closeAllConnections();
      child.kill();
      await remove();
    },
  };
}

/** The first URL that a server prints. */
export async function printedUrl(child: ChildProcess): Promise<URL> {
  if (!child.stdout) throw new Error("no stdout");
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\/\/[^\s]+/.exec(line);
    if (url) return new URL(url[0]);
  }
  throw new Error("the server ended without printing its URL");
}

function servePage(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/html", "Content-Security-Policy": CSP, "Set-Cookie": "visitor=1" });
  response.end('<!doctype html><html lang="en"><title>blank</title><link rel="icon" href="data:,"></html>');
}

function forward(recorded: Recorded, incoming: IncomingMessage, response: ServerResponse, target: URL): void {
  const { host: _, ...headers } = incoming.headers;
  const outgoing = request(target, { method: recorded.method, headers }, (answer) => {
    const status = answer.statusCode ?? 502;
    const chunks: Buffer[] = [];
    answer.on("data", (chunk: Buffer) => chunks.push(chunk));
    answer.on("end", () => {
      recorded.answer = { status, body: Buffer.concat(chunks) };
    });
    response.writeHead(status, answer.headers);
    answer.pipe(response);
    answer.on("error", () => response.destroy());
  });
  outgoing.on("error", () => response.destroy());
  response.on("close", () => outgoing.destroy());
  outgoing.end(recorded.body);
}

/** Starts Chromium with a profile of its own, which puppeteer removes at the end, and without what it does unasked. */
export function launchChromium(): Promise<Browser> {
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-features=AutofillServerCommunication",
    ],
  });
}

/** Starts Firefox by WebDriver BiDi. */
export function launchFirefox(extraPrefsFirefox: Record<string, unknown> = {}): Promise<Browser> {
  const executablePath = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
  return puppeteer.launch({ browser: "firefox", executablePath, headless: true, extraPrefsFirefox });
}

/** Opens a path of the stage in a new page. */
export async function openPage(browser: Pick<Browser, "newPage">, stage: Stage, path: string = BLANK): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(new URL(path, stage.url).href);
  return page;
}
