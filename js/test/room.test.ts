// Browsers copy rows of pixels into the engine's own memory.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Engine } from "../engine.js";
import { copyRows } from "../frame.js";
import { root } from "./browser.js";

const module = await WebAssembly.compile(await readFile(join(root, "js", "dist", "preseal.wasm")));

test("rows are put into the room, and no further", async () => {
  const engine = await Engine.start(module);
  assert.throws(() => engine.rows(4, "rgba", 1, 1, 0), { code: "invalid" }, "there is no room yet");
  const room = engine.room(2 ** 20);
  const { length, byteOffset } = room;
  assert.equal(length, 2 ** 20);
  for (const size of [2 ** 20 + 1, -1]) {
    assert.throws(() => engine.room(size), RangeError);
    assert.throws(() => engine.rows(size, "rgba", 1, 1, 0), { code: "invalid" });
  }
  engine.call("digest", new Uint8Array(2 ** 23), 0);
  assert.equal(room.length, 0, "the memory has grown");
  assert.equal(engine.room(4).byteOffset, byteOffset);
});

test("what an engine returns that stops meanwhile is no result", () => {
  const Made = Engine as unknown as new (running: { api: object; exports: object }) => Engine;
  const stopping = () => {
    engine.dead = true;
    return 1;
  };
  const engine: Engine = new Made({ api: {}, exports: { rows: stopping } });
  assert.throws(() => engine.rows(4, "rgba", 1, 1, 0), { code: "engine-failed" });
});

test("a frame is copied in strips of twelve rows or a multiple where they fit, and drawn where not even two do", async () => {
  const engine = await Engine.start(module);
  const strips = async (width: number, height: number) => {
    const taken: number[] = [];
    const frame = {
      format: "BGRX",
      colorSpace: {},
      visibleRect: { x: 0, y: 0, width, height },
      displayWidth: width,
      displayHeight: height,
      allocationSize: ({ rect }: { rect: DOMRectReadOnly }) => 4 * width * rect.height,
      copyTo: async (_: Uint8Array, { rect }: { rect: DOMRectReadOnly }) => {
        assert.equal(
          rect.y,
          taken.reduce((sum, rows) => sum + rows, 0),
        );
        taken.push(rect.height);
        return [{ offset: 0, stride: 4 * width }];
      },
    };
    const isCopied = await copyRows(frame as unknown as VideoFrame, true, engine);
    return isCopied && taken;
  };
  assert.deepEqual(await strips(2000, 300), [120, 120, 60]);
  assert.deepEqual(await strips(20_000, 13), [12, 1]);
  assert.deepEqual(await strips(40_000, 7), [6, 1]);
  assert.deepEqual(await strips(2 ** 17, 3), [2, 1]);
  assert.equal(await strips(2 ** 17 + 1, 1), false);
});

test("a frame that cannot be copied is to be drawn", async () => {
  const engine = await Engine.start(module);
  const size = { width: 2, height: 2 };
  const isCopied = (copyTo: () => Promise<PlaneLayout[]>) => {
    const shown = { visibleRect: { x: 0, y: 0, ...size }, displayWidth: size.width, displayHeight: size.height };
    const frame = { format: "BGRX", colorSpace: {}, ...shown, allocationSize: () => 16, copyTo };
    return copyRows(frame as unknown as VideoFrame, true, engine);
  };
  const plane = { offset: 0, stride: 8 };
  assert.equal(await isCopied(async () => [plane]), true);
  assert.equal(await isCopied(async () => [{ ...plane, stride: 16 }]), false);
  assert.equal(await isCopied(async () => [{ ...plane, offset: 8 }]), false);
  assert.equal(await isCopied(() => Promise.reject(new TypeError("detached"))), false);
  const grown = async () => {
    engine.call("digest", new Uint8Array(2 ** 23), 0);
    return [plane];
  };
  assert.equal(await isCopied(grown), false);
});
