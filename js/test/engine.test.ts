// The wasm engine in Node, with a snapshot that the command line tool built.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { Asked } from "../ask.js";
import { prove } from "../check.js";
import type { Answer } from "../confirm.js";
import { Engine, EngineError, type Finding, type Layout } from "../engine.js";
import { PresealError } from "../index.js";
import type { Trust } from "../messages.js";
import { buildTool, root } from "./browser.js";
import { png, waves } from "./png.js";

const [width, height] = [320, 240];
const picture = (seed: number) => ({ rgba: waves(seed, width, height), width, height });
const digest = (text: string) => createHash("sha256").update(text).digest();
const never = digest("not listed");

let remove: () => Promise<void>;
let module: WebAssembly.Module;
let trust: Trust;
let manifest: Buffer;
let snapshot: Buffer;

before(async () => {
  const built = await buildTool();
  remove = built.remove;
  const folder = dirname(built.tool);
  const preseal = (...args: string[]) => promisify(execFile)(built.tool, args, { cwd: folder });
  await mkdir(join(folder, "images"));
  for (const seed of [1, 2, 3]) {
    await writeFile(join(folder, "images", `${seed}.png`), png(picture(seed).rgba, width, height));
  }
  await writeFile(join(folder, "list.csv"), `algorithm,hash\nsha256,${digest("listed").toString("hex")}\n`);
  await preseal("keygen", "--name", "example.org/list", "--out", "key");
  await preseal("build", "--list", "list.csv", "--images", "images", "--key", "key", "--out", "out");
  const key = (await readFile(join(folder, "key", "verifier.pub"), "utf8")).trim();
  trust = { roles: [{ name: "authority", keys: [key] }], threshold: 1, origin: "", purpose: "", minVersion: 0 };
  manifest = await readFile(join(folder, "out", "manifest"));
  module = await WebAssembly.compile(await readFile(join(root, "js", "dist", "preseal.wasm")));
  const { file } = (await Engine.start(module)).call("openManifest", manifest, trust, Date.now());
  snapshot = await readFile(join(folder, "out", file));
});

after(() => remove?.());

async function opened(): Promise<Engine> {
  const engine = await Engine.start(module);
  engine.call("openManifest", manifest, trust, Date.now());
  engine.call("openSnapshot", snapshot);
  return engine;
}

/** Gives the engine rows of a picture. */
function give(engine: Engine, pixels: ArrayLike<number>, layout: Layout, width: number, height: number, from: number) {
  engine.room(pixels.length).set(pixels);
  return engine.rows(pixels.length, layout, width, height, from);
}

/** Checks a file whose digest and pixels are known. */
function check(engine: Engine, sha256: Uint8Array, { rgba, width, height }: ReturnType<typeof picture>): Finding {
  const rows = Math.ceil(height / 3);
  for (let y = 0; y < height; y += rows) {
    give(engine, rgba.subarray(4 * width * y, 4 * width * (y + rows)), "rgba", width, height, y);
  }
  return engine.call("check", { sha256, now: Date.now(), decoded: true });
}

test("probing before the digest is known finds the same, and nothing of the picture before", async () => {
  const engine = await opened();
  const { rgba, width, height } = picture(1);
  const other = picture(2);
  const whole = check(engine, never, { rgba, width, height });
  const query = { sha256: never, now: Date.now(), decoded: true } as const;
  assert.throws(() => engine.call("probe", Date.now()), code("invalid"));
  give(engine, rgba, "rgba", width, height, 0);
  engine.call("probe", Date.now());
  assert.deepEqual(engine.call("check", query), whole);
  give(engine, rgba, "rgba", width, height, 0);
  engine.call("probe", Date.now());
  give(engine, other.rgba, "rgba", other.width, other.height, 0);
  assert.deepEqual(engine.call("check", query), check(engine, never, other));
});

function code(wanted: string) {
  return (error: unknown) => (error instanceof EngineError || error instanceof PresealError) && error.code === wanted;
}

test("the manifest says what the snapshot holds", async () => {
  const info = (await Engine.start(module)).call("openManifest", manifest, trust, Date.now());
  assert.equal(info.size, snapshot.length);
  assert.equal(info.file, `${createHash("sha256").update(snapshot).digest("hex")}.snap`);
  assert.deepEqual(info.signers, [{ name: "example.org/list", role: "authority" }]);
  assert.equal(info.distance, 31);
  assert.deepEqual(
    info.lanes.map(({ lane, proof }) => [lane, proof]),
    [
      ["sha256", "exact"],
      ["phash", "second-hash"],
      ["pdq", "second-hash"],
    ],
  );
});

test("no flipped byte and no cut takes the place of a snapshot that is open", async () => {
  const { tool, remove } = await buildTool();
  try {
    const preseal = (...args: string[]) => promisify(execFile)(tool, args, { cwd: dirname(tool) });
    await writeFile(join(dirname(tool), "list.csv"), `algorithm,hash\nsha256,${digest("listed").toString("hex")}\n`);
    await preseal("keygen", "--out", "key");
    await preseal("build", "--plain", "--list", "list.csv", "--key", "key", "--out", "out");
    const [key, note] = await Promise.all(
      ["key/verifier.pub", "out/manifest"].map((name) => readFile(join(dirname(tool), name))),
    );
    assert.ok(key && note);
    const roles = [{ name: "authority", keys: [key.toString().trim()] }];
    const engine = await Engine.start(module);
    const openManifest = (bytes: Uint8Array) => engine.call("openManifest", bytes, { ...trust, roles }, Date.now());
    const file = await readFile(join(dirname(tool), "out", openManifest(note).file));
    engine.call("openSnapshot", file);
    const isListed = () => engine.call("check", { sha256: digest("listed"), now: Date.now() }).candidates.length === 1;
    for (let i = 0; i < note.length; i++) {
      const flipped = Uint8Array.from(note, (byte, at) => (at === i ? byte ^ 1 : byte));
      assert.throws(() => openManifest(flipped), code("untrusted"), `manifest byte ${i}`);
      assert.throws(() => openManifest(note.subarray(0, i)), code("untrusted"), `manifest cut at ${i}`);
    }
    for (let i = 0; i < file.length; i++) {
      const flipped = Uint8Array.from(file, (byte, at) => (at === i ? byte ^ 1 : byte));
      assert.throws(() => engine.call("openSnapshot", flipped), code("corrupt"), `byte ${i}`);
      assert.throws(() => engine.call("openSnapshot", file.subarray(0, i)), code("corrupt"), `cut at ${i}`);
    }
    assert.ok(isListed());
  } finally {
    await remove();
  }
});

test("a listed digest is a candidate", async () => {
  const { candidates } = (await opened()).call("check", { sha256: digest("listed"), now: Date.now() });
  assert.deepEqual(
    candidates.map(({ lane, probe, distance }) => [lane, probe, distance]),
    [["sha256", 1, 0]],
  );
  assert.deepEqual(Buffer.from(candidates[0]?.key ?? []), digest("listed"));
});

test("a listed picture is a candidate at its first probe, other pictures are none", async () => {
  const engine = await opened();
  for (const seed of [1, 2, 3]) {
    const finding = check(engine, never, picture(seed));
    assert.deepEqual(
      finding.candidates.map((c) => [c.lane, c.probe, c.distance, c.window, c.orientation]),
      [
        ["pdq", 1, 0, 0, 0],
        ["phash", 1, 0, 0, 0],
      ],
    );
    const [pdq, phash] = finding.candidates;
    assert.equal(hex(pdq?.pdqs[0]), finding.picture?.pdq);
    assert.equal(hex(phash?.key), finding.picture?.phash);
    assert.equal(finding.picture?.margins.length, 64);
  }
  const other = check(engine, never, picture(77));
  assert.deepEqual([other.candidates, other.overflow, other.featureless], [[], false, false]);
  assert.ok(other.probes > 1);
});

test("a picture in a frame is a candidate as a window, a mirrored one in another orientation", async () => {
  const engine = await opened();
  const { rgba } = picture(1);
  const at = (x: number, y: number) => rgba.subarray(4 * (y * width + x), 4 * (y * width + x) + 4);
  const mirrored = new Uint8ClampedArray(rgba.length);
  const framed = new Uint8ClampedArray(4 * (width + 40) * (height + 40)).fill(255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      mirrored.set(at(width - 1 - x, y), 4 * (y * width + x));
      framed.set(at(x, y), 4 * ((y + 20) * (width + 40) + x + 20));
    }
  }
  const places = (rgba: Uint8ClampedArray, width: number, height: number) => {
    const { candidates } = check(engine, never, { rgba, width, height });
    return candidates.map(({ lane, window, orientation }) => `${lane} ${window} ${orientation}`);
  };
  assert.deepEqual(places(mirrored, width, height), ["pdq 0 1"]);
  assert.deepEqual(places(framed, width + 40, height + 40), ["pdq 1 0", "phash 1 0"]);
});

test("a candidate is a match if its answer proves it", async () => {
  const engine = await opened();
  const finding = check(engine, digest("listed"), picture(1));
  const lanes = finding.candidates.map(({ lane }) => lane);
  assert.deepEqual(lanes, ["sha256", "pdq", "phash"]);
  const no: Answer = { listed: false, hashes: [] };
  const bare: Answer = { listed: true, hashes: [] };
  const near = (...distances: number[]) => ({ listed: true, hashes: distances.map((n) => flipped(finding, n)) });
  const cases: [answers: Answer[], lane: string | undefined, secondHash?: number | null][] = [
    [[no, no, no], undefined],
    [[bare, no, no], "sha256", null],
    [[near(0), no, no], "sha256", null],
    [[no, near(0), no], "pdq", 0],
    [[no, near(31), no], "pdq", 31],
    [[no, near(32), no], undefined],
    [[no, near(100, 256, 5, 32), no], "pdq", 5],
    [[no, near(32), near(7)], "phash", 7],
    [[no, bare, near(7)], "phash", 7],
    [[bare, near(0), near(0)], "sha256", null],
  ];
  for (const [i, [answers, lane, secondHash]] of cases.entries()) {
    const proven = await prove(engine, finding, answers.map(asked));
    assert.deepEqual([proven?.lane, proven?.secondHash], [lane, secondHash], `case ${i}`);
  }
  for (const answers of [
    [no, bare, no],
    [no, near(32), bare],
    [no, bare, near(256)],
  ]) {
    await assert.rejects(prove(engine, finding, answers.map(asked)), code("bad-answer"));
  }
  // An answer as full as can be may leave the near one out.
  const full = near(...new Array<number>(254).fill(64));
  await assert.rejects(prove(engine, finding, [no, full, no].map(asked)), code("overflow"));
  assert.equal((await prove(engine, finding, [no, full, near(7)].map(asked)))?.lane, "phash");
  // Of several entries the one that is near has the label.
  const labels = ["far", "near", "farther"];
  assert.equal((await prove(engine, finding, [no, { ...near(40, 7, 90), labels }].map(asked)))?.label, "near");
  assert.equal((await prove(engine, finding, [{ ...bare, labels: ["only"] }].map(asked)))?.label, "only");
});

test("what is signed by nobody trusted, changed, too old or out of date is refused", async () => {
  const engine = await Engine.start(module);
  const open = (note: Uint8Array, conditions: Partial<Trust>, now = Date.now()) =>
    engine.call("openManifest", note, { ...trust, ...conditions }, now);
  const changed = Buffer.from(manifest);
  changed[40] = (changed[40] ?? 0) ^ 1;
  assert.throws(() => open(changed, {}), code("untrusted"));
  assert.throws(() => open(manifest, { origin: "example.org/other" }), code("wrong-origin"));
  assert.throws(() => open(manifest, { purpose: "other" }), code("wrong-purpose"));
  assert.throws(() => open(manifest, { minVersion: 2 ** 52 }), code("rolled-back"));
  assert.throws(() => open(manifest, {}, Date.now() + 400 * 86_400_000), code("expired"));
  assert.throws(() => open(manifest, {}, Date.now() - 400 * 86_400_000), code("not-yet-valid"));
  open(manifest, {});
  const corrupt = Buffer.from(snapshot);
  corrupt[100] = (corrupt[100] ?? 0) ^ 1;
  assert.throws(() => engine.call("openSnapshot", corrupt), code("corrupt"));
  assert.throws(() => engine.call("openSnapshot", snapshot.subarray(1)), code("corrupt"));
  engine.call("openSnapshot", snapshot);
});

test("a panic makes the engine dead, and another one can be started from the module", async () => {
  const engine = await opened();
  assert.throws(() => engine.call("check", undefined as never), code("engine-failed"));
  assert.equal(engine.dead, true);
  assert.throws(() => engine.call("sniff", new Uint8Array(1)), code("engine-failed"));
  const another = await opened();
  assert.equal(another.call("check", { sha256: never, now: Date.now() }).candidates.length, 0);
  give(another, new Uint8Array(64), "rgba", 4, 8, 0);
  assert.throws(() => give(another, new Uint8Array(64), "rgba", 0, 8, 4), code("engine-failed"));
  assert.equal(another.dead, true);
  assert.throws(() => give(another, new Uint8Array(64), "rgba", 4, 8, 0), code("engine-failed"));
});

test("a digest is made of parts, which follow each other", async () => {
  const engine = await Engine.start(module);
  const file = Buffer.concat([digest("a"), digest("b"), digest("c"), digest("d")]);
  for (const sizes of [[128], [1, 127], [64, 0, 63, 1]]) {
    let at = 0;
    let sha256: Uint8Array = new Uint8Array();
    for (const size of sizes) {
      sha256 = engine.call("digest", file.subarray(at, at + size), at).sha256;
      at += size;
    }
    assert.equal(hex(sha256), createHash("sha256").update(file).digest("hex"), sizes.join(" "));
  }
  assert.throws(() => engine.call("digest", file, 1), code("invalid"));
});

test("planes that are none are refused, and an incomplete picture is not checked", async () => {
  const engine = await opened();
  const plane = { width: 8, height: 8, samples: new Uint8Array(128) };
  for (const planes of [
    [{ ...plane, samples: new Uint8Array(127) }],
    [{ ...plane, width: 0 }],
    [{ ...plane, height: 1024, samples: new Uint8Array(16_384) }],
    [plane, plane, plane],
  ]) {
    assert.throws(() => engine.call("planes", planes), code("invalid"));
  }
  assert.equal(give(engine, new Uint8Array(64), "bgrx", 4, 8, 0), true);
  assert.equal(give(engine, new Uint8Array(64), "bgra", 4, 8, 0), false);
  assert.throws(() => engine.call("check", { sha256: never, now: Date.now(), decoded: true }), code("invalid"));
  assert.throws(() => give(engine, new Uint8Array(80), "bgra", 4, 8, 4), code("undecodable"));
  assert.throws(() => give(engine, new Uint8Array(64), "cmyk" as "rgba", 4, 8, 0), code("invalid"));
});

test("sniff tells what a file is by its content", async () => {
  const engine = await Engine.start(module);
  const { format, width: w, height: h } = engine.call("sniff", png(picture(1).rgba, width, height));
  assert.deepEqual([format, w, h], ["png", width, height]);
  assert.throws(() => engine.call("sniff", Buffer.from("just text")), code("not-an-image"));
});

test("pictures hash as the vectors say, bit for bit", async () => {
  const engine = await opened();
  const vectors: {
    name: string;
    rgba: string;
    width: number;
    height: number;
    phash: string;
    quality: number;
    margins: string[];
  }[] = JSON.parse(await readFile(join(root, "testdata", "vectors", "phash.json"), "utf8"));
  for (const { name, rgba, width, height, phash, quality, margins } of vectors) {
    const pixels = { rgba: new Uint8ClampedArray(Buffer.from(rgba, "base64")), width, height };
    const { picture } = check(engine, never, pixels);
    assert.deepEqual([picture?.phash, picture?.quality], [phash, quality], name);
    assert.deepEqual([...(picture?.margins ?? [])].map(hexOf), margins, name);
  }
});

/** An answer that is there already. */
function asked(answer: Answer): Asked {
  return async () => answer;
}

/** The PDQ hash of the picture that was found, with its first n bits flipped. */
function flipped({ picture }: Finding, n: number): Uint8Array {
  const hash = Buffer.from(picture?.pdq ?? "", "hex");
  for (let bit = 0; bit < n; bit++) hash[bit >> 3] = (hash[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return hash;
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("hex");
}

/** The bits of a float32 as hexadecimal digits. */
function hexOf(value: number): string {
  const bits = Buffer.alloc(4);
  bits.writeFloatBE(value);
  return bits.toString("hex");
}
