// The demo page, in Chromium, against the real server: what is sent, what is held back, and what leaves the page.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { SerializedAXNode } from "puppeteer-core";
import { type DemoPage, names, Theatre } from "./demopage.js";

let theatre: Theatre;

function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

before(async () => {
  theatre = await Theatre.open();
});

after(() => theatre?.close());

/** Draws the listed picture at half its size and encodes it as JPEG of quality 50, by the browser's own encoder. */
async function halfSize(demo: DemoPage): Promise<Uint8Array> {
  const url = `data:image/jpeg;base64,${(await readFile(theatre.listed)).toString("base64")}`;
  const encoded = await demo.page.evaluate(async (url) => {
    const data = Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([data]));
    const canvas = new OffscreenCanvas(bitmap.width / 2, bitmap.height / 2);
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.5 });
    return Array.from(new Uint8Array(await blob.arrayBuffer()));
  }, url);
  return Uint8Array.from(encoded);
}

describe("demo page", { timeout: 300_000 }, () => {
  test("a clear file causes no request before its ciphertext, and arrives byte for byte", () =>
    theatre.play(async (demo) => {
      const { ending, requests } = await demo.attach(() => demo.pick(theatre.unlisted));
      assert.match(ending.text, /^Checked: clear, nothing was asked/);
      assert.deepEqual(names(requests), ["POST /relay/"]);

      const original = await readFile(theatre.unlisted);
      const sealed = requests[0]?.body ?? Buffer.alloc(0);
      assert.ok(sealed.length > original.length, "the ciphertext is shorter than the file");
      assert.equal(sealed.indexOf(original.subarray(200, 232)), -1, "the ciphertext holds a piece of the file");

      const session = await demo.page.createCDPSession();
      const finished = new Promise<void>((resolve) => {
        session.on("Browser.downloadProgress", ({ state }) => state === "completed" && resolve());
      });
      const downloads = await mkdtemp(join(theatre.folder, "bob-"));
      const target = { behavior: "allow", downloadPath: downloads, eventsEnabled: true } as const;
      const { browserContextId } = (await session.send("Target.getTargetInfo")).targetInfo;
      await session.send("Browser.setDownloadBehavior", { ...target, ...(browserContextId && { browserContextId }) });
      const save = await demo.page.waitForSelector("#bob .theirs a.save");
      await save?.click();
      await finished;
      const name = await save?.evaluate((link) => (link as HTMLAnchorElement).download);
      assert.equal(sha256(await readFile(join(downloads, name ?? ""))), sha256(original));
    }));

  test("a listed file and its half-size JPEG copy are held back, and no ciphertext leaves", () =>
    theatre.play(async (demo) => {
      const copy = await theatre.file("copy.jpg", await halfSize(demo));
      for (const path of [theatre.listed, copy]) {
        const { ending, requests } = await demo.attach(() => demo.pick(path));
        assert.equal(ending.kind, "block", `${path}: ${ending.text}`);
        assert.match(ending.text, /was not sent/);
        const questions = requests.filter(({ path }) => path.startsWith("/v1/"));
        assert.deepEqual(names(questions), ["POST /v1/evaluate", "GET /v1/entries/"]);
        const left = await demo.textOf("#report .departures h3 .time");
        const [question, entries] = questions;
        assert.equal(left, `${(question?.body.length ?? 0) + (entries?.path.length ?? 0) - "/v1/".length} bytes`);
      }
      assert.equal(await demo.page.$("#bob .theirs"), null);
    }));

  test("the report says what proved a match: lane, probe, form and second hash", () =>
    theatre.play(async (demo) => {
      const copies: [variant: string, picture: RegExp][] = [
        ["re-encoded", /Pictureas it is/],
        ["mirrored", /Picturemirrored(?! and)/],
        ["bordered", /Pictureinside a frame/],
      ];
      for (const [variant, picture] of copies) {
        const { ending } = await demo.attach(() => demo.page.click(`.sample[data-file*="-${variant}."]`));
        assert.equal(ending.kind, "block", `${variant}: ${ending.text}`);
        const confirmed = await demo.textOf("#report .steps li:last-child");
        assert.match(confirmed, /lane (pdq|phash), by probe \d+/);
        assert.match(confirmed, picture);
        assert.match(confirmed, /Second hash\d+ bits? of 256 apart; the list allows 31/);
        assert.equal((await demo.page.$$("#report .grid")).length, 2);
      }
    }));

  test("samples are attached without being fetched again", () =>
    theatre.play(async (demo) => {
      const { requests } = await demo.attach(() =>
        demo.page.click(`.sample[data-file="${theatre.unlisted.split("/").at(-1)}"]`),
      );
      assert.deepEqual(names(requests), ["POST /relay/"]);
    }));

  test("files can be dropped and pasted", () =>
    theatre.play(async (demo) => {
      const session = await demo.page.createCDPSession();
      const data = { items: [], files: [theatre.unlisted], dragOperationsMask: 1 };
      const dropped = await demo.attach(async () => {
        for (const type of ["dragEnter", "dragOver", "drop"] as const) {
          await session.send("Input.dispatchDragEvent", { type, x: 300, y: 500, data });
        }
      });
      assert.match(dropped.ending.text, /^Checked: clear/);

      const pasted = await demo.attach(() =>
        demo.page.evaluate(() => {
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File(["words"], "pasted.txt", { type: "text/plain" }));
          const paste = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
          document.querySelector("#alice-text")?.dispatchEvent(paste);
        }),
      );
      assert.equal(pasted.ending.kind, "hold");
      assert.match(pasted.ending.text, /pasted\.txt/);
    }));

  test("text messages go both ways", () =>
    theatre.play(async (demo) => {
      for (const [from, to] of [
        ["alice", "bob"],
        ["bob", "alice"],
      ]) {
        await demo.page.type(`#${from}-text`, `from ${from}`);
        await demo.page.keyboard.press("Enter");
        await demo.page.waitForFunction(
          (pane, text) => document.querySelector<HTMLElement>(`#${pane} .log`)?.textContent?.includes(text),
          {},
          to,
          `from ${from}`,
        );
      }
    }));

  test("every control has a name, and the page its landmarks", () =>
    theatre.play(async (demo) => {
      const tree = await demo.page.accessibility.snapshot({ interestingOnly: false });
      const nodes: SerializedAXNode[] = [];
      const walk = (node: SerializedAXNode) => {
        nodes.push(node);
        node.children?.forEach(walk);
      };
      assert.ok(tree);
      walk(tree);
      const controls = nodes.filter(({ role }) =>
        /^(button|link|textbox|radio|combobox|checkbox|log|img)$/i.test(role),
      );
      assert.ok(controls.length > 10, `only ${controls.length} controls`);
      assert.deepEqual(
        controls.filter(({ name }) => !name?.trim()).map(({ role }) => role),
        [],
      );
      for (const role of ["main", "banner", "complementary", "contentinfo", "log"]) {
        assert.ok(
          nodes.some((node) => node.role === role),
          `no ${role}`,
        );
      }
    }));
});
