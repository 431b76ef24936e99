// What a developer would pick instead, bundled for the page.

import { bmvbhash } from "blockhash-core";
import { PerceptualHashBuilder } from "browser-image-hash";

/** blockhash-core takes pixels: all of them, as its own documentation does it. */
export async function blockhash(file) {
  const bitmap = await createImageBitmap(file);
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return bmvbhash(context.getImageData(0, 0, context.canvas.width, context.canvas.height), 16);
}

/** browser-image-hash takes a URL. */
export async function browserImageHash(file) {
  const url = URL.createObjectURL(file);
  try {
    return String(await new PerceptualHashBuilder().build(new URL(url)));
  } finally {
    URL.revokeObjectURL(url);
  }
}
