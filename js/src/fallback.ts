import type { Plane, Source } from "./engine.js";
import { fetchProgram, Program, type Result } from "./program.js";
import { decoders } from "./release.js";
import { untilAborted, within } from "./wait.js";

/** The functions that wasm/decoders hands out. */
interface Api {
  version: string;
  /** A PNG, GIF, WebP or BMP over white, and over black if it is transparent. */
  decode(file: Source): Result<{ planes: Plane[] }>;
}

class Decoders extends Program<Api> {
  static start(module: WebAssembly.Module): Promise<Decoders> {
    return Program.launch<Api, Decoders>(module, (api) => new Decoders(api));
  }
}

/** What it decodes, by the engine's names. */
export const FALLBACK_FORMATS: readonly string[] = ["png", "gif", "webp", "bmp"];

/** Decoders in WebAssembly, for browsers whose canvas falsifies what is read back. They are loaded when they are needed. */
export class Fallback {
  readonly #url: string;
  readonly #timeout: number;
  #module: Promise<WebAssembly.Module> | undefined;

  constructor(url: string, timeout: number) {
    this.#url = url;
    this.#timeout = timeout;
  }

  /** Fetches the decoders, unless that has been done. @throws PresealError */
  load(): Promise<WebAssembly.Module> {
    const { signal } = new AbortController();
    this.#module ??= fetchProgram(this.#url, decoders, this.#timeout, signal).catch((error: unknown) => {
      this.#module = undefined; // the next one tries again
      throw error;
    });
    return this.#module;
  }

  /**
   * Decodes a picture, in an instance of its own: it may take hundreds of megabytes, which are given back with the instance,
   * and if it crashes nothing else does.
   *
   * @throws EngineError with a reason of `unsupported`; PresealError; the signal's reason.
   */
  async decode(file: Source, signal: AbortSignal): Promise<Plane[]> {
    const module = await untilAborted(this.load(), signal);
    const program = await within(3 * this.#timeout, "decoders", signal, () => Decoders.start(module));
    return program.call("decode", file).planes;
  }
}
