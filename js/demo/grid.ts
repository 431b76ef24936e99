import { svg } from "./dom.js";

const CELL = 20;

/**
 * Draws a 64-bit hash as 8×8 squares, frequencies rising from the top left corner: bit 63 is the lowest. A filled square is a
 * 1, an outlined one a 0; the larger a square, the larger its margin, by rank.
 */
export function phashGrid(phash: string, margins: Float32Array): SVGElement {
  const byMargin = [...margins.keys()].sort((a, b) => (margins[a] ?? 0) - (margins[b] ?? 0));
  const rank = new Map(byMargin.map((bit, place) => [bit, place]));
  const unsure = byMargin.slice(0, 5).map((bit) => {
    const index = 63 - bit;
    return `row ${Math.floor(index / 8) + 1} column ${(index % 8) + 1}`;
  });
  const label = `${describe("pHash", phash, 8)} The least certain bits, from the least: ${unsure.join(", ")}.`;
  return grid(phash, 8, label, (index) => ({ bit: 63 - index, size: 5 + ((rank.get(63 - index) ?? 0) / 63) * 12 }));
}

/** Draws a 256-bit hash as 16×16 squares, frequencies rising from the top left corner: bit 0 is the lowest. */
export function pdqGrid(pdq: string): SVGElement {
  return grid(pdq, 16, describe("PDQ", pdq, 16), (index) => ({ bit: index, size: 13 }));
}

/** Draws side × side squares. `place` says which bit of the hash a square shows, and how large. */
function grid(hash: string, side: number, label: string, place: (index: number) => { bit: number; size: number }) {
  const root = svg("svg", { viewBox: `0 0 ${side * CELL} ${side * CELL}`, role: "img", class: "grid" });
  root.setAttribute("aria-label", label);
  const value = BigInt(`0x${hash}`);
  for (let index = 0; index < side * side; index++) {
    const { bit, size } = place(index);
    const x = (index % side) * CELL + (CELL - size) / 2;
    const y = Math.floor(index / side) * CELL + (CELL - size) / 2;
    const kind = (value >> BigInt(bit)) & 1n ? "bit bit-1" : "bit bit-0";
    root.append(svg("rect", { x, y, width: size, height: size, rx: size / 5, class: kind }));
  }
  return root;
}

function describe(name: string, hash: string, side: number): string {
  const ones = BigInt(`0x${hash}`).toString(2).replaceAll("0", "").length;
  return `${name} ${hash} as ${side} by ${side} bits: ${ones} ones and ${side * side - ones} zeros.`;
}
