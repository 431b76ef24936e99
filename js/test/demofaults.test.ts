// The demo page in Chromium when something is wrong: files that cannot be checked, lists that must not be believed,
// servers that are away, a person who changes their mind.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { openPage, openStage } from "./browser.js";
import { DemoPage, FAILED_LOAD, names, sealedIn, Theatre } from "./demopage.js";

let theatre: Theatre;

before(async () => {
  theatre = await Theatre.open();
});

after(() => theatre?.close());

describe("demo page, when something is wrong", { timeout: 300_000 }, () => {
  test("what cannot be checked follows the policy", async (t) => {
    const jpeg = await readFile(theatre.unlisted);
    const header = "89504e470d0a1a0a0000000d4948445200004e2000004e200802000000";
    const bad: [string, Uint8Array | string, RegExp][] = [
      ["empty.jpg", "", /It is empty/],
      ["truncated.jpg", jpeg.subarray(0, 700), /could not be decoded/],
      ["text.jpg", "just words\n", /not a picture/],
      ["huge.png", Buffer.from(header, "hex"), /larger than what can be checked|could not be decoded/],
    ];
    await theatre.play(async (demo) => {
      for (const [name, content, reason] of bad) {
        await t.test(name, async () => {
          const path = await theatre.file(name, content);
          await demo.choosePolicy("fail-closed");
          const held = await demo.attach(() => demo.pick(path));
          assert.equal(held.ending.kind, "hold", held.ending.text);
          assert.match(held.ending.text, reason);
          assert.deepEqual(names(held.requests), []);
          await demo.choosePolicy("fail-open");
          const sent = await demo.attach(() => demo.pick(path));
          assert.match(sent.ending.text, /^Sent unchecked/);
          assert.deepEqual(names(sent.requests), ["POST /relay/"]);
        });
      }
      const { ending } = await demo.attach(() => demo.pick(theatre.unlisted));
      assert.match(ending.text, /^Checked: clear/, "the page works on afterwards");
    });
  });

  const snapshotFaults: [string, RegExp, "hold" | "message"][] = [
    ["corrupt", /altered or damaged/, "hold"],
    ["unsigned", /not signed by anyone/, "hold"],
    ["expired", /has expired/, "hold"],
    ["rolled-back", /older than one this browser/, "hold"],
    ["not-countersigned", /not signed by anyone/, "hold"],
    ["conflicting", /two different lists/, "hold"],
    ["broken-chain", /does not continue/, "hold"],
    ["missing", /answered with an error/, "message"],
  ];
  for (const [fault, state, whenOpen] of snapshotFaults) {
    test(`snapshot ${fault}`, () =>
      theatre.play(async (demo) => {
        assert.match(await demo.breakIt(fault), state);
        const closed = await demo.attach(() => demo.pick(theatre.unlisted));
        assert.equal(closed.ending.kind, "hold");
        assert.match(closed.ending.text, state);
        assert.deepEqual(names(closed.requests), []);
        await demo.choosePolicy("fail-open");
        const open = await demo.attach(() => demo.pick(theatre.unlisted));
        assert.equal(open.ending.kind, whenOpen);
        assert.equal(sealedIn(open.requests).length, whenOpen === "message" ? 1 : 0);
        assert.match(await demo.breakIt("none"), /Verified and in use/);
      }, FAILED_LOAD));
  }

  test("an update that fails leaves the list in use, and the next one finds it well", () =>
    theatre.play(async (demo) => {
      const codes: Record<string, string> = {
        unsigned: "untrusted",
        "not-countersigned": "untrusted",
        missing: "server",
      };
      for (const [fault, reason] of snapshotFaults) {
        const state = await demo.breakUpdate(fault, codes[fault] ?? fault);
        assert.match(state, /^Version 2 stays in use\. The last look for an update failed/);
        assert.match(state, reason);
      }
      const listed = await demo.attach(() => demo.pick(theatre.listed));
      assert.equal(listed.ending.kind, "block", listed.ending.text);
      const other = await demo.attach(() => demo.pick(theatre.unlisted));
      assert.match(other.ending.text, /^Checked: clear/);
      await demo.page.click("#look");
      await demo.noted("version 2 is the latest");
      assert.match(await demo.textOf("#list-state"), /Verified and in use/);
    }, FAILED_LOAD));

  const confirmFaults: [string, RegExp, "hold" | "message"][] = [
    ["confirm-down", /could not be reached/, "message"],
    ["confirm-500", /answered with an error/, "message"],
    ["confirm-garbage", /made no sense/, "hold"],
    ["confirm-other-key", /another version of the list/, "message"],
    ["confirm-bad-proof", /not the one the list names/, "hold"],
    ["confirm-no-entry", /made no sense/, "hold"],
  ];
  for (const [fault, reason, whenOpen] of confirmFaults) {
    test(fault, () =>
      theatre.play(async (demo) => {
        await demo.breakIt(fault);
        const closed = await demo.attach(() => demo.pick(theatre.listed));
        assert.equal(closed.ending.kind, "hold");
        assert.match(closed.ending.text, reason);
        assert.deepEqual(sealedIn(closed.requests), []);
        await demo.choosePolicy("fail-open");
        const open = await demo.attach(() => demo.pick(theatre.listed));
        assert.equal(open.ending.kind, whenOpen);
        assert.equal(sealedIn(open.requests).length, whenOpen === "message" ? 1 : 0);
        const other = await demo.attach(() => demo.pick(theatre.unlisted));
        assert.match(other.ending.text, /^Checked: clear/, "a clear file needs no confirmation");
      }, FAILED_LOAD),
    );
  }

  test("a check can be cancelled", () =>
    theatre.play(async (demo) => {
      await demo.breakIt("confirm-slow");
      const { ending, requests } = await demo.attach(async () => {
        await demo.pick(theatre.listed);
        await demo.page.waitForFunction(() => /asking/.test(document.querySelector(".phase")?.textContent ?? ""));
        await demo.page.click(".checking button");
      });
      assert.match(ending.text, /^Cancelled/);
      assert.deepEqual(sealedIn(requests), []);
      assert.equal(await demo.page.evaluate(() => document.activeElement?.id), "attach");
      const next = await demo.attach(() => demo.pick(theatre.unlisted));
      assert.match(next.ending.text, /^Checked: clear/);
    }, FAILED_LOAD));

  test("a script of the page that does not load", async (t) => {
    const script = "/js/dist/demo/words.js";
    theatre.stage.routes.set(script, (_, response) => response.writeHead(404).end());
    t.after(() => theatre.stage.routes.delete(script));
    const page = await openPage(theatre.browser, theatre.stage, "");
    t.after(() => page.close());
    await page.waitForSelector("#stuck", { visible: true });
  });

  test("server down", async () => {
    const doomed = await openStage();
    const demo = await DemoPage.open(theatre.browser, doomed);
    try {
      await doomed.close();
      const clear = await demo.attach(() => demo.pick(theatre.unlisted));
      assert.match(clear.ending.text, /^Not delivered: the relay could not be reached/);
      const held = await demo.attach(() => demo.pick(theatre.listed));
      assert.equal(held.ending.kind, "hold");
      assert.match(held.ending.text, /could not be reached/);
      assert.match(await demo.breakIt("none"), /^Not in use/);
    } finally {
      await demo.close();
    }
  });
});
