import type { Sniffed } from "./engine.js";
import { PresealError } from "./errors.js";
import { within } from "./wait.js";

/** A picture that the browser decoded, upright, and by what. */
export interface Decoded {
  picture: CanvasImageSource;
  decoder: "imagedecoder" | "bitmap";
  width: number;
  height: number;
  close(): void;
}

/** The browser cannot decode the picture. `isKnown` says whether it claims to know the format. */
export class Undecodable extends Error {
  readonly isKnown: boolean;

  constructor(cause: unknown, isKnown: boolean) {
    super(String(cause));
    this.isKnown = isKnown;
  }
}

/**
 * The longest side of a frame in Chromium (its `limits::kMaxDimension`), and of a bitmap that it draws as it is. Firefox decodes
 * nothing that is longer.
 */
const LONGEST = { frame: 2 ** 15 - 1, bitmap: 2 ** 16 - 1 };

/**
 * Decodes the first frame of a picture with the browser: by ImageDecoder where there is one for the type, which is faster, and
 * since Firefox's createImageBitmap holds up the page's own thread, from a worker too. The data may be gone after that. Runs
 * `begun` as soon as the browser is busy, in a thread of its own.
 *
 * @throws Undecodable; PresealError `timeout`; the signal's reason.
 */
export async function decode(
  data: ArrayBuffer | Blob,
  { format, width, height }: Pick<Sniffed, "format" | "width" | "height">,
  timeout: number,
  signal: AbortSignal,
  begun: () => void,
): Promise<Decoded> {
  const type = `image/${format}`;
  const isKnown = typeof ImageDecoder !== "undefined" && (await ImageDecoder.isTypeSupported(type));
  const isFrame = isKnown && Math.max(width, height) <= LONGEST.frame;
  return within(timeout, "decoding", signal, async (given) => {
    const decoded = await (isFrame ? byImageDecoder(data, type, begun) : byBitmap(new Blob([data], { type }), begun));
    const isTooLong = isKnown && Math.max(decoded.width, decoded.height) > LONGEST.bitmap;
    if (given.aborted || isTooLong) decoded.close(); // nobody waits for it any more, or it would be drawn wrong
    if (isTooLong) throw new Undecodable(`${decoded.width}×${decoded.height} pixels`, isKnown);
    return decoded;
  }).catch((error: unknown) => {
    if (signal.aborted || error instanceof PresealError) throw error;
    throw new Undecodable(error, isKnown);
  });
}

async function byImageDecoder(given: ArrayBuffer | Blob, type: string, begun: () => void): Promise<Decoded> {
  const data = given instanceof Blob ? given.stream() : given; // at once is faster
  const transfer = data instanceof ArrayBuffer ? [data] : [];
  const decoder = new ImageDecoder({ data, transfer, type, colorSpaceConversion: "none", preferAnimation: false });
  try {
    const decoding = decoder.decode({ frameIndex: 0 }); // it waits for the tracks
    decoder.tracks.ready.catch(() => {}); // where they cannot be read, decoding fails
    begun();
    const { image } = await decoding;
    const size = { width: image.displayWidth, height: image.displayHeight };
    return { picture: image, decoder: "imagedecoder", ...size, close: () => image.close() };
  } finally {
    decoder.close();
  }
}

async function byBitmap(blob: Blob, begun: () => void): Promise<Decoded> {
  const decoding = createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  begun();
  const bitmap = await decoding;
  const { width, height } = bitmap;
  return { picture: bitmap, decoder: "bitmap", width, height, close: () => bitmap.close() };
}
