import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { CHUNK, countChunks, fetchChunks } from "../chunks.js";
import { PresealError } from "../index.js";

const file = randomBytes(3 * CHUNK + 1000);
const piece = (i: number) => file.subarray(i * CHUNK, (i + 1) * CHUNK);
const leaf = (chunk: Uint8Array) => createHash("sha256").update(Buffer.of(0)).update(chunk).digest();
const hashes = Buffer.concat([0, 1, 2, 3].map((i) => leaf(piece(i))));

let answer: (request: IncomingMessage, response: ServerResponse) => void;
let ranges: (string | undefined)[] = [];
const server = createServer((request, response) => {
  ranges.push(request.headers.range);
  answer(request, response);
});
let url: string;

before(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

after(() => {
  server.close();
  server.closeAllConnections();
});

/** Where the request begins. */
function startOf({ headers }: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
}

/** Answers as asked; to is where the connection breaks. */
function send(request: IncomingMessage, response: ServerResponse, to = file.length, body = file): void {
  const from = startOf(request);
  const range = { "Content-Range": `bytes ${from}-${file.length - 1}/${file.length}` };
  response.writeHead(from > 0 ? 206 : 200, { "Content-Length": file.length - from, ...(from > 0 && range) });
  const part = body.subarray(from, to);
  if (to === file.length) response.end(part);
  else response.write(part, () => setTimeout(() => response.destroy(), 50));
}

/** Fetches the file, or the error that it ends with, and tells which chunks were kept. */
async function get(
  had: Map<number, Uint8Array> = new Map(),
  size = file.length,
  signal = new AbortController().signal,
) {
  ranges = [];
  const kept: number[] = [];
  const progress: number[] = [];
  const fetched = await fetchChunks({
    url,
    size,
    hashes,
    find: async (i) => had.get(i),
    keep: async (i, chunk) => {
      assert.ok(piece(i).equals(chunk));
      had.set(i, Uint8Array.from(chunk));
      kept.push(i);
    },
    timeout: 300,
    signal,
    onProgress: (loaded) => progress.push(loaded),
  }).catch((error: unknown) => ({ bytes: error, downloaded: undefined }));
  return { ...fetched, kept, progress };
}

function isWhole(bytes: unknown): void {
  assert.ok(bytes instanceof Uint8Array && file.equals(bytes), String(bytes));
}

function isCode(thrown: unknown, code: string): void {
  assert.equal(thrown instanceof PresealError ? thrown.code : thrown, code);
}

test("a file is as many chunks as it takes", () => {
  assert.deepEqual([0, 1, CHUNK, CHUNK + 1].map(countChunks), [0, 1, 1, 2]);
});

test("a file arrives in one request, chunk by chunk", async () => {
  answer = send;
  const { bytes, downloaded, kept, progress } = await get();
  isWhole(bytes);
  assert.deepEqual([ranges, kept, downloaded], [[undefined], [0, 1, 2, 3], file.length]);
  assert.equal(progress.at(-1), file.length);
  assert.deepEqual(
    progress,
    [...progress].sort((a, b) => a - b),
  );
});

test("a broken connection is resumed at the first missing chunk, as often as it brings one", async () => {
  const ends = [CHUNK + 5, 2 * CHUNK, 2 * CHUNK + 1, 4 * CHUNK];
  answer = (request, response) => send(request, response, Math.min(ends.shift() ?? 0, file.length));
  const { bytes, kept } = await get();
  isWhole(bytes);
  assert.deepEqual(kept, [0, 1, 2, 3]);
  assert.deepEqual(ranges, [undefined, `bytes=${CHUNK}-`, `bytes=${2 * CHUNK}-`, `bytes=${2 * CHUNK}-`]);
});

test("three connections in a row that bring no chunk are a failure, and what came before them stays", async () => {
  answer = (request, response) => send(request, response, startOf(request) > 0 ? startOf(request) + 9 : CHUNK + 1);
  const { bytes, kept } = await get();
  isCode(bytes, "network");
  assert.deepEqual([kept, ranges.length], [[0], 3]);
  answer = (_, response) => response.flushHeaders(); // and then nothing
  isCode((await get()).bytes, "timeout");
});

test("chunks that are here are not fetched, unless they are not what they should be", async () => {
  answer = send;
  const had = new Map<number, Uint8Array>([0, 1, 3].map((i) => [i, piece(i)]));
  const some = await get(had);
  isWhole(some.bytes);
  assert.deepEqual([ranges, some.kept, some.downloaded], [[`bytes=${2 * CHUNK}-`], [2, 3], CHUNK + 1000]);
  const none = await get(had);
  isWhole(none.bytes);
  assert.deepEqual([ranges, none.downloaded], [[], 0]);
  had.set(1, piece(2));
  const repaired = await get(had);
  isWhole(repaired.bytes);
  assert.deepEqual(repaired.kept, [1, 2, 3]);
  had.set(0, piece(0).subarray(1));
  isWhole((await get(had)).bytes);
  assert.deepEqual(ranges, [undefined]);
});

test("a server that sends the whole file instead of a part is understood", async () => {
  answer = (_, response) => response.end(file);
  const { bytes, kept, progress } = await get(new Map([[0, piece(0)]]));
  isWhole(bytes);
  assert.deepEqual([ranges, kept], [[`bytes=${CHUNK}-`], [1, 2, 3]]);
  assert.deepEqual(
    progress,
    [...progress].sort((a, b) => a - b),
  );
});

for (const range of [`bytes 0-${file.length - 1}/${file.length}`, `bytes ${CHUNK}-${CHUNK}/*`, "bytes */5", "x"]) {
  test(`a part that is said to be ${range} is not believed`, async () => {
    answer = (_, response) => response.writeHead(206, { "Content-Range": range }).end(file.subarray(CHUNK));
    isCode((await get(new Map([[0, piece(0)]]))).bytes, "bad-answer");
  });
}

test("a part of unknown place or length is judged by its chunks", async () => {
  answer = (_, response) => response.writeHead(206).end(file.subarray(CHUNK));
  isWhole((await get(new Map([[0, piece(0)]]))).bytes);
  answer = (_, response) => response.writeHead(206).end(file);
  isCode((await get(new Map([[0, piece(0)]]))).bytes, "corrupt");
});

test("a flipped bit in any chunk is corrupt, and the chunks before it are kept", async () => {
  for (const i of [0, 1, 2, 3]) {
    const changed = Buffer.from(file);
    const at = Math.min((i + 1) * CHUNK, file.length) - 1;
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    answer = (request, response) => send(request, response, file.length, changed);
    const { bytes, kept } = await get();
    isCode(bytes, "corrupt");
    assert.deepEqual([kept.length, ranges.length], [i, 1]);
  }
});

test("other answers have their codes, and are not tried again", async () => {
  const cases: [status: number, body: Buffer, code: string][] = [
    [404, file, "server"],
    [206, file, "server"], // nobody asked for a part
    [200, Buffer.concat([file, Buffer.of(0)]), "too-large"],
  ];
  for (const [status, body, code] of cases) {
    answer = (_, response) => response.writeHead(status).end(body);
    isCode((await get()).bytes, code);
    assert.equal(ranges.length, 1);
  }
  answer = (_, response) => response.writeHead(416).end();
  isCode((await get(new Map([[0, piece(0)]]))).bytes, "server");
});

test("a file that ends too early has not arrived, and fewer hashes than chunks are corrupt", async () => {
  answer = (_, response) => response.end(file);
  isCode((await get(new Map(), file.length + CHUNK)).bytes, "network");
  answer = (_, response) => response.end(Buffer.concat([file, Buffer.alloc(CHUNK)]));
  isCode((await get(new Map(), file.length + CHUNK)).bytes, "corrupt");
});

test("an abort ends the download, amid a wait too", async () => {
  const reason = new Error("enough");
  answer = (_, response) => response.destroy();
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 100);
  const { bytes } = await get(new Map(), file.length, controller.signal);
  assert.equal(bytes, reason);
});
