// A second worker: it reads a file and digests it while the first one decodes the picture. In Chromium a worker that calls
// crypto.subtle.digest does nothing else until the digest is there. The page starts it and gives it a port that leads to the first
// one: Firefox hangs now and then where a worker starts another.

import type { Digested, ToDigest } from "./beside.js";

const scope = globalThis as unknown as {
  postMessage(message: "ready"): void;
  addEventListener(type: "message", listener: (event: MessageEvent<MessagePort>) => void): void;
};

scope.addEventListener("message", ({ data: port }) => {
  const answer = (message: Digested | "ready") => port.postMessage(message);
  port.onmessage = async ({ data: { id, blob } }: MessageEvent<ToDigest>) => {
    try {
      answer({ id, sha256: new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer())) });
    } catch {
      answer({ id }); // the first worker will see why
    }
  };
  answer("ready");
  scope.postMessage("ready");
});
