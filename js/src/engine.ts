import "./wasm_exec.js";
import type { Answer } from "./confirm.js";
import { digest } from "./digest.js";
import { download } from "./download.js";
import { PresealError } from "./errors.js";
import type { ManifestInfo, Mark, Trust } from "./messages.js";
import { version, wasmSha384, wasmSize } from "./release.js";
import type { Candidate, Report } from "./verdict.js";
import { within } from "./wait.js";

/** What the engine's functions return: a value, or an error. After a fatal one the engine is of no more use. */
export type Result<T> = { ok: T } | { error: { code: string; message: string; fatal?: boolean } };

/** What the engine finds: no candidates means clear, if the picture could be hashed. */
export interface Finding {
  /** `pdqs` are the PDQ hashes of all that hit the key: what a confirmation's second hash is compared with. */
  candidates: (Candidate & { key: Uint8Array; pdqs: Uint8Array[] })[];
  overflow: boolean;
  probes: number;
  featureless: boolean;
  picture?: NonNullable<Report["picture"]>;
}

/** What a file's first bytes say of it. */
export interface Sniffed {
  format: string;
  width: number;
  height: number;
}

/** A file as the engine checks it: the digest, and the pixels if there are any. */
export interface Query {
  sha256: Uint8Array;
  now: number;
  rgba?: Uint8ClampedArray;
  width?: number;
  height?: number;
}

/** The functions that wasm/main.go hands out. */
export interface Api {
  version: string;
  /** `seen` is the newest manifest seen so far; one that is older, or another of its version, is refused. */
  openManifest(note: Uint8Array, trust: Trust & { seen?: Mark }, now: number): Result<ManifestInfo>;
  /** The leaf hashes of the snapshot's chunks, 32 bytes each, verified against the manifest opened last. */
  openChunks(bytes: Uint8Array): Result<{ hashes: Uint8Array }>;
  /** The file that a delta makes of the open snapshot, for the manifest opened last. */
  applyDelta(delta: Uint8Array): Result<{ file: Uint8Array<ArrayBuffer> }>;
  /** Verifies a file against the manifest opened last and replaces the open snapshot with it. */
  openSnapshot(file: Uint8Array): Result<object>;
  sniff(bytes: Uint8Array): Result<Sniffed>;
  check(query: Query): Result<Finding>;
  /** Whether the snapshot lists an output of 64 bytes, and the bucket with the entries of its key. */
  lookUp(output: Uint8Array): Result<{ listed: boolean; bucket: string }>;
  /** Whether candidate and answer make a match; distance is the second hash's, -1 if none was compared. */
  confirmed(
    candidate: Pick<Finding["candidates"][number], "lane" | "pdqs">,
    answer: Answer,
  ): Result<{ match: boolean; distance: number }>;
}

/** The functions of an engine that return a Result. */
export type Call = Exclude<keyof Api, "version">;
/** What a function returns if it succeeds. */
export type Ok<C extends Call> = ReturnType<Api[C]> extends Result<infer T> ? T : never;

/** An error that the engine reports: about its input, so the engine goes on working. */
export class EngineError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A running instance of the Go program. Its functions are synchronous. */
export class Engine {
  /** Whether the instance crashed. It then has to be thrown away. */
  dead = false;
  readonly #api: Api;

  private constructor(api: Api) {
    this.#api = api;
  }

  /**
   * Instantiates the module and runs it up to the point where it hands out its functions.
   *
   * @throws PresealError `engine-failed`, or `version-mismatch` if the engine belongs to another version of the package.
   */
  static async start(module: WebAssembly.Module): Promise<Engine> {
    const scope = globalThis as { presealReady?: (api: Api) => void };
    let engine: Engine | undefined;
    const stopped = () => {
      if (engine) engine.dead = true;
    };
    try {
      const go = new Go();
      go.exit = stopped;
      const instance = await WebAssembly.instantiate(module, go.importObject);
      scope.presealReady = (api) => {
        engine = new Engine(api);
      };
      go.run(instance).then(stopped, stopped); // runs up to the hand-out, and returns to wait for calls
    } catch (error) {
      throw failed(`the engine does not start: ${String(error)}`);
    } finally {
      delete scope.presealReady;
    }
    if (!engine || engine.dead) throw failed("the engine does not start");
    if (engine.#api.version !== version) {
      throw new PresealError("version-mismatch", `engine ${engine.#api.version}, package ${version}`);
    }
    return engine;
  }

  /**
   * Calls one of the engine's functions.
   *
   * @throws EngineError with the engine's own code; PresealError `engine-failed` if it crashed.
   */
  call<C extends Call>(name: C, ...args: Parameters<Api[C]>): Ok<C> {
    if (this.dead) throw failed("the engine has stopped");
    let result: Result<Ok<C>> | undefined;
    try {
      result = (this.#api[name] as (...args: unknown[]) => Result<Ok<C>>)(...args);
    } catch (error) {
      this.dead = true;
      throw failed(`${name}: ${String(error)}`);
    }
    if (result && "ok" in result && !this.dead) return result.ok;
    if (!result || !("error" in result) || result.error.fatal || this.dead) {
      this.dead = true;
      throw failed(`${name}: ${result && "error" in result ? result.error.message : "no result"}`);
    }
    throw new EngineError(result.error.code, result.error.message);
  }
}

/**
 * Fetches and compiles the engine, and holds its bytes against the digest that the package was built with.
 *
 * @throws PresealError `network`, `timeout`, `server`, `integrity` or `engine-failed`; the signal's reason.
 */
export async function fetchEngine(
  url: string,
  timeout: number,
  signal: AbortSignal,
  onProgress: (loaded: number) => void,
): Promise<WebAssembly.Module> {
  const what = "engine";
  const bytes = await download(url, { what, limit: wasmSize, timeout, signal, onProgress }).catch((error: unknown) => {
    throw error instanceof PresealError && error.code === "too-large" ? otherBytes() : error;
  });
  if (bytes.length < wasmSize)
    throw new PresealError("network", `engine: ${bytes.length} of ${wasmSize} bytes arrived`);
  if ((await digest("SHA-384", bytes)) !== wasmSha384) throw otherBytes();
  return within(3 * timeout, what, signal, () => WebAssembly.compile(bytes)).catch((error: unknown) => {
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
