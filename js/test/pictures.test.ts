// One picture in many forms, in every browser engine and natively: it hashes alike everywhere. Chromium always; Firefox,
// Firefox with a canvas that lies, and WebKitGTK with PRESEAL_ALL_BROWSERS set.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { root } from "./browser.js";
import { apart, LabPage, type launchers } from "./labpage.js";
import { animatedWebp } from "./webp.js";

const run = promisify(execFile);
const engines: (keyof typeof launchers)[] =
  process.env.PRESEAL_ALL_BROWSERS === undefined
    ? ["Chromium"]
    : ["Chromium", "Firefox", "Firefox resisting fingerprinting", "WebKitGTK"];

/** What decodes the formats that the engine leaves to the browser. */
const decoders: Partial<Record<keyof typeof launchers, string>> = {
  Chromium: "imagedecoder",
  Firefox: "imagedecoder",
  "Firefox resisting fingerprinting": "fallback",
  WebKitGTK: "bitmap",
};

interface Native {
  file: string;
  phash: string;
  pdq: string;
}

/** AVIF files of the picture: colours at full resolution and not, luma of 16 to 235, other colours, ten bits, turned. */
const avifs: Record<string, string[]> = {
  "444.avif": ["opaque.png"],
  "420.avif": ["--yuv", "420", "opaque.png"],
  "video.avif": ["--yuv", "420", "--range", "limited", "opaque.png"],
  "bt709.avif": ["--cicp", "1/13/1", "opaque.png"],
  "deep.avif": ["--depth", "10", "opaque.png"],
  "turned.avif": ["orientation-6.png"],
};

let chromium: LabPage;
let folder = "";
const native = new Map<string, Native>();
const bytes = new Map<string, Buffer>();
let lacksAvif: string | undefined;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "preseal-"));
  await run("go", ["run", "./testdata/kinds", folder], { cwd: root });
  chromium = await LabPage.open();
  await keep(chromium, "opaque.png", await readFile(join(folder, "opaque.png")));
  for (const [name, quality] of [
    ["lossy.webp", 0.9],
    ["lossless.webp", 1],
  ] as const) {
    await writeFile(
      join(folder, name),
      Buffer.from(await chromium.call("encode", "opaque.png", "image/webp", quality)),
    );
  }
  await writeFile(join(folder, "animated.webp"), animatedWebp(await readFile(join(folder, "lossy.webp")), 800, 600));
  const { stdout } = await run(chromium.stage.tool, ["hash", "--json", folder]);
  for (const line of stdout.trim().split("\n")) {
    const record: Native = JSON.parse(line);
    native.set(basename(record.file), record);
  }
  for (const name of await readdir(folder)) bytes.set(name, await readFile(join(folder, name)));
  try {
    for (const [name, args] of Object.entries(avifs)) await run("avifenc", ["-s", "8", ...args, name], { cwd: folder });
  } catch (error) {
    lacksAvif = `no AVIF files, which avifenc makes (Debian's libavif-bin): ${error}`;
  }
});

after(async () => {
  await chromium?.close();
  await rm(folder, { recursive: true, force: true });
});

/** WebKitGTK shows PNG and AVIF files that want to be turned as they are stored. */
function asStored(engine: keyof typeof launchers, name: string): boolean {
  return engine === "WebKitGTK" && ["orientation-6.png", "turned.avif"].includes(name);
}

/** Gives a page a file under its name. */
async function keep(page: LabPage, name: string, file: Buffer): Promise<void> {
  page.stage.routes.set(`/pictures/${name}`, (_, response) => response.end(file));
  await page.call("load", name, `/pictures/${name}`);
}

for (const engine of engines) {
  test(`${engine}: every form of a picture hashes as it does natively, a jpeg to the bit`, async (t) => {
    const page = engine === "Chromium" ? chromium : await LabPage.open(engine);
    if (page !== chromium) t.after(() => page.close());
    assert.equal(await page.open(), "");
    for (const [name, file] of bytes) {
      if (asStored(engine, name)) continue;
      await keep(page, name, file);
      const got = await page.call("check", name);
      const want = native.get(name);
      assert.equal(got.kind, "clear", `${name}: ${got.reason}`);
      if (got.format === "jpeg") {
        const scale = name.includes("eighth") ? 8 : name === "small.jpg" ? 1 : 2;
        assert.deepEqual([got.decoder, got.scale, got.phash, got.pdq], ["jpeg", scale, want?.phash, want?.pdq], name);
      } else {
        assert.equal(got.decoder, decoders[engine], name);
        const bits = apart(got.phash, want?.phash);
        assert.ok(bits <= 2, `${name}: ${bits} bits of 64 from the native hash`);
        t.diagnostic(`${name}: ${bits} of 64, ${apart(got.pdq, want?.pdq)} of 256`);
      }
    }
  });
}

for (const engine of engines) {
  test(`${engine}: every form of an AVIF hashes as the picture that it was made of`, async (t) => {
    if (lacksAvif) return t.skip(lacksAvif);
    const page = engine === "Chromium" ? chromium : await LabPage.open(engine);
    if (page !== chromium) t.after(() => page.close());
    assert.equal(await page.open(), "");
    const want = native.get("opaque.png");
    for (const name of Object.keys(avifs)) {
      if (asStored(engine, name)) continue;
      await keep(page, name, await readFile(join(folder, name)));
      const got = await page.call("check", name);
      if (decoders[engine] === "fallback") {
        assert.deepEqual([got.kind, got.reason], ["unavailable", "decoder-untrusted"], name);
        continue;
      }
      assert.deepEqual([got.kind, got.decoder], ["clear", decoders[engine]], `${name}: ${got.reason}`);
      const bits = apart(got.phash, want?.phash);
      assert.ok(bits <= 2, `${name}: ${bits} bits of 64`);
      t.diagnostic(`${name}: ${bits} of 64, ${apart(got.pdq, want?.pdq)} of 256`);
    }
  });
}

test("after fifty pictures of mixed size the engine's memory is 32 MiB at most", async () => {
  const worker = chromium.sabotage(
    "measured",
    `const real = WebAssembly.instantiate;
     let memory;
     WebAssembly.instantiate = async (...args) => {
       const instance = await real(...args);
       memory = instance.exports.mem;
       return instance;
     };
     const channel = new BroadcastChannel("test");
     channel.onmessage = () => channel.postMessage(memory.buffer.byteLength);`,
  );
  assert.equal(await chromium.open({ worker }), "");
  for (const [i, scale] of [5, 1, 4, 2, 3].entries()) {
    await chromium.call("derive", `${i}.jpg`, "opaque.png", scale, "image/jpeg", 0.9);
    await chromium.call("derive", `${i}.webp`, "opaque.png", scale, "image/webp", 0.8);
  }
  for (let i = 0; i < 50; i++) {
    const name = `${i % 5}.${i % 3 === 0 ? "webp" : "jpg"}`;
    assert.equal((await chromium.call("check", name)).kind, "clear", name);
  }
  const size = (await chromium.call("ask", "memory")) as number;
  assert.ok(size <= 32 * 2 ** 20, `${(size / 2 ** 20).toFixed(1)} MiB`);
});
