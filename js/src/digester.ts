// A worker of the worker: it reads a file and digests it while the other one decodes the picture. In Chromium a worker that
// calls crypto.subtle.digest does nothing else until the digest is there.

import type { Digested, ToDigest } from "./beside.js";

const scope = globalThis as unknown as {
  postMessage(message: Digested | "ready"): void;
  addEventListener(type: "message", listener: (event: MessageEvent<ToDigest>) => void): void;
};

scope.addEventListener("message", async ({ data: { id, blob } }) => {
  try {
    scope.postMessage({ id, sha256: new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer())) });
  } catch {
    scope.postMessage({ id }); // the other worker will see why
  }
});

scope.postMessage("ready");
