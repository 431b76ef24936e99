import { digest } from "./digest.js";
import { download } from "./download.js";
import { PresealError } from "./errors.js";
import { type Release, version } from "./release.js";
import { restore } from "./restore.js";
import { put, take } from "./shelf.js";
import { within } from "./wait.js";

/** What messages call a program. */
const what = "engine";

/** What a program's functions return: a value, or an error. After a fatal one the program is of no more use. */
export type Result<T> = { ok: T } | { error: { code: string; message: string; fatal?: boolean } };

/** The functions that a program hands out, and the version of the package that it belongs to. */
interface Functions {
  version: string;
}

/** The functions of a program that return a Result. */
export type CallOf<A extends Functions> = Exclude<keyof A, "version">;
/** What a function takes. */
export type ArgumentsOf<A extends Functions, C extends CallOf<A>> = A[C] extends (...args: infer P) => unknown
  ? P
  : never;
/** What a function returns if it succeeds. */
export type OkOf<A extends Functions, C extends CallOf<A>> = A[C] extends (...args: never[]) => Result<infer T>
  ? T
  : never;

/** An error that a program reports: about its input, so the program goes on working. */
export class EngineError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What a running instance hands out, and the exports of its module. */
export interface Running<A extends Functions> {
  api: A;
  exports: WebAssembly.Exports;
}

/** A running instance of a Go program. Its functions are synchronous. */
export class Program<A extends Functions> {
  /** Whether the instance crashed. It then has to be thrown away. */
  dead = false;
  readonly #api: A;
  readonly #exports: WebAssembly.Exports;

  protected constructor({ api, exports }: Running<A>) {
    this.#api = api;
    this.#exports = exports;
  }

  /** Starts an instance of the module, of whose functions `make` makes a program. */
  protected static async launch<A extends Functions, P extends Program<A>>(
    module: WebAssembly.Module,
    make: (running: Running<A>) => P,
  ): Promise<P> {
    let program: P | undefined;
    const stopped = () => {
      if (program) program.dead = true;
    };
    try {
      program = make((await restore(module, stopped)) as Running<A>);
    } catch (error) {
      throw failed(`the engine does not start: ${String(error)}`);
    }
    const its = program.#api.version;
    if (its !== version) throw new PresealError("version-mismatch", `engine ${its}, package ${version}`);
    return program;
  }

  /**
   * Calls one of the program's functions.
   *
   * @throws EngineError with the program's own code; PresealError `engine-failed` if it crashed.
   */
  call<C extends CallOf<A>>(name: C, ...args: ArgumentsOf<A, C>): OkOf<A, C> {
    const result = this.#run(name, () =>
      (this.#api[name] as (...args: unknown[]) => Result<OkOf<A, C>> | undefined)(...args),
    );
    if (result && "ok" in result) return result.ok;
    if (!result || !("error" in result) || result.error.fatal) {
      this.dead = true;
      throw failed(`${String(name)}: ${result && "error" in result ? result.error.message : "no result"}`);
    }
    throw new EngineError(result.error.code, result.error.message);
  }

  /**
   * Calls one of the module's exports, which takes a thousandth of the time, and knows numbers alone.
   *
   * @throws PresealError `engine-failed` if the program crashed.
   */
  protected callExport(name: string, ...args: number[]): number {
    return this.#run(name, () => (this.#exports[name] as (...args: number[]) => number)(...args));
  }

  #run<T>(name: unknown, work: () => T): T {
    if (this.dead) throw failed("the engine has stopped");
    let result: T;
    try {
      result = work();
    } catch (error) {
      this.dead = true;
      throw failed(`${String(name)}: ${String(error)}`);
    }
    if (this.dead) throw failed(`${String(name)}: the engine has stopped`); // what it returned is no result
    return result;
  }

  /** A part of the program's memory; the array is empty once that has grown. */
  protected memory(address: number, size: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array((this.#exports.mem as WebAssembly.Memory).buffer, address, size);
  }
}

/**
 * Takes a program from the shelf, or fetches it and puts it there. Its bytes are held against the digest that the package
 * was built with, wherever they come from.
 *
 * @throws PresealError `network`, `timeout`, `server`, `integrity` or `engine-failed`; the signal's reason.
 */
export async function fetchProgram(
  url: string,
  release: Release,
  timeout: number,
  signal: AbortSignal,
  onProgress: (loaded: number) => void = () => {},
): Promise<WebAssembly.Module> {
  const { size } = release;
  const kept = await take(url, size);
  if (kept) {
    const module = await compile(kept, release, timeout, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      if (!(error instanceof PresealError) || error.code !== "integrity") throw error;
      return undefined; // they have changed on the shelf, or belong to another version
    });
    if (module) {
      onProgress(size);
      return module;
    }
  }
  const bytes = await download(url, { what, limit: size, timeout, signal, onProgress }).catch((error: unknown) => {
    throw error instanceof PresealError && error.code === "too-large" ? otherBytes() : error;
  });
  if (bytes.length < size) throw new PresealError("network", `engine: ${bytes.length} of ${size} bytes arrived`);
  const module = await compile(bytes, release, timeout, signal);
  put(url, bytes); // without waiting for it
  return module;
}

/** Compiles a program while its bytes are verified: nothing of other bytes ever runs. */
async function compile(
  bytes: Uint8Array<ArrayBuffer>,
  { sha256 }: Release,
  timeout: number,
  signal: AbortSignal,
): Promise<WebAssembly.Module> {
  const compiled = within(3 * timeout, what, signal, () => WebAssembly.compile(bytes));
  compiled.catch(() => {}); // not of interest if these are other bytes
  if ((await digest(bytes)) !== sha256) throw otherBytes();
  return compiled.catch((error: unknown) => {
    if (signal.aborted || error instanceof PresealError) throw error;
    throw failed(`the engine does not compile: ${String(error)}`);
  });
}

function otherBytes(): PresealError {
  return new PresealError("integrity", "engine: not the bytes that this package was built with");
}

function failed(message: string): PresealError {
  return new PresealError("engine-failed", message);
}
