import type { Engine, Layout } from "./engine.js";

/** How many bytes are copied at a time: as many as stay in the processor's cache. */
const STRIP = 2 ** 20;

/** The engine takes two, three or four rows at once, and two rows may share their colours. */
const TOGETHER = 12;

/** Luma is red, green and blue as BT.601 weighs them, which these are other names for. */
const BT601: readonly unknown[] = ["smpte170m", "bt470bg"];

/** The browser's types do not know all of it yet. */
type Frame = VideoFrame & { readonly rotation?: number; readonly flip?: boolean };

/**
 * Gives the engine a frame's samples as they were decoded, in strips from top to bottom: colours, or luma alone if that is a
 * plane of its own. It takes a tenth of the time that drawing does, and it is what `preseal build` has. `isUpright` says that
 * the file does not want its picture turned.
 *
 * @returns whether it did. A frame has to be drawn if it is to be turned, which older browsers do not say; if its colours are
 * of another kind; if it is wider than 2^17 pixels; if it is transparent, because browsers differ in whether colours are
 * multiplied by alpha; and if the copy fails, or the engine's memory has grown meanwhile: then it may have gone where nobody
 * looks.
 *
 * @throws DOMException; PresealError, EngineError, RangeError.
 */
export async function copyRows(frame: Frame, isUpright: boolean, engine: Engine): Promise<boolean> {
  const layout = layoutOf(frame);
  const { x, y, width, height } = frame.visibleRect ?? new DOMRectReadOnly();
  const isTurned = "rotation" in frame ? frame.rotation !== 0 || frame.flip !== false : !isUpright;
  if (!layout || isTurned || width !== frame.displayWidth || height !== frame.displayHeight) return false;
  const most = Math.floor(STRIP / (4 * width));
  if (most < 2) return false;
  const rows = most - (most % (most < TOGETHER ? 2 : TOGETHER));
  for (let from = 0; from < height; from += rows) {
    const taken = Math.min(rows, height - from);
    const rect = { x, y: y + from, width, height: taken };
    const size = frame.allocationSize({ rect });
    const room = engine.room(size);
    const [plane] = await frame.copyTo(room, { rect }).catch(() => []);
    const length = (isLuma(layout) ? 1 : 4) * width;
    if (room.length < size || plane?.offset !== 0 || plane.stride !== length) return false;
    if (!engine.rows(taken * length, layout, width, height, from)) return false;
  }
  return true;
}

/** How the engine calls the frame's first plane, if that is all it needs. */
function layoutOf({ format, colorSpace }: Frame): Layout | undefined {
  switch (format) {
    case "BGRX":
      return "bgrx";
    case "BGRA":
      return "bgra";
    case "I420":
    case "I422":
    case "I444":
    case "NV12":
      if (!BT601.includes(colorSpace.matrix) || colorSpace.fullRange === null) return undefined;
      return colorSpace.fullRange ? "luma" : "video-luma";
    default:
      return undefined;
  }
}

function isLuma(layout: Layout): boolean {
  return layout === "luma" || layout === "video-luma";
}
