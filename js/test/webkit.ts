// WebKitGTK by the W3C WebDriver protocol, without a client library: it is a handful of HTTP requests.

import { spawn } from "node:child_process";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";

/** One window of WebKitGTK's MiniBrowser. */
export interface WebKit {
  goto(url: string): Promise<void>;
  /** Runs the body of an async function with the arguments in the page. */
  run(body: string, ...args: unknown[]): Promise<unknown>;
  close(): Promise<void>;
}

const BROWSER = process.env.MINIBROWSER ?? "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";

/** Starts the driver under a virtual display. */
export async function launchWebKit(): Promise<WebKit> {
  const port = await freePort();
  const driver = spawn("xvfb-run", ["-a", "WebKitWebDriver", `--port=${port}`, "--host=127.0.0.1"], {
    detached: true, // a process group of its own, so that the display ends with it
    stdio: "ignore",
  });
  const end = () => {
    if (driver.pid !== undefined) process.kill(-driver.pid);
  };
  const base = `http://127.0.0.1:${port}`;
  const session = await startSession(base).catch((error: unknown) => {
    end();
    throw error;
  });
  return {
    async goto(url) {
      await call(`${session}/url`, { url });
    },
    async run(body, ...args) {
      const script = `const done = arguments[arguments.length - 1];
        (async (...args) => { ${body} })(...[...arguments].slice(0, -1)).then((ok) => done({ ok }), (error) => done({ error: String(error) }));`;
      const result = (await call(`${session}/execute/async`, { script, args })) as { ok?: unknown; error?: string };
      if (result.error !== undefined) throw new Error(result.error);
      return result.ok;
    },
    async close() {
      await fetch(session, { method: "DELETE" }).catch(() => {});
      end();
    },
  };
}

async function startSession(base: string): Promise<string> {
  const alwaysMatch = { "webkitgtk:browserOptions": { binary: BROWSER, args: ["--automation"] } };
  for (let attempt = 0; ; attempt++) {
    try {
      const { sessionId } = (await call(`${base}/session`, { capabilities: { alwaysMatch } })) as { sessionId: string };
      await call(`${base}/session/${sessionId}/timeouts`, { script: 60_000 });
      return `${base}/session/${sessionId}`;
    } catch (error) {
      if (attempt === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200)); // the driver does not say when it listens
    }
  }
}

async function call(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  const { value } = (await response.json()) as { value: unknown };
  if (!response.ok) throw new Error(JSON.stringify(value));
  return value;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
