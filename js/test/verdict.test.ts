import assert from "node:assert/strict";
import { test } from "node:test";
import { type Decision, decide, type Outcome } from "../index.js";

const table: [outcome: Outcome, open: Decision, closed: Decision][] = [
  [{ kind: "clear" }, "send", "send"],
  [{ kind: "cleared" }, "send", "send"],
  [{ kind: "match" }, "block", "block"],
  [{ kind: "unsupported", reason: "format" }, "send", "hold"],
  [{ kind: "unsupported", reason: "featureless" }, "send", "hold"],
  [{ kind: "unavailable", reason: "network" }, "send", "hold"],
  [{ kind: "unavailable", reason: "timeout" }, "send", "hold"],
  [{ kind: "unavailable", reason: "server" }, "send", "hold"],
  [{ kind: "unavailable", reason: "overflow" }, "send", "hold"],
  [{ kind: "unavailable", reason: "engine-failed" }, "send", "hold"],
  [{ kind: "unavailable", reason: "no-confirmation" }, "send", "hold"],
  [{ kind: "unavailable", reason: "unknown-key" }, "send", "hold"],
  [{ kind: "unavailable", reason: "busy" }, "send", "hold"],
  [{ kind: "unavailable", reason: "bad-proof" }, "hold", "hold"],
  [{ kind: "unavailable", reason: "untrusted" }, "hold", "hold"],
  [{ kind: "unavailable", reason: "corrupt" }, "hold", "hold"],
  [{ kind: "unavailable", reason: "expired" }, "hold", "hold"],
  [{ kind: "unavailable", reason: "rolled-back" }, "hold", "hold"],
  [{ kind: "unavailable", reason: "wrong-origin" }, "hold", "hold"],
  [{ kind: "unavailable", reason: "wrong-purpose" }, "hold", "hold"],
  [{ kind: "unavailable", reason: "canary" }, "hold", "hold"],
  [{ kind: "unavailable", reason: "overfull" }, "hold", "hold"],
  [{ kind: "unavailable", reason: "bad-answer" }, "hold", "hold"],
  [{ kind: "unavailable", reason: "integrity" }, "hold", "hold"],
];

for (const [outcome, open, closed] of table) {
  test(`decide ${outcome.kind} ${"reason" in outcome ? outcome.reason : ""}`, () => {
    assert.equal(decide(outcome, "fail-open"), open);
    assert.equal(decide(outcome, "fail-closed"), closed);
  });
}

test("sendDespite hands a failed verification to the policy, a match never", () => {
  const expired = { kind: "unavailable", reason: "expired" } as const;
  assert.equal(decide(expired, "fail-open", { sendDespite: ["expired"] }), "send");
  assert.equal(decide(expired, "fail-closed", { sendDespite: ["expired"] }), "hold");
  assert.equal(decide(expired, "fail-open", { sendDespite: ["corrupt"] }), "hold");
  assert.equal(decide({ kind: "match" }, "fail-open", { sendDespite: ["match"] }), "block");
});

test("an unknown policy or kind throws, so that nothing is sent", () => {
  assert.throws(() => decide({ kind: "clear" }, "open" as never), TypeError);
  assert.throws(() => decide({ kind: "fine" } as never, "fail-open"), TypeError);
});
