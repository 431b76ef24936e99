import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { download } from "../download.js";
import { PresealError } from "../index.js";

const answers: Record<string, (response: ServerResponse) => void> = {
  "/ten": (response) => response.end("0123456789"),
  "/missing": (response) => response.writeHead(404).end(),
  "/moved": (response) => response.writeHead(302, { Location: "/ten" }).end(),
  "/silent": () => {},
  "/stalls": (response) => response.write("01234"),
  "/endless": (response) => {
    const more = () => response.write(Buffer.alloc(1 << 16), () => !response.destroyed && more());
    more();
  },
  "/cut": (response) => {
    response.writeHead(200, { "Content-Length": "10" });
    response.write("01234", () => response.destroy());
  },
};

const open = new Set<ServerResponse>();
const server = createServer((request, response) => {
  open.add(response);
  response.on("close", () => open.delete(response));
  answers[request.url ?? ""]?.(response);
});
let base: string;

before(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  server.close();
  server.closeAllConnections();
});

function get(path: string, limit = 10, signal = new AbortController().signal, timeout = 300) {
  return download(base + path, { what: "test", limit, timeout, signal });
}

function code(wanted: string) {
  return (error: unknown) => error instanceof PresealError && error.code === wanted;
}

test("a body up to the limit arrives, after a redirect too", async () => {
  assert.equal(Buffer.from(await get("/ten")).toString(), "0123456789");
  assert.equal((await get("/moved")).length, 10);
});

test("a longer body is too-large, and not read to its end", async () => {
  await assert.rejects(get("/ten", 9), code("too-large"));
  await assert.rejects(get("/endless", 1 << 20), code("too-large"));
});

test("failures have codes", async () => {
  await assert.rejects(get("/missing"), code("server"));
  await assert.rejects(get("/silent"), code("timeout"));
  await assert.rejects(get("/stalls"), code("timeout"));
  await assert.rejects(get("/cut"), code("network"));
  await assert.rejects(
    download("http://127.0.0.1:1/", { what: "test", limit: 1, timeout: 300, signal: never }),
    code("network"),
  );
});

const never = new AbortController().signal;

test("an abort rejects with its reason, before and amid the body, and ends the transfer", async () => {
  const reason = new Error("enough");
  await assert.rejects(get("/ten", 10, AbortSignal.abort(reason)), reason);
  for (const path of ["/silent", "/stalls"]) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 50);
    await assert.rejects(get(path, 10, controller.signal, 60_000), reason);
  }
  while (open.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
});
