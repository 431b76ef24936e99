import assert from "node:assert/strict";
import { test } from "node:test";
import { drawnSize } from "../canvas.js";
import { Matcher, type OpenOptions, type TrustOptions } from "../index.js";
import { settingsOf } from "../options.js";
import { listName } from "../updater.js";
import { verifierKey } from "./keys.js";

const [key, other, third] = ["list", "auditor", "next"].map((name) => verifierKey(`example.org/${name}`)) as [
  string,
  string,
  string,
];
const authority = { name: "authority", keys: [key] };
const snapshot = "https://example.org/lists";

test("options get their defaults, folders end with a slash", async () => {
  const options = { snapshot, trust: [key], confirm: new URL("https://example.org/v1") };
  assert.deepEqual(await settingsOf(options), {
    snapshot: "https://example.org/lists/",
    confirm: "https://example.org/v1/",
    trust: { roles: [authority], threshold: 1, origin: "", purpose: "", minVersion: 0 },
    confirmation: "private",
    update: "auto",
    timeout: 10_000,
  });
});

test("one key is the authority's, two are authority's and auditor's, more have roles", async () => {
  const trustIn = async (trust: TrustOptions) => (await settingsOf({ snapshot, trust })).trust;
  const auditor = { name: "auditor", keys: [other] };
  assert.deepEqual((await trustIn([key])).roles, [authority]);
  const { roles, threshold } = await trustIn([key, other]);
  assert.deepEqual([roles, threshold], [[authority, auditor], 2]);
  const named = { roles: { auditor: [other], authority: [key] }, origin: "example.org/list", minVersion: 5 };
  assert.deepEqual(await trustIn(named), {
    roles: [auditor, authority],
    threshold: 2,
    origin: "example.org/list",
    purpose: "",
    minVersion: 5,
  });
  assert.equal((await trustIn({ ...named, threshold: 1 })).threshold, 1);
});

test("a list is the same for the same keys in the same roles at the same place", async () => {
  const name = async (trust: TrustOptions, at = snapshot) => listName(await settingsOf({ snapshot: at, trust }));
  const mine = await name({ roles: { authority: [key, third], auditor: [other] } });
  assert.equal(
    await name({ roles: { auditor: [other], authority: [third, key] }, threshold: 1 }, `${snapshot}/`),
    mine,
  );
  assert.notEqual(await name({ roles: { authority: [key], auditor: [other, third] } }), mine);
  assert.notEqual(await name({ roles: { authority: [key, third], auditor: [other] } }, `${snapshot}/other`), mine);
});

const roles = { authority: [key] };

const mistakes: [name: string, options: object, type: typeof TypeError | typeof RangeError][] = [
  ["no snapshot", { trust: [key] }, TypeError],
  ["null for a snapshot", { snapshot: null, trust: [key] }, TypeError],
  ["a snapshot that is an object", { snapshot: {}, trust: [key] }, TypeError],
  ["a snapshot that no request fetches", { snapshot: "data:,x", trust: [key] }, TypeError],
  ["a snapshot with a query", { snapshot: `${snapshot}?x`, trust: [key] }, TypeError],
  ["a snapshot with a fragment", { snapshot: `${snapshot}/#`, trust: [key] }, TypeError],
  ["a snapshot with a password", { snapshot: "https://a:b@example.org/", trust: [key] }, TypeError],
  ["null for a confirmation", { snapshot, trust: [key], confirm: null }, TypeError],
  ["a confirmation that is a script", { snapshot, trust: [key], confirm: "javascript:0" }, TypeError],
  ["an engine that is a number", { snapshot, trust: [key], wasm: 5 }, TypeError],
  ["no trust", { snapshot }, TypeError],
  ["no keys", { snapshot, trust: [] }, TypeError],
  ["a key that is none", { snapshot, trust: ["key"] }, TypeError],
  ["a key with a typo", { snapshot, trust: [key.replace("example", "exemple")] }, TypeError],
  ["a key in a list of its own", { snapshot, trust: [[key]] }, TypeError],
  ["a key twice", { snapshot, trust: [key, key] }, TypeError],
  ["three keys without roles", { snapshot, trust: [key, other, third] }, TypeError],
  ["keys without roles", { snapshot, trust: { keys: [key] } }, TypeError],
  ["no roles", { snapshot, trust: { roles: {} } }, TypeError],
  ["a role without keys", { snapshot, trust: { roles: { authority: [key], auditor: [] } } }, TypeError],
  ["a role that is a key", { snapshot, trust: { roles: { authority: key } } }, TypeError],
  ["a role of two lines", { snapshot, trust: { roles: { "a\nb": [key] } } }, TypeError],
  ["a key in two roles", { snapshot, trust: { roles: { authority: [key], auditor: [other, key] } } }, TypeError],
  ["an origin that is a number", { snapshot, trust: { roles, origin: 5 } }, TypeError],
  ["null for a purpose", { snapshot, trust: { roles, purpose: null } }, TypeError],
  [
    "a threshold above the roles",
    { snapshot, trust: { roles: { authority: [key, other] }, threshold: 2 } },
    RangeError,
  ],
  ["a threshold of zero", { snapshot, trust: { roles, threshold: 0 } }, RangeError],
  ["a negative version", { snapshot, trust: { roles, minVersion: -1 } }, RangeError],
  ["a way to confirm that is none", { snapshot, trust: [key], confirmation: "public" }, TypeError],
  ["a way to update that is none", { snapshot, trust: [key], update: "never" }, TypeError],
  ["a timeout of zero", { snapshot, trust: [key], timeout: 0 }, RangeError],
  ["an endless timeout", { snapshot, trust: [key], timeout: Number.POSITIVE_INFINITY }, RangeError],
  ["a worker that is no function", { snapshot, trust: [key], worker: {} }, TypeError],
];

for (const [name, options, type] of mistakes) {
  test(`open refuses ${name}`, async (t) => {
    const scope = globalThis as { document?: { baseURI: string } };
    scope.document = { baseURI: "https://example.org/page" }; // against which any text is a URL
    t.after(() => delete scope.document);
    await assert.rejects(Matcher.open(options as OpenOptions), type);
  });
}

test("open refuses no options, and a relative URL outside a page", async () => {
  await assert.rejects(Matcher.open(undefined as never), TypeError);
  await assert.rejects(Matcher.open({ snapshot: "/lists/", trust: [key] }), TypeError);
});

test("pictures are drawn at 512 pixels, never enlarged, never below the 64 rows of the hash", () => {
  assert.deepEqual(drawnSize(4000, 3000), { width: 512, height: 384 });
  assert.deepEqual(drawnSize(300, 200), { width: 300, height: 200 });
  assert.deepEqual(drawnSize(10_000, 100), { width: 512, height: 64 });
  assert.deepEqual(drawnSize(10, 10_000), { width: 10, height: 512 });
});
