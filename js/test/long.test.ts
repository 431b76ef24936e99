// Pictures as long as screenshots of whole pages are. Chromium always; Firefox and WebKitGTK with PRESEAL_ALL_BROWSERS set.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { apart, LabPage } from "./labpage.js";
import { png, waves } from "./png.js";

const all = process.env.PRESEAL_ALL_BROWSERS !== undefined;
const engines = all ? (["Chromium", "Firefox", "WebKitGTK"] as const) : (["Chromium"] as const);

for (const engine of engines) {
  test(`${engine}: a picture longer than frames may be hashes as it does natively, one that would be drawn wrong not at all`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "preseal-"));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const page = await LabPage.open(engine);
    t.after(() => page.close());
    assert.equal(await page.open(), "");
    const check = async (width: number, height: number) => {
      const name = `${width}×${height}.png`;
      const bytes = png(waves(3, width, height), width, height);
      const path = join(folder, name);
      await writeFile(path, bytes);
      const { stdout } = await promisify(execFile)(page.stage.tool, ["hash", "--json", path]);
      page.stage.routes.set("/long.png", (_, response) => response.end(bytes));
      await page.call("load", name, "/long.png");
      return { name, ...(await page.call("check", name)), native: JSON.parse(stdout).phash as string };
    };
    const others = engine === "WebKitGTK" ? "bitmap" : "imagedecoder";
    for (const [width, height, by] of [
      [80, 32_767, others],
      [80, 32_768, "bitmap"],
      [40_000, 80, "bitmap"],
      [80, 65_535, "bitmap"],
    ] as const) {
      const { name, kind, reason, decoder, phash, native } = await check(width, height);
      assert.deepEqual([kind, decoder], ["clear", by], `${name}: ${reason}`);
      const bits = apart(phash, native);
      assert.ok(bits <= 2, `${name}: ${bits} bits of 64 from the native hash`);
    }
    if (engine === "WebKitGTK") return; // it draws them all right
    const { kind, reason } = await check(80, 65_536);
    assert.deepEqual([kind, reason], ["unsupported", "undecodable"]);
  });
}
