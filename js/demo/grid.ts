import { svg } from "./dom.js";

/** Order of the hash's bits as goimagehash writes them: the lowest frequency first, as bit 63. */
function bitAt(index: number): number {
  return 63 - index;
}

const CELL = 20;

/**
 * Draws a 64-bit hash as 8×8 squares, frequencies rising from the top left corner. A filled square is a 1, an outlined
 * one a 0; the larger a square, the larger its margin, by rank.
 */
export function hashGrid(phash: string, margins: Float32Array): SVGElement {
  const hash = BigInt(`0x${phash}`);
  const isSet = (bit: number) => ((hash >> BigInt(bit)) & 1n) === 1n;
  const byMargin = [...margins.keys()].sort((a, b) => (margins[a] ?? 0) - (margins[b] ?? 0));
  const rank = new Map(byMargin.map((bit, place) => [bit, place]));

  const root = svg("svg", { viewBox: `0 0 ${8 * CELL} ${8 * CELL}`, role: "img", class: "grid" });
  root.setAttribute("aria-label", describe(phash, byMargin, isSet));
  for (let index = 0; index < 64; index++) {
    const bit = bitAt(index);
    const size = 5 + ((rank.get(bit) ?? 0) / 63) * 12;
    const x = (index % 8) * CELL + (CELL - size) / 2;
    const y = Math.floor(index / 8) * CELL + (CELL - size) / 2;
    const kind = isSet(bit) ? "bit bit-1" : "bit bit-0";
    root.append(svg("rect", { x, y, width: size, height: size, rx: size / 5, class: kind }));
  }
  return root;
}

function describe(phash: string, byMargin: number[], isSet: (bit: number) => boolean): string {
  const ones = byMargin.filter(isSet).length;
  const unsure = byMargin.slice(0, 5).map((bit) => {
    const index = 63 - bit;
    return `row ${Math.floor(index / 8) + 1} column ${(index % 8) + 1}`;
  });
  return `Hash ${phash} as 8 by 8 bits: ${ones} ones and ${64 - ones} zeros. The least certain bits, from the least: ${unsure.join(", ")}.`;
}
