import type { Answer } from "./confirm.js";
import type { ManifestInfo, Mark, Trust } from "./messages.js";
import { type ArgumentsOf, type CallOf, type OkOf, Program, type Result } from "./program.js";
import type { Candidate, Report } from "./verdict.js";

export { EngineError, type Result } from "./program.js";

/** What the engine finds: no candidates means clear, if the picture could be hashed. */
export interface Finding {
  /** `pdqs` are the PDQ hashes of all that hit the key: what a confirmation's second hash is compared with. */
  candidates: (Candidate & { key: Uint8Array; pdqs: Uint8Array[] })[];
  overflow: boolean;
  probes: number;
  featureless: boolean;
  picture?: NonNullable<Report["picture"]>;
}

/** A file's bytes: all of them, or a way to read some of them at once. */
export type Source = Uint8Array | { size: number; read(at: number, length: number): Uint8Array };

/** Returns the `size` bytes that a zstd stream holds, at once. What it throws makes the snapshot `corrupt`. */
export type Decompress = (stream: Uint8Array, size: number) => Uint8Array;

/** What a file's first bytes say of it. */
export interface Sniffed {
  format: string;
  width: number;
  height: number;
  /** The EXIF orientation of a JPEG, 1 to 8; 1 otherwise. */
  orientation: number;
  /** A JPEG is decoded at 1/scale of its size. */
  scale?: number;
  /** Of a JPEG: whether a part of the file is enough to make a picture of. */
  progressive?: boolean;
  /** Why the picture is not looked at: one of the reasons of `unsupported`. */
  unfit?: string;
}

/** A small grey picture: 16-bit samples, little-endian. */
export interface Plane {
  width: number;
  height: number;
  samples: Uint8Array;
}

/** Layouts of pixels, in the order in which wasm/pictures.go has them. */
const LAYOUTS = ["rgba", "bgra", "bgrx", "luma", "video-luma"] as const;

/**
 * What pixels are: four bytes each, with straight alpha (`rgba`, `bgra`) or none (`bgrx`); or one byte of luma each, 0 to 255
 * (`luma`) or 16 to 235 (`video-luma`).
 */
export type Layout = (typeof LAYOUTS)[number];

/** A file as the engine checks it: its digest, and whether the picture that was given last belongs to it. */
export interface Query {
  sha256: Uint8Array;
  now: number;
  decoded?: true;
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
  /**
   * Verifies a file against the manifest opened last and replaces the open snapshot with it, which goes on to read from the
   * file. Without `decompress`, one that has a filter of the kind bloom.zst is the error `compressed`.
   */
  openSnapshot(file: Source, decompress?: Decompress): Result<object>;
  sniff(file: Source): Result<Sniffed>;
  /** The SHA-256 of a file up to the end of the part, which follows the one before; at 0 another file begins. */
  digest(part: Uint8Array, at: number): Result<{ sha256: Uint8Array }>;
  /** A JPEG becomes the picture for the next check. */
  decode(file: Source, orientation: number): Result<object>;
  /** The address and the size of the room, which stay the same. */
  place(): Result<{ address: number; size: number }>;
  /** Why the export `rows` failed. */
  failure(): Result<never>;
  /** What decoders.wasm made becomes it: the picture over white, and over black if it is transparent. */
  planes(planes: Plane[]): Result<object>;
  /** Does as much of the next check as needs the picture alone, at the time given. */
  probe(now: number): Result<object>;
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
export type Call = CallOf<Api>;
/** What a function takes. */
export type Arguments<C extends Call> = ArgumentsOf<Api, C>;
/** What a function returns if it succeeds. */
export type Ok<C extends Call> = OkOf<Api, C>;

/** A running engine. */
export class Engine extends Program<Api> {
  #room: Ok<"place"> | undefined;

  /**
   * Starts an engine.
   *
   * @throws PresealError `engine-failed`, or `version-mismatch` if it belongs to another version of the package.
   */
  static start(module: WebAssembly.Module): Promise<Engine> {
    return Program.launch<Api, Engine>(module, (running) => new Engine(running));
  }

  /**
   * Room for rows, 1 MiB at most. It is the engine's own memory, which saves a copy; the array is empty once that has grown.
   *
   * @throws RangeError for more; PresealError `engine-failed`.
   */
  room(size: number): Uint8Array<ArrayBuffer> {
    this.#room ??= this.call("place");
    if (size > this.#room.size) throw new RangeError(`${size} bytes are more than ${this.#room.size}`);
    return this.memory(this.#room.address, size);
  }

  /**
   * The rows in the first `size` bytes of the room, the first of them number `from`, become the picture for the next check; at 0
   * another one begins.
   *
   * @returns whether all so far are opaque.
   * @throws EngineError; PresealError `engine-failed`.
   */
  rows(size: number, layout: Layout, width: number, height: number, from: number): boolean {
    const state = this.callExport("rows", size, LAYOUTS.indexOf(layout), width, height, from);
    if (state < 0) this.call("failure"); // which throws
    return state > 0;
  }
}
