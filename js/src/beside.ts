/** To digester.ts: a file. */
export interface ToDigest {
  id: number;
  blob: Blob;
}

/** From it: the file's digest, or none if it could not be made. */
export interface Digested {
  id: number;
  sha256?: Uint8Array;
}

/** Digests files in a worker of its own, beside what this one does. */
export class Digester {
  /** Whether the worker runs. Without it digests have to be made here. */
  isReady = false;
  readonly #worker: Worker | undefined;
  readonly #calls = new Map<number, (sha256: Uint8Array | undefined) => void>();
  #lastId = 0;

  constructor() {
    try {
      this.#worker = new Worker(new URL("./digester.js", import.meta.url), { type: "module" });
    } catch {
      return; // a policy, or a browser without workers of workers
    }
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Digested | "ready">) => {
      if (data === "ready") this.isReady = true;
      else this.#answer(data.id, data.sha256);
    });
    for (const type of ["error", "messageerror"] as const) {
      this.#worker.addEventListener(type, (event) => {
        event.preventDefault();
        this.isReady = false;
        for (const id of this.#calls.keys()) this.#answer(id, undefined);
      });
    }
  }

  /** The SHA-256 of a file, or undefined if it cannot be made there. */
  digest(blob: Blob): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      if (!this.#worker || !this.isReady) return resolve(undefined);
      const id = ++this.#lastId;
      this.#calls.set(id, resolve);
      this.#worker.postMessage({ id, blob } satisfies ToDigest);
    });
  }

  #answer(id: number, sha256: Uint8Array | undefined): void {
    this.#calls.get(id)?.(sha256 instanceof Uint8Array && sha256.length === 32 ? sha256 : undefined);
    this.#calls.delete(id);
  }
}
