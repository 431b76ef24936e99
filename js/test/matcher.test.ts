// What a page gets from the package in Chromium, with the demo server's lists and faults.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BLANK } from "./browser.js";
import { exifSegment } from "./exif.js";
import { verifierKey } from "./keys.js";
import type { Summary } from "./lab.js";
import { asked, LabPage } from "./labpage.js";
import { png, pngHeader } from "./png.js";

let page: LabPage;

before(async () => {
  page = await LabPage.open();
  const bytes = (text: string) => [...Buffer.from(text)];
  await page.call("make", "empty.jpg", []);
  await page.call("make", "text.jpg", bytes("This is text. ".repeat(50)));
  await page.call("make", "huge.png", [...pngHeader(20_000, 20_000)]);
  await page.call("make", "hollow.png", [...pngHeader(200, 200)]);
  await page.call("make", "drawing.svg", bytes('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'));
  await page.call("make", "flat.png", [...png(new Uint8Array(4 * 200 * 200).fill(255), 200, 200)]);
});

after(() => page?.close());

test("open fetches the engine, the manifest, the chunks' hashes and the snapshot, each once", async () => {
  const requests = await page.stage.during(async () => assert.equal(await page.open(), ""));
  const paths = requests.map(({ path }) => path).filter((path) => !path.endsWith(".js"));
  assert.equal(paths.length, 4, paths.join(" "));
  assert.ok(paths.some((path) => path.endsWith("/preseal.wasm")));
  assert.ok(paths.includes("/lists/manifest"));
  for (const kind of ["chunks", "snap"]) {
    assert.ok(
      paths.some((path) => new RegExp(`^/lists/[0-9a-f]{64}\\.${kind}$`).test(path)),
      kind,
    );
  }
  const { progress } = await page.call("opened");
  assert.deepEqual([...new Set(progress.map(({ phase }) => phase))].sort(), ["engine", "manifest", "snapshot"]);
  assert.ok(progress.every(({ loaded, total }) => loaded <= total));
});

test("a clear file causes no request at all", async () => {
  const { outcome, requests } = await page.check("unlisted");
  assert.equal(outcome.kind, "clear");
  assert.deepEqual(requests, []);
  assert.deepEqual(outcome.sent, []);
  assert.deepEqual(outcome.phases, ["read", "decode", "probe"]);
  assert.match(outcome.phash ?? "", /^[0-9a-f]{16}$/);
  assert.match(outcome.pdq ?? "", /^[0-9a-f]{64}$/);
});

test("a listed file is a match, with one question and its entries, as the report shows", async () => {
  const { outcome, requests } = await page.check("listed");
  assert.deepEqual([outcome.kind, outcome.lane, outcome.secondHash], ["match", "sha256", null]);
  assert.deepEqual(asked(requests), ["POST evaluate", "GET entries"]);
  const [question, entries] = page.stage.requests.slice(-2);
  const path = entries?.path.slice("/v1/".length) ?? "";
  assert.deepEqual(outcome.sent, [...(question?.body ?? []), ...Buffer.from(path)]);
  assert.equal(outcome.requests, 2);
  assert.deepEqual(outcome.asked, { keyId: path.split("/")[1], slots: [4] });
  const [first, ...others] = outcome.candidates ?? [];
  assert.deepEqual([first?.lane, first?.probe], ["sha256", 1]);
  assert.deepEqual(others.map(({ lane }) => lane).sort(), ["pdq", "phash"]);
  assert.ok(outcome.received && outcome.received > 204 && (outcome.received - 204) % 101 === 0);
  const { timings } = outcome;
  for (const step of ["read", "decode", "probe", "confirm", "ask", "wait", "open"] as const) {
    assert.ok(timings && timings[step] > 0, step);
  }
  assert.deepEqual(outcome.phases, ["read", "decode", "probe", "confirm", "confirm"]);
});

test("a half-size copy at JPEG quality 50 is a match, by its perceptual hash", async () => {
  await page.call("derive", "copy", "listed", 0.5, "image/jpeg", 0.5);
  const { outcome } = await page.check("copy");
  assert.equal(outcome.kind, "match");
  assert.deepEqual(place(outcome), [0, 0]);
  assert.ok((outcome.secondHash ?? 256) <= 31, `second hash ${outcome.secondHash}`);
});

const changes: [how: "mirrored" | "turned" | "framed", window: number, orientation: number][] = [
  ["mirrored", 0, 1],
  ["turned", 0, 6],
  ["framed", 1, 0],
];

for (const [how, window, orientation] of changes) {
  test(`a ${how} copy is a match`, async () => {
    await page.call("change", how, "listed", how);
    const { outcome } = await page.check(how);
    assert.equal(outcome.kind, "match");
    assert.deepEqual(place(outcome), [window, orientation]);
    assert.ok((outcome.secondHash ?? 256) <= 31, `second hash ${outcome.secondHash}`);
  });
}

test("a picture that its EXIF data turn is hashed as it is shown", async () => {
  await page.call("insert", "exif.jpg", "listed", 2, [...exifSegment(6)]);
  const { outcome } = await page.check("exif.jpg");
  assert.equal(outcome.kind, "match");
  assert.deepEqual(place(outcome), [0, 6]);
});

/** Window and orientation of the first candidate in the lane pdq. */
function place({ candidates }: Summary): number[] {
  const found = candidates?.find(({ lane }) => lane === "pdq") ?? assert.fail("no candidate in the lane pdq");
  return [found.window, found.orientation];
}

test("no request for data carries a cookie or a referrer, though the page has both to give", async () => {
  assert.equal(await page.open(), "");
  assert.equal((await page.check("listed")).outcome.kind, "match");
  const sent = new Map(
    page.stage.requests.map(({ path, headers }) => [
      path.replace(/[0-9a-f]{64}/, "*").replace(/entries\/.*/, "entries/*"),
      [headers.cookie, headers.referer],
    ]),
  );
  assert.deepEqual(sent.get("/js/dist/worker.js"), ["visitor=1", new URL(BLANK, page.stage.url).href]);
  for (const path of ["/js/dist/preseal.wasm", "/lists/manifest", "/lists/*.snap", "/v1/evaluate", "/v1/entries/*"]) {
    assert.deepEqual(sent.get(path), [undefined, undefined], path);
  }
});

const refused: [base: string, code: string][] = [
  ["corrupt", "corrupt"],
  ["unsigned", "untrusted"],
  ["expired", "expired"],
  ["rolled-back", "rolled-back"], // the test before has opened a higher version
  ["missing", "server"],
];

for (const [base, code] of refused) {
  test(`snapshot ${base}: ${code}`, async () => {
    assert.equal(await page.open({ snapshot: `/faults/${base}/` }), code);
  });
}

test("a key that did not sign is not trusted", async () => {
  assert.equal(await page.open({ trust: [verifierKey("example.org/other")] }), "untrusted");
});

test("files that cannot be hashed are unsupported, with a reason and without a request", async () => {
  assert.equal(await page.open(), "");
  const reasons = {
    "empty.jpg": "empty",
    "text.jpg": "not-an-image",
    "huge.png": "too-large",
    "hollow.png": "undecodable",
    "drawing.svg": "format",
    "flat.png": "featureless",
  };
  for (const [name, reason] of Object.entries(reasons)) {
    const { outcome, requests } = await page.check(name);
    assert.deepEqual([outcome.kind, outcome.reason], ["unsupported", reason], name);
    assert.deepEqual(requests, []);
  }
  assert.equal((await page.check("drawing.svg")).outcome.format, "svg");
});

test("a truncated JPEG is unsupported", async () => {
  for (const share of [0.01, 0.5, 0.95]) {
    await page.call("truncate", "head", "listed", share);
    const { outcome } = await page.check("head");
    assert.deepEqual([outcome.kind, outcome.reason], ["unsupported", "undecodable"], String(share));
  }
});

test("a check to which nobody listens is told of as far as its report needs it", async () => {
  const told = `
    let now = 0, step = 0;
    performance.now = () => (now += step);
    const told = [];
    const post = postMessage;
    globalThis.postMessage = (message, ...rest) => {
      if (message.type === "progress" && message.id > 1) told.push(message.event.phase);
      post(message, ...rest);
    };
    const channel = new BroadcastChannel("test");
    channel.onmessage = ({ data }) => {
      if (data === "told") channel.postMessage(told.splice(0));
      else step = Number(data);
    };`;
  assert.equal(await page.open({ worker: page.sabotage("told", told) }), "");
  for (const [name, phases] of [
    ["unlisted", []],
    ["listed", ["confirm", "confirm"]],
  ] as const) {
    const { kind, requests } = await page.call("checkUnheard", name);
    assert.deepEqual([kind, requests], phases.length > 0 ? ["match", 2] : ["clear", 0]);
    assert.deepEqual(await page.call("ask", "told"), phases);
  }
  await page.call("say", "2000"); // milliseconds between any two looks at the clock
  await page.call("checkUnheard", "unlisted");
  assert.deepEqual(await page.call("ask", "told"), ["read", "decode", "probe"]);
  await page.call("say", "0");
  await page.check("unlisted");
  assert.deepEqual(await page.call("ask", "told"), ["read", "decode", "probe"]);
  await page.call("checkClosed", "unlisted"); // lest its worker answer in other tests
});

test("with a short timeout it is told of sooner, before the page gives up", async () => {
  for (const [timeout, first] of [
    [10_000, "decode"],
    [800, "read"],
  ] as const) {
    const told = `
      let now = 0, first;
      performance.now = () => (now += 850); // the second look at it is the one before reading
      const post = postMessage;
      globalThis.postMessage = (message, ...rest) => {
        if (message.type === "progress" && message.id > 1) first ??= message.event.phase;
        post(message, ...rest);
      };
      const channel = new BroadcastChannel("test");
      channel.onmessage = () => channel.postMessage(first);`;
    assert.equal(await page.open({ worker: page.sabotage(`told-${timeout}`, told), timeout }), "");
    assert.equal((await page.call("checkUnheard", "unlisted")).kind, "clear");
    assert.equal(await page.call("ask", "told"), first);
    await page.call("checkClosed", "unlisted"); // lest its worker answer the next time
  }
});

test("an abort rejects with its reason in every phase, and leaves the matcher usable", async () => {
  assert.equal(await page.open({ confirm: "/faults/confirm-slow/" }), "");
  for (const phase of ["read", "decode", "probe", "confirm"] as const) {
    assert.equal((await page.call("check", "listed", phase)).error, "aborted by the test", phase);
  }
  assert.equal((await page.check("unlisted")).outcome.kind, "clear");
  for (const phase of ["engine", "manifest", "snapshot"] as const) {
    await page.call("forget", "lists", "chunks");
    assert.equal(await page.open({}, phase), "aborted by the test", phase);
  }
});

test("closing rejects pending and later checks", async () => {
  assert.equal(await page.open({ confirm: "/faults/confirm-slow/" }), "");
  assert.equal((await page.call("check", "listed", undefined, "confirm")).error, "closed");
  assert.equal((await page.call("checkClosed", "listed")).error, "closed");
});

test("checks may overlap", async () => {
  assert.equal(await page.open(), "");
  const names = ["listed", "unlisted", "text.jpg", "unlisted", "listed", "empty.jpg", "unlisted"];
  const kinds = (await page.call("checkAll", names)).map(({ kind }) => kind);
  assert.deepEqual(kinds, ["match", "clear", "unsupported", "clear", "match", "unsupported", "clear"]);
});

test("the page's own thread runs during a check", async () => {
  await page.call("derive", "large", "unlisted", 6, "image/jpeg", 0.9);
  assert.ok((await page.call("ticksDuringCheck", "large")) >= 3);
});
