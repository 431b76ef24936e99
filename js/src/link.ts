import { PresealError } from "./errors.js";
import { type CheckProgress, type News, type OpenProgress, parseReply, type Reply, type Request } from "./messages.js";

type TaskOf<T extends Request["type"]> = Omit<Extract<Request, { type: T }>, "id">;

/** A request that waits for its reply; the id is the link's affair. */
export type Task = TaskOf<"open"> | TaskOf<"check"> | TaskOf<"update">;

/** A reply that ends a call. */
export type Final = Extract<Reply, { type: "opened" | "checked" | "updated" }>;

interface Call {
  resolve(reply: Final): void;
  reject(reason: unknown): void;
  onProgress(event: OpenProgress | CheckProgress): void;
}

/**
 * The page's end of a worker: calls go out with an id, replies are matched to them. A worker that crashes, talks nonsense,
 * no longer answers or gets nowhere breaks the link, which fails every pending call.
 */
export class Link {
  /** Why the link no longer works. */
  failure: PresealError | undefined;
  /** Runs once, when the link stops working. */
  onFailure = () => {};
  /** Hears of updates. */
  onNews = (_: News) => {};
  readonly #worker: Worker;
  readonly #patience: number;
  readonly #alsoEnd: () => void;
  readonly #calls = new Map<number, Call>();
  #lastId = 0;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #standstill: ReturnType<typeof setTimeout> | undefined;

  /**
   * Patience is how many milliseconds a worker may be silent before it is asked for a sign of life. For ten times as long
   * it may give signs of life and nothing else. What is of use to the worker alone is ended with it.
   */
  constructor(worker: Worker, patience: number, alsoEnd: () => void) {
    this.#worker = worker;
    this.#patience = patience;
    this.#alsoEnd = alsoEnd;
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
    task: Task,
    signal: AbortSignal | undefined,
    onProgress: (event: OpenProgress | CheckProgress) => void,
  ): Promise<Final> {
    signal?.throwIfAborted();
    if (this.failure) throw this.failure;
    const id = ++this.#lastId;
    let abort = () => {};
    const reply = new Promise<Final>((resolve, reject) => {
      this.#calls.set(id, { resolve, reject, onProgress });
      abort = () => {
        this.#worker.postMessage({ type: "abort", id } satisfies Request);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort);
      const ports = task.type === "open" && task.digester ? [task.digester] : [];
      this.#worker.postMessage({ ...task, id } satisfies Request, ports);
      this.#expectLife();
      this.#expectProgress();
    });
    try {
      return await reply;
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#calls.delete(id);
      if (this.#calls.size === 0) this.#expectNothing();
    }
  }

  /** Ends the worker and fails the pending calls. */
  end(failure: PresealError): void {
    if (this.failure) return;
    this.failure = failure;
    this.#worker.terminate();
    this.#alsoEnd();
    this.#expectNothing();
    for (const call of this.#calls.values()) call.reject(failure);
    this.onFailure();
  }

  #receive(data: unknown): void {
    if (this.failure) return;
    try {
      const reply = parseReply(data);
      this.#expectLife();
      if (reply.type !== "pong") this.#expectProgress();
      this.#deliver(reply);
    } catch (error) {
      this.end(error as PresealError);
    }
  }

  #deliver(reply: Reply): void {
    if (reply.type === "pong") return;
    if (reply.type === "swapped" || reply.type === "update-failed") {
      this.onNews(reply);
      return;
    }
    const call = this.#calls.get(reply.id); // none if the call was aborted
    if (reply.type === "progress") call?.onProgress(reply.event);
    else if (reply.type === "failed") call?.reject(new PresealError(reply.code, reply.message));
    else call?.resolve(reply);
  }

  /** While calls are pending, a silent worker is pinged; if even that brings nothing, it hangs. */
  #expectLife(): void {
    clearTimeout(this.#silence);
    if (this.#calls.size === 0) return;
    this.#silence = setTimeout(() => {
      this.#worker.postMessage({ type: "ping" } satisfies Request);
      this.#silence = setTimeout(() => this.end(failed("the worker no longer answers")), 3 * this.#patience);
    }, this.#patience);
  }

  /** While calls are pending, some call must end or enter another step. The worker's own deadlines are shorter than this one. */
  #expectProgress(): void {
    clearTimeout(this.#standstill);
    if (this.#calls.size === 0) return;
    const failure = new PresealError("timeout", "the worker gets nowhere");
    this.#standstill = setTimeout(() => this.end(failure), 10 * this.#patience);
  }

  #expectNothing(): void {
    clearTimeout(this.#silence);
    clearTimeout(this.#standstill);
  }
}

function failed(message: string): PresealError {
  return new PresealError("engine-failed", message);
}
