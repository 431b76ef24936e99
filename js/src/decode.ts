import { PresealError } from "./errors.js";
import { within } from "./wait.js";

/** The pixels of a picture, upright, with straight alpha. */
export interface Pixels {
  rgba: Uint8ClampedArray;
  width: number;
  height: number;
}

/** The browser cannot decode the picture. */
export class Undecodable extends Error {}

/** The browser hands out pixels that are not the ones drawn. */
export class Falsified extends Error {}

const LONGER_SIDE = 512;
const SHORTER_SIDE = 64;

let canvas: OffscreenCanvasRenderingContext2D | undefined;
let honest: boolean | undefined;

/**
 * Decodes a picture with the browser and scales it down.
 *
 * @throws Undecodable, Falsified; PresealError `timeout`; the signal's reason.
 */
export async function decode(blob: Blob, timeout: number, signal: AbortSignal): Promise<Pixels> {
  const bitmap = await within(timeout, "decoding", signal, (given) =>
    createImageBitmap(blob, { imageOrientation: "from-image" }).then((bitmap) => {
      if (given.aborted) bitmap.close(); // nobody waits for it any more
      return bitmap;
    }),
  ).catch((error: unknown) => {
    if (signal.aborted || error instanceof PresealError) throw error;
    throw new Undecodable(String(error));
  });
  try {
    return draw(bitmap);
  } finally {
    bitmap.close();
  }
}

/**
 * The size at which a picture is drawn: the longer side 512 pixels, since the browser's own way to 64 moves hash bits; the
 * shorter side not below the 64 rows that the hash averages to. Never more than the picture has.
 */
export function drawnSize(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, LONGER_SIDE / Math.max(width, height));
  const side = (length: number) => Math.max(Math.round(length * scale), Math.min(length, SHORTER_SIDE));
  return { width: side(width), height: side(height) };
}

function draw(bitmap: ImageBitmap): Pixels {
  const context = blankCanvas();
  honest ??= readsWhatIsDrawn(context);
  if (!honest) throw new Falsified("the canvas returns other pixels than were drawn");
  const { width, height } = drawnSize(bitmap.width, bitmap.height);
  try {
    context.drawImage(bitmap, 0, 0, width, height);
    return { rgba: context.getImageData(0, 0, width, height).data, width, height };
  } catch (error) {
    throw new Undecodable(String(error));
  } finally {
    context.clearRect(0, 0, LONGER_SIDE, LONGER_SIDE);
  }
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

/** Draws sixteen known greys and reads them back. Browsers that add a little noise pass, ones that randomise do not. */
function readsWhatIsDrawn(context: OffscreenCanvasRenderingContext2D): boolean {
  const greys = Array.from({ length: 16 }, (_, i) => ((i * 7) % 16) * 17);
  greys.forEach((grey, x) => {
    context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
    context.fillRect(x, 0, 1, 1);
  });
  const { data } = context.getImageData(0, 0, greys.length, 1);
  context.clearRect(0, 0, greys.length, 1);
  return greys.every((grey, x) => Math.abs((data[4 * x] ?? -1) - grey) <= 8);
}
