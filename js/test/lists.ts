// Versions of a list, built by the tool, and a server for them that does as a test says.

import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { png, waves } from "./png.js";

const [width, height] = [320, 240];

/** Hashes of nothing, as many as make a snapshot of a little more than three chunks. */
const BULK = 980_000;

interface Version {
  pictures: number[];
  base?: string;
  bulk?: true;
  origin?: string;
  isAudited?: true;
  /** Of its filters, where that is not what the tool writes by itself, or how those of the base are. */
  kind?: "bloom.zst";
}

/**
 * What is built, in this order, by name: the pictures that are listed, and what it continues. `rival` and `forked` are what an
 * update must not be: another second version, and a second version of another first one. `pending` lacks the auditor's signature.
 * `bloom3` has the entries of `bloom2`, and `turned` other filters than what it continues.
 */
const VERSIONS: Record<string, Version> = {
  v1: { pictures: [1] },
  v2: { pictures: [1, 2], base: "v1" },
  v3: { pictures: [1, 2, 3], base: "v2" },
  rival: { pictures: [1, 2, 9], base: "v1" },
  other: { pictures: [1, 9] },
  forked: { pictures: [1, 2, 9], base: "other" },
  elsewhere: { pictures: [1], origin: "example.org/elsewhere" },
  audited: { pictures: [1], isAudited: true },
  pending: { pictures: [1, 2], base: "audited" },
  approved: { pictures: [1, 3], base: "audited", isAudited: true },
  bloom1: { pictures: [1], kind: "bloom.zst" },
  bloom2: { pictures: [1, 2], base: "bloom1" },
  bloom3: { pictures: [1, 2], base: "bloom2" },
  turned: { pictures: [1, 2], base: "v1", kind: "bloom.zst" },
  big1: { pictures: [1], bulk: true },
  big2: { pictures: [1, 2], bulk: true, base: "big1" },
};

/** A picture that versions may list, as a PNG file. */
export function picture(seed: number): Buffer {
  return png(waves(seed, width, height), width, height);
}

function bulkList(): string {
  const random = randomBytes(32 * BULK);
  const lines = Array.from({ length: BULK }, (_, i) => `pdq,${random.toString("hex", 32 * i, 32 * i + 32)}`);
  return ["algorithm,hash", ...lines].join("\n");
}

/** What the server was asked for and how it answered: file or kind of file, status, range. */
export type Log = string[];

/** Answers in place of the server. Body is what the server would send. */
export type Interference = (file: string, body: Buffer, request: IncomingMessage, response: ServerResponse) => boolean;

/** The versions in folders of their own, and the server, which has the files of all of them and the manifest of one. */
export class Lists {
  /** The version whose manifest is served. */
  current = "v1";
  cacheControl = "max-age=3600";
  log: Log = [];
  interfere: Interference | undefined;
  /** The verifier keys of the list's authority and auditor. */
  readonly keys: [authority: string, auditor: string];
  readonly #folder: string;
  readonly #remove: () => Promise<void>;

  private constructor(folder: string, keys: [string, string], remove: () => Promise<void>) {
    this.#folder = folder;
    this.keys = keys;
    this.#remove = remove;
  }

  static async build(tool: string, isBig: boolean): Promise<Lists> {
    const folder = await mkdtemp(join(tmpdir(), "preseal-lists-"));
    const remove = () => rm(folder, { recursive: true, force: true });
    const preseal = (...args: string[]) => promisify(execFile)(tool, args, { cwd: folder });
    try {
      const keygen = async (name: string) => {
        await preseal("keygen", "--name", `example.org/${name}`, "--out", `key-${name}`);
        return (await readFile(join(folder, `key-${name}`, "verifier.pub"), "utf8")).trim();
      };
      const keys: [string, string] = [await keygen("list"), await keygen("auditor")];
      if (isBig) await writeFile(join(folder, "bulk.csv"), bulkList());
      for (const [name, { pictures, base, bulk, origin, isAudited, kind }] of Object.entries(VERSIONS)) {
        if (bulk && !isBig) continue;
        const images = join(folder, `images-${name}`);
        await mkdir(images);
        for (const seed of pictures) await writeFile(join(images, `${seed}.png`), picture(seed));
        const room = ["sha256", "phash", ...(bulk ? [] : ["pdq"])].flatMap((lane) => ["--capacity", `${lane}=100`]);
        const optional = [
          bulk && ["--list", "bulk.csv"],
          origin && ["--origin", origin],
          base ? ["--base", base] : room,
          kind && ["--kind", kind],
          kind && base && ["--restart", ...room],
        ];
        const options = optional.flatMap((option) => option || []);
        await preseal("build", "--plain", "--images", images, ...options, "--key", "key-list", "--out", name);
        if (isAudited) await preseal("sign", name, "--key", "key-auditor", "--trust", keys[0]);
      }
      return new Lists(folder, keys, remove);
    } catch (error) {
      await remove();
      throw error;
    }
  }

  /** Forgets what was asked, and serves the version without interference from now on. */
  serve(version: string, interfere?: Interference): void {
    this.current = version;
    this.cacheControl = "max-age=3600";
    this.interfere = interfere;
    this.log = [];
  }

  /** The log since the last call. */
  asked(): Log {
    return this.log.splice(0);
  }

  /** Answers a request for a file of the folder. */
  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.#answer(request, response).catch(() => response.writeHead(404).end());
  };

  remove(): Promise<void> {
    return this.#remove();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const file = new URL(request.url ?? "", "http://localhost").pathname.split("/").at(-1) ?? "";
    const kind = file.split(".").at(-1) ?? "";
    const { range } = request.headers;
    response.on("close", () => this.log.push([kind, response.statusCode, range].filter(Boolean).join(" ")));
    const body = await this.#read(file);
    if (this.interfere?.(file, body, request, response)) return;
    answer(body, file === "manifest" ? this.cacheControl : "max-age=31536000, immutable", request, response);
  }

  async #read(file: string): Promise<Buffer> {
    for (const version of file === "manifest" ? [this.current] : Object.keys(VERSIONS)) {
      const path = join(this.#folder, version, file);
      if (
        await access(path).then(
          () => true,
          () => false,
        )
      )
        return readFile(path);
    }
    throw new Error(`no ${file}`);
  }
}

/** Answers as a server of static files does. */
export function answer(body: Buffer, cacheControl: string, request: IncomingMessage, response: ServerResponse): void {
  const tag = `"${createHash("sha256").update(body).digest("hex")}"`;
  const headers = { ETag: tag, "Cache-Control": cacheControl };
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (request.headers["if-none-match"] === tag) response.writeHead(304, headers).end();
  else if (from > 0) {
    const range = `bytes ${from}-${body.length - 1}/${body.length}`;
    response.writeHead(206, { ...headers, "Content-Range": range, "Content-Length": body.length - from });
    response.end(body.subarray(from));
  } else response.writeHead(200, { ...headers, "Content-Length": body.length }).end(body);
}

/** The body with one bit flipped. */
export function flipped(body: Buffer, at: number): Buffer {
  const changed = Buffer.from(body);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
}
