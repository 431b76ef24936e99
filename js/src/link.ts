import { PresealError } from "./errors.js";
import { type CheckProgress, type OpenProgress, parseReply, type Reply, type Request } from "./messages.js";

/** A request that waits for its reply; the id is the link's affair. */
export type Question = Omit<Extract<Request, { type: "open" }>, "id"> | Omit<Extract<Request, { type: "check" }>, "id">;

/** A reply that ends a call. */
export type Outcome = Extract<Reply, { type: "opened" | "checked" }>;

interface Call {
  resolve(outcome: Outcome): void;
  reject(reason: unknown): void;
  onProgress(event: OpenProgress | CheckProgress): void;
}

/**
 * The page's end of a worker: calls go out with an id, replies are matched to them. A worker that crashes, talks nonsense
 * or no longer answers breaks the link, which fails every pending call.
 */
export class Link {
  /** Why the link no longer works. */
  failure: PresealError | undefined;
  readonly #worker: Worker;
  readonly #patience: number;
  readonly #calls = new Map<number, Call>();
  #lastId = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Patience is how many milliseconds a worker may be silent before it is asked for a sign of life. */
  constructor(worker: Worker, patience: number) {
    this.#worker = worker;
    this.#patience = patience;
    worker.addEventListener("message", (event) => this.#receive(event.data));
    worker.addEventListener("messageerror", () => this.end(failed("a message of the worker cannot be read")));
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.end(failed(`the worker failed: ${event.message || "it cannot be loaded"}`));
    });
  }

  /**
   * Sends a request and waits for the reply that ends it.
   *
   * @throws PresealError; the signal's reason.
   */
  async call(
    question: Question,
    signal: AbortSignal | undefined,
    onProgress: (event: OpenProgress | CheckProgress) => void,
  ): Promise<Outcome> {
    signal?.throwIfAborted();
    if (this.failure) throw this.failure;
    const id = ++this.#lastId;
    let abort = () => {};
    const outcome = new Promise<Outcome>((resolve, reject) => {
      this.#calls.set(id, { resolve, reject, onProgress });
      abort = () => {
        this.#worker.postMessage({ type: "abort", id } satisfies Request);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort);
      this.#worker.postMessage({ ...question, id } satisfies Request);
      this.#watch();
    });
    try {
      return await outcome;
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#calls.delete(id);
      if (this.#calls.size === 0) clearTimeout(this.#timer);
    }
  }

  /** Ends the worker and fails the pending calls. */
  end(failure: PresealError): void {
    this.failure ??= failure;
    this.#worker.terminate();
    clearTimeout(this.#timer);
    for (const call of this.#calls.values()) call.reject(this.failure);
  }

  #receive(data: unknown): void {
    if (this.failure) return;
    try {
      this.#watch();
      this.#deliver(parseReply(data));
    } catch (error) {
      this.end(error as PresealError);
    }
  }

  #deliver(reply: Reply): void {
    if (reply.type === "pong") return;
    const call = this.#calls.get(reply.id); // none if the call was aborted
    if (reply.type === "progress") call?.onProgress(reply.event);
    else if (reply.type === "failed") call?.reject(new PresealError(reply.code, reply.message));
    else call?.resolve(reply);
  }

  /** While calls are pending, a silent worker is pinged; if even that brings nothing, it hangs. */
  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#calls.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#worker.postMessage({ type: "ping" } satisfies Request);
      this.#timer = setTimeout(() => this.end(failed("the worker no longer answers")), 3 * this.#patience);
    }, this.#patience);
  }
}

function failed(message: string): PresealError {
  return new PresealError("engine-failed", message);
}
