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
 * Decodes the first frame of a picture with the browser: by ImageDecoder where there is one for the type, which is faster, and
 * since Firefox's createImageBitmap holds up the page's own thread, from a worker too.
 *
 * @throws Undecodable; PresealError `timeout`; the signal's reason.
 */
export async function decode(
  data: ArrayBuffer | Blob,
  type: string,
  timeout: number,
  signal: AbortSignal,
): Promise<Decoded> {
  const isKnown = typeof ImageDecoder !== "undefined" && (await ImageDecoder.isTypeSupported(type));
  return within(timeout, "decoding", signal, async (given) => {
    const decoded = await (isKnown ? byImageDecoder(data, type) : byBitmap(new Blob([data], { type })));
    if (given.aborted) decoded.close(); // nobody waits for it any more
    return decoded;
  }).catch((error: unknown) => {
    if (signal.aborted || error instanceof PresealError) throw error;
    throw new Undecodable(error, isKnown);
  });
}

async function byImageDecoder(given: ArrayBuffer | Blob, type: string): Promise<Decoded> {
  const data = given instanceof Blob ? given.stream() : given; // at once is faster
  const decoder = new ImageDecoder({ data, type, colorSpaceConversion: "none", preferAnimation: false });
  try {
    const { image } = await decoder.decode({ frameIndex: 0 });
    const size = { width: image.displayWidth, height: image.displayHeight };
    return { picture: image, decoder: "imagedecoder", ...size, close: () => image.close() };
  } finally {
    decoder.close();
  }
}

async function byBitmap(blob: Blob): Promise<Decoded> {
  const bitmap = await createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  const { width, height } = bitmap;
  return { picture: bitmap, decoder: "bitmap", width, height, close: () => bitmap.close() };
}
