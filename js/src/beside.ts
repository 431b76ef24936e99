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

/** The page's end of the second worker. */
export interface Beside {
  /** Leads to it. */
  port: MessagePort;
  /** Resolves once it runs, or it is clear that it does not. */
  settled: Promise<void>;
  end(): void;
}

/** Starts the second worker, unless that fails or takes longer than the milliseconds: then it is done without. */
export function startBeside(timeout: number): Beside {
  const { port1, port2 } = new MessageChannel();
  try {
    const worker = new Worker(new URL("./digester.js", import.meta.url), { type: "module" });
    const settled = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeout);
      const settle = (event: Event) => {
        event.preventDefault();
        clearTimeout(timer);
        resolve();
      };
      for (const type of ["message", "messageerror", "error"]) worker.addEventListener(type, settle);
    });
    worker.postMessage(port1, [port1]);
    return { port: port2, settled, end: () => worker.terminate() };
  } catch {
    return { port: port2, settled: Promise.resolve(), end() {} }; // a policy
  }
}

/** The first worker's end of it. After `patience` milliseconds without an answer the other is taken for dead. */
export class Digester {
  #isReady = false;
  readonly #port: MessagePort | undefined;
  readonly #patience: number;
  readonly #calls = new Map<number, (sha256: Uint8Array | undefined) => void>();
  #lastId = 0;

  constructor(port: MessagePort | undefined, patience: number) {
    this.#port = port;
    this.#patience = patience;
    if (!port) return;
    port.onmessage = ({ data }: MessageEvent<Digested | "ready">) => {
      if (data === "ready") this.#isReady = true;
      else this.#answer(data);
    };
  }

  /** The SHA-256 of a file, or undefined if it cannot be made there. */
  digest(blob: Blob): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      if (!this.#port || !this.#isReady) return resolve(undefined);
      const id = ++this.#lastId;
      const timer = setTimeout(() => {
        this.#isReady = false;
        this.#answer({ id });
      }, this.#patience);
      this.#calls.set(id, (sha256) => {
        clearTimeout(timer);
        resolve(sha256);
      });
      this.#port.postMessage({ id, blob } satisfies ToDigest);
    });
  }

  #answer({ id, sha256 }: Digested): void {
    this.#calls.get(id)?.(sha256 instanceof Uint8Array && sha256.length === 32 ? sha256 : undefined);
    this.#calls.delete(id);
  }
}
