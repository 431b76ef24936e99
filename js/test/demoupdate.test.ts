// The demo page in Chromium while its list lives: a picture is added, the page takes it as a delta, keeps it, and other tabs
// follow.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Recorded } from "./browser.js";
import { type DemoPage, FAILED_LOAD, names, Theatre } from "./demopage.js";

let theatre: Theatre;

before(async () => {
  theatre = await Theatre.open();
});

after(() => theatre?.close());

/** Which kinds of file of the list were asked for. */
function listFiles(requests: Recorded[]): string[] {
  return names(requests)
    .filter((name) => name.includes("/lists/"))
    .map((name) => name.replace(/[0-9a-f]{64}/, "…"));
}

/** Adds a sample by the keyboard, waits until the page has the next version, and returns the requests made meanwhile. */
function add({ page }: DemoPage, file: string): Promise<Recorded[]> {
  return theatre.stage.during(async () => {
    await page.select("#addition", file);
    await page.focus("#addition");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForFunction((file) => !document.querySelector(`#addition option[value="${file}"]`), {}, file);
  });
}

describe("demo page, its list", { timeout: 300_000 }, () => {
  test("a picture that is added comes as a delta, is a match then, and is still there after a reload", () =>
    theatre.play(async (demo) => {
      const facts = await demo.textOf("#list-facts");
      for (const fact of [
        /Version2/,
        /Published(just now|\d+ \w+ ago)/,
        /Expiresin 23 hours/,
        /Signed bydemo\.preseal, authorityauditor\.demo\.preseal, auditor/,
        /Size\d+ kB/,
        /Cameas a whole, \d+ kB/,
        /Storedin this browser/,
        /Lane pdq[\d,]+ entries/,
      ]) {
        assert.match(facts, fact);
      }
      const file = "unlisted-1.jpg";
      const clear = await demo.attachSample(file);
      assert.match(clear.ending.text, /^Checked: clear/);

      const requests = await add(demo, file);
      assert.deepEqual(listFiles(requests), ["GET /lists/manifest", "GET /lists/….delta"]);
      await demo.noted("2 → 3: as a delta of ");
      assert.match(await demo.textOf("#list-state"), /^Version 3\. Verified and in use/);
      assert.match(await demo.textOf("#list-facts"), /Cameas a delta of \d+ bytes/);
      assert.equal(await demo.textOf(`.sample[data-file="${file}"] .tag`), "on the list");
      assert.equal(await demo.page.evaluate(() => document.activeElement?.textContent), "Add it to the list");
      const match = await demo.attachSample(file);
      assert.equal(match.ending.kind, "block", match.ending.text);

      const reloaded = await theatre.stage.during(async () => {
        await demo.page.reload();
        await demo.ready();
      });
      assert.deepEqual(listFiles(reloaded), []);
      assert.match(await demo.textOf("#list-state"), /^Version 3\. Verified and in use/);
      assert.match(await demo.textOf("#list-facts"), /Camefrom this browser, nothing was fetched/);
      assert.equal((await demo.attachSample(file)).ending.kind, "block");
    }));

  test("a second tab follows by itself, and fetches nothing of the list", () =>
    theatre.play(async (demo) => {
      const file = "unlisted-2.jpg";
      const other = await demo.tab();
      const clear = await other.attachSample(file);
      assert.match(clear.ending.text, /^Checked: clear/);
      await demo.page.bringToFront();
      const requests = await add(demo, file);
      await other.noted("from this browser, nothing was fetched");
      assert.deepEqual(listFiles(requests), ["GET /lists/manifest", "GET /lists/….delta"]);
      await other.page.bringToFront();
      assert.equal(await other.textOf("#list-state"), await demo.textOf("#list-state"));
      await other.page.waitForFunction(
        (file) => document.querySelector(`.sample[data-file="${file}"] .tag`)?.textContent === "on the list",
        {},
        file,
      );
      assert.equal((await other.attachSample(file)).ending.kind, "block");
    }));

  test("a picture that cannot be added is said so, and the list stays", async (t) => {
    theatre.stage.routes.set("/demo/list", (_, response) => response.writeHead(409).end("it is there already\n"));
    t.after(() => theatre.stage.routes.delete("/demo/list"));
    await theatre.play(async ({ page }) => {
      await page.click("#add button");
      await page.waitForFunction(() => /not added/.test(document.querySelector("#add-trouble")?.textContent ?? ""));
      assert.match(await page.$eval("#add-trouble", (e) => e.textContent ?? ""), /it is there already/);
      assert.equal(await page.$eval("#look", (e) => e.getAttribute("aria-disabled")), "false");
    }, FAILED_LOAD);
  });
});
