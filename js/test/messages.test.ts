import assert from "node:assert/strict";
import { test } from "node:test";
import { PresealError } from "../index.js";
import { parseReply, parseRequest } from "../messages.js";
import { emptyReport } from "../verdict.js";

const trust = { roles: [{ name: "authority", keys: ["k"] }], threshold: 1, origin: "", purpose: "", minVersion: 0 };
const settings = { snapshot: "https://example.org/", confirmation: "private", trust, update: "auto", timeout: 1 };
const report = emptyReport();
const place = { lane: "pdq", probe: 1, distance: 0, window: 0, orientation: 7 };
const match = { kind: "match", ...place, secondHash: 31, label: "", report };

const arrival = { stored: true, source: "delta", downloaded: 5 };
const info = { version: 3, ...arrival };
const module = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
const kept = { module, decoders: undefined, manifest: new Uint8Array(1), snapshot: new Blob(), arrival };

const requests: unknown[] = [
  { type: "open", id: 1, version: "0", settings },
  { type: "open", id: 1, version: "0", settings: { ...settings, confirm: "https://example.org/" } },
  { type: "check", id: 2, blob: new Blob(["x"]), listens: true },
  { type: "update", id: 3 },
  { type: "abort", id: 3 },
  { type: "ping" },
];

const replies: unknown[] = [
  { type: "checked", id: 1, verdict: { kind: "clear", report } },
  { type: "checked", id: 1, verdict: match },
  { type: "checked", id: 1, verdict: match, lacksScripts: true },
  { type: "checked", id: 1, verdict: { ...match, secondHash: null } },
  { type: "checked", id: 1, verdict: { kind: "unavailable", reason: "network", report } },
  { type: "updated", id: 1, info },
  { type: "opened", id: 1, info, kept },
  { type: "swapped", info, kept },
  { type: "update-failed", code: "conflicting", message: "" },
  { type: "failed", id: 1, code: "expired", message: "" },
  { type: "progress", id: 1, event: { phase: "read" } },
  { type: "progress", id: 1, event: { phase: "confirm", request: new Uint8Array(1) } },
  { type: "pong" },
];

const neither: unknown[] = [
  undefined,
  null,
  0,
  "ping",
  [],
  {},
  { type: "toString" },
  { type: "__proto__" },
  { type: "open", id: 1 },
  {
    type: "open",
    id: 1,
    version: "0",
    settings: { ...settings, trust: { ...trust, roles: [{ name: "a", keys: [1] }] } },
  },
  { type: "open", id: 1, version: "0", settings: { ...settings, trust: { ...trust, roles: [null] } } },
  { type: "open", id: 1, version: "0", settings: { ...settings, update: "never" } },
  { type: "open", id: 1, version: "0", settings: { ...settings, timeout: -1 } },
  { type: "open", id: 1, version: "0", settings: { ...settings, confirmation: "public" } },
  { type: "open", id: 1, version: "0", settings: { ...settings, confirmation: undefined } },
  { type: "open", id: 1, version: "0", settings, kept: {} },
  { type: "check", id: 2, blob: new Uint8Array(1), listens: true },
  { type: "check", id: 0, blob: new Blob(), listens: true },
  { type: "check", id: 2, blob: new Blob() },
  { type: "abort", id: "1" },
  { type: "update" },
  { type: "updated", id: 1, info: { version: 3 } },
  { type: "updated", id: 1, info: { ...info, source: "hearsay" } },
  { type: "updated", id: 1, info: { ...info, downloaded: -1 } },
  { type: "swapped", info, kept: { ...kept, arrival: undefined } },
  { type: "swapped", info: { ...info, version: -1 }, kept },
  { type: "update-failed", code: "nonsense", message: "" },
  { type: "opened", id: 1, info: {}, kept: {} },
  { type: "checked", id: 1 },
  { type: "checked", id: 1, verdict: { kind: "fine", report } },
  { type: "checked", id: 1, verdict: match, lacksScripts: "yes" },
  { type: "checked", id: 1, verdict: { kind: "clear" } },
  { type: "checked", id: 1, verdict: { kind: "match", report } },
  { type: "checked", id: 1, verdict: { ...match, window: undefined } },
  { type: "checked", id: 1, verdict: { ...match, orientation: "7" } },
  { type: "checked", id: 1, verdict: { ...match, secondHash: undefined } },
  { type: "checked", id: 1, verdict: { ...match, secondHash: -1 } },
  { type: "checked", id: 1, verdict: { ...match, label: undefined } },
  { type: "checked", id: 1, verdict: { kind: "unsupported", report } },
  { type: "failed", id: 1, code: "nonsense", message: "" },
  { type: "progress", id: 1 },
  { type: "progress", id: 1, event: { phase: "confirm" } },
];

function isBadMessage(error: unknown): boolean {
  return error instanceof PresealError && error.code === "bad-message";
}

test("well-formed messages are read as they are", () => {
  for (const message of requests) assert.equal(parseRequest(message), message);
  for (const message of replies) assert.equal(parseReply(message), message);
});

test("malformed messages are errors", () => {
  for (const message of [...neither, ...replies.slice(0, -1)]) assert.throws(() => parseRequest(message), isBadMessage);
  for (const message of [...neither, ...requests]) assert.throws(() => parseReply(message), isBadMessage);
});
