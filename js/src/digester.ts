// A second worker: it reads a file and digests it while the first one decodes the picture. In Chromium a worker that calls
// crypto.subtle.digest does nothing else until the digest is there. The page starts it and gives it a port that leads to the first
// one: Firefox hangs now and then where a worker starts another.

import type { Digested, ToDigest } from "./beside.js";

const scope = globalThis as unknown as {
  postMessage(message: "ready"): void;
  addEventListener(type: "message", listener: (event: MessageEvent<MessagePort>) => void): void;
};

/** Up to here a file is read into memory that is kept: to be given new memory takes nearly as long as to read into it. */
const KEPT = 2 ** 23;

let kept: ArrayBuffer | undefined;

/** Whether the browser can read a file into memory that it is given. WebKit cannot. */
const fillsMemory = (() => {
  try {
    return Boolean(new Blob().stream().getReader({ mode: "byob" }));
  } catch {
    return false;
  }
})();

async function digest(blob: Blob): Promise<Uint8Array> {
  const bytes = await read(blob);
  const sha256 = await crypto.subtle.digest("SHA-256", bytes);
  if (bytes.buffer.byteLength === KEPT) kept = bytes.buffer;
  return new Uint8Array(sha256);
}

async function read(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  if (blob.size > KEPT || !fillsMemory) return new Uint8Array(await blob.arrayBuffer());
  const reader = blob.stream().getReader({ mode: "byob" });
  let buffer = kept ?? new ArrayBuffer(KEPT);
  kept = undefined; // another file may come meanwhile
  let length = 0;
  while (length < blob.size) {
    const { done, value } = await reader.read(new Uint8Array(buffer, length));
    if (done) throw new Error("the file has become shorter");
    buffer = value.buffer;
    length += value.length;
  }
  return new Uint8Array(buffer, 0, length);
}

scope.addEventListener("message", ({ data: port }) => {
  const answer = (message: Digested | "ready") => port.postMessage(message);
  port.onmessage = async ({ data: { id, blob } }: MessageEvent<ToDigest>) => {
    try {
      answer({ id, sha256: await digest(blob) });
    } catch {
      answer({ id }); // the first worker will see why
    }
  };
  answer("ready");
  scope.postMessage("ready");
});
