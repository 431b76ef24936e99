import type { Decompress, Plane, Source } from "./engine.js";
import { fetchProgram, Program, type Result } from "./program.js";
import { decoders } from "./release.js";
import { untilAborted, within } from "./wait.js";

/** The functions that wasm/decoders hands out. */
interface Api {
  version: string;
  /** A PNG, GIF, WebP or BMP over white, and over black if it is transparent. */
  decode(file: Source): Result<{ planes: Plane[] }>;
  /** The filter of `size` bytes that a zstd stream holds. */
  decompress(stream: Uint8Array, size: number): Result<{ filter: Uint8Array }>;
}

class Instance extends Program<Api> {
  static start(module: WebAssembly.Module): Promise<Instance> {
    return Program.launch<Api, Instance>(module, (running) => new Instance(running));
  }
}

/** The formats of pictures that they decode, by the engine's names. */
export const DECODED_FORMATS: readonly string[] = ["png", "gif", "webp", "bmp"];

/**
 * decoders.wasm, which has what the engine seldom needs: pictures, for browsers whose canvas falsifies what is read back, and
 * filters of the kind bloom.zst. It is fetched when it is needed, and runs in instances for one piece of work: that may take
 * hundreds of megabytes, which are given back with the instance, and if it crashes nothing else does.
 */
export class Decoders {
  readonly #url: string;
  readonly #timeout: number;
  #module: WebAssembly.Module | undefined;
  #loading: Promise<WebAssembly.Module> | undefined;
  /** Why it could not be loaded the last time. */
  failure: unknown;

  /** A module that an earlier worker loaded is not fetched again. */
  constructor(url: string, timeout: number, module?: WebAssembly.Module) {
    this.#url = url;
    this.#timeout = timeout;
    this.#module = module;
  }

  /** The module, if it was loaded. */
  get module(): WebAssembly.Module | undefined {
    return this.#module;
  }

  /** Fetches the module, unless that has been done; only who is first hears of the progress. @throws PresealError */
  async load(onProgress?: (loaded: number, total: number) => void): Promise<WebAssembly.Module> {
    if (this.#module) return this.#module;
    const { signal } = new AbortController(); // whoever gives up, others may wait for it
    const tell = (loaded: number) => onProgress?.(loaded, decoders.size);
    if (!this.#loading) tell(0);
    this.#loading ??= fetchProgram(this.#url, decoders, this.#timeout, signal, tell)
      .then((module) => (this.#module = module))
      .catch((error: unknown) => {
        this.failure = error;
        throw error;
      })
      .finally(() => {
        this.#loading = undefined; // after a failure the next one tries again
      });
    return this.#loading;
  }

  /**
   * Decodes a picture.
   *
   * @throws EngineError with a reason of `unsupported`; PresealError; the signal's reason.
   */
  async decode(file: Source, signal: AbortSignal): Promise<Plane[]> {
    return (await this.#start(signal)).call("decode", file).planes;
  }

  /**
   * Prepares to decompress filters.
   *
   * @returns a function that throws EngineError if the stream does not hold so many bytes, PresealError if it crashed.
   * @throws PresealError; the signal's reason.
   */
  async decompressor(signal: AbortSignal, onProgress?: (loaded: number, total: number) => void): Promise<Decompress> {
    const instance = await this.#start(signal, onProgress);
    return (stream, size) => instance.call("decompress", stream, size).filter;
  }

  async #start(signal: AbortSignal, onProgress?: (loaded: number, total: number) => void): Promise<Instance> {
    const module = await untilAborted(this.load(onProgress), signal);
    return within(3 * this.#timeout, "decoders", signal, () => Instance.start(module));
  }
}
