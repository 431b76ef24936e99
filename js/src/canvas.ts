import type { Engine } from "./engine.js";
import { PresealError } from "./errors.js";

const LONGER_SIDE = 512;
const SHORTER_SIDE = 64;

/** How many rows are read back at a time. */
const STRIP = 64;

let canvas: OffscreenCanvasRenderingContext2D | undefined;

/**
 * The size at which a picture is drawn: the longer side 512 pixels, since the browser's own way to 64 moves hash bits; the
 * shorter side not below the 64 rows that the hash averages to. Never more than the picture has.
 */
export function drawnSize(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, LONGER_SIDE / Math.max(width, height));
  const side = (length: number) => Math.max(Math.round(length * scale), Math.min(length, SHORTER_SIDE));
  return { width: side(width), height: side(height) };
}

/** Scales a picture of the given size down and hands its pixels to the engine, in strips from top to bottom. */
export function readBack(picture: CanvasImageSource, from: { width: number; height: number }, engine: Engine): void {
  const context = blankCanvas();
  const { width, height } = drawnSize(from.width, from.height);
  try {
    context.drawImage(picture, 0, 0, width, height);
    for (let y = 0; y < height; y += STRIP) {
      const { data } = context.getImageData(0, y, width, Math.min(STRIP, height - y));
      engine.room(data.length).set(data);
      engine.rows(data.length, "rgba", width, height, y);
    }
  } finally {
    context.clearRect(0, 0, LONGER_SIDE, LONGER_SIDE);
  }
}

/**
 * Draws a known picture and reads it back: whether the canvas tells the truth. Firefox's does not with
 * `privacy.resistFingerprinting`. Browsers that add a little noise pass, ones that randomise do not.
 */
export function isTruthful(): boolean {
  const context = blankCanvas();
  const greys = Array.from({ length: 16 }, (_, i) => ((i * 7) % 16) * 17);
  greys.forEach((grey, x) => {
    context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
    context.fillRect(x, 0, 1, 1);
  });
  const { data } = context.getImageData(0, 0, greys.length, 1);
  context.clearRect(0, 0, greys.length, 1);
  return greys.every((grey, x) => Math.abs((data[4 * x] ?? -1) - grey) <= 8);
}

/** The one canvas, kept on the CPU because it is read back every time. */
function blankCanvas(): OffscreenCanvasRenderingContext2D {
  canvas ??=
    new OffscreenCanvas(LONGER_SIDE, LONGER_SIDE).getContext("2d", { willReadFrequently: true, colorSpace: "srgb" }) ??
    undefined;
  if (!canvas) throw new PresealError("engine-failed", "the browser has no canvas for the worker");
  canvas.imageSmoothingQuality = "high";
  return canvas;
}
