import { isTruthful, readBack } from "./canvas.js";
import type { Desk } from "./check.js";
import { decode, Undecodable } from "./decode.js";
import { DECODED_FORMATS } from "./decoders.js";
import { type Engine, EngineError, type Sniffed } from "./engine.js";
import { copyRows } from "./frame.js";
import { type Reading, Slices, Unreadable } from "./read.js";
import { isUnsupportedReason, type Outcome, type Report } from "./verdict.js";

/** Why a file could not be checked as a picture. */
export type Gap = Extract<Outcome, { reason: unknown }>;

/** Formats that no browser decodes as a picture. */
const REFUSED: readonly string[] = ["svg", "pdf", "mp4", "webm", "avi"];

/** Formats whose pictures are turned by nothing but the orientation that the engine reads, if by that. */
const TURNED_BY_EXIF: readonly string[] = ["png", "gif", "bmp"];

/** How long a frame is kept, in milliseconds: to give its memory back holds up all threads, and the page waits for the verdict. */
const CLOSING = 20;

/** Formats that some browsers decode and others do not know. */
const RARE: readonly string[] = ["avif", "heic", "tiff"];

/**
 * Finds out what a file is by its content, and gives the engine its picture for the next check, upright: a JPEG is decoded by
 * the engine itself; of what the browser decodes the samples are copied, or it is drawn and read back, in strips; where the canvas
 * falsifies that, other decoders take its place.
 *
 * @returns why the file has no picture that can be checked here, if so.
 * @throws Unreadable; PresealError; EngineError; the signal's reason.
 */
export async function see(file: Reading, engine: Engine, report: Report, desk: Desk): Promise<Gap | undefined> {
  try {
    const sniffed = engine.call("sniff", file.source);
    report.format = sniffed.format;
    report.width = sniffed.width;
    report.height = sniffed.height;
    if (isUnsupportedReason(sniffed.unfit)) return unsupported(sniffed.unfit);
    if (REFUSED.includes(sniffed.format)) return unsupported("format");
    if (sniffed.format !== "jpeg") return await seeOther(file, sniffed, engine, report, desk);
    report.decoder = "jpeg";
    if (sniffed.scale) report.scale = sniffed.scale;
    // Of a baseline JPEG the engine wants all, and reads at once are the quicker ones.
    const all = sniffed.progressive ? undefined : await file.whole();
    file.sha256("beside"); // not before: two first reads at once take longer
    engine.call("decode", all instanceof ArrayBuffer ? new Uint8Array(all) : file.source, sniffed.orientation);
    return undefined;
  } catch (error) {
    desk.signal.throwIfAborted();
    if (file.source instanceof Slices && file.source.failure) throw new Unreadable(String(file.source.failure));
    if (error instanceof Undecodable) {
      return unsupported(RARE.includes(report.format) && !error.isKnown ? "format" : "undecodable");
    }
    if (error instanceof EngineError && isUnsupportedReason(error.code)) return unsupported(error.code);
    throw error;
  }
}

async function seeOther(
  file: Reading,
  sniffed: Sniffed,
  engine: Engine,
  report: Report,
  desk: Desk,
): Promise<Gap | undefined> {
  const { format, orientation } = sniffed;
  if (!isTruthful()) {
    if (!DECODED_FORMATS.includes(format)) return { kind: "unavailable", reason: "decoder-untrusted" };
    report.decoder = "fallback";
    engine.call("planes", await desk.decoders.decode(file.source, desk.signal));
    return undefined;
  }
  const data = await file.give();
  const decoded = await decode(data, sniffed, 3 * desk.timeout, desk.signal, () => file.sha256("beside"));
  report.decoder = decoded.decoder;
  try {
    const isUpright = TURNED_BY_EXIF.includes(format) && orientation === 1;
    const isCopied = "copyTo" in decoded.picture && (await copyRows(decoded.picture, isUpright, engine));
    if (!isCopied) readBack(decoded.picture, decoded, engine);
  } catch (error) {
    throw error instanceof DOMException ? new Undecodable(error, true) : error;
  } finally {
    setTimeout(decoded.close, CLOSING);
  }
  return undefined;
}

/** A gap that is the file's own. */
export function unsupported(reason: Extract<Gap, { kind: "unsupported" }>["reason"]): Gap {
  return { kind: "unsupported", reason };
}
