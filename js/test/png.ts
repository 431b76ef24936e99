import { crc32, deflateSync } from "node:zlib";

/** A chunk: length, type, data, checksum. */
function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

const SIGNATURE = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");

function header(width: number, height: number): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([8, 6], 8); // 8 bits per channel, RGBA
  return chunk("IHDR", data);
}

/** A PNG that says how large it is, and holds no pixels. */
export function pngHeader(width: number, height: number): Buffer {
  return Buffer.concat([
    SIGNATURE,
    header(width, height),
    chunk("IDAT", new Uint8Array()),
    chunk("IEND", new Uint8Array()),
  ]);
}

/** A PNG of RGBA rows. */
export function png(rgba: Uint8Array | Uint8ClampedArray, width: number, height: number): Buffer {
  const rows = Buffer.alloc(height * (4 * width + 1));
  for (let y = 0; y < height; y++) rows.set(rgba.subarray(4 * width * y, 4 * width * (y + 1)), y * (4 * width + 1) + 1);
  return Buffer.concat([
    SIGNATURE,
    header(width, height),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", new Uint8Array()),
  ]);
}

/** A picture with something to hash: waves of every direction and length, by a seed. */
export function waves(seed: number, width: number, height: number): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray(4 * width * height);
  const parts = Array.from({ length: 24 }, (_, i) => ({
    x: (((seed * 7919 + i * 104_729) % 97) / 97) * 40 - 20,
    y: (((seed * 6101 + i * 15_485) % 89) / 89) * 40 - 20,
    phase: (seed * 31 + i * 17) % 64,
  }));
  for (let at = 0; at < width * height; at++) {
    const [x, y] = [(at % width) / width, Math.floor(at / width) / height];
    const sum = parts.reduce((all, part) => all + Math.sin(part.x * x + part.y * y + part.phase), 0);
    rgba.fill(Math.round(128 + 18 * sum), 4 * at, 4 * at + 3);
    rgba[4 * at + 3] = 255;
  }
  return rgba;
}

/** The boxes of an AVIF that say how large it is, without a picture. */
export function avifHeader(width: number, height: number): Buffer {
  const size = Buffer.alloc(12);
  size.writeUInt32BE(width, 4);
  size.writeUInt32BE(height, 8);
  const properties = box("iprp", box("ipco", box("ispe", size)));
  return Buffer.concat([box("ftyp", Buffer.from("avif\0\0\0\0avifmif1")), box("meta", Buffer.alloc(4), properties)]);
}

function box(type: string, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat([Buffer.from(`\0\0\0\0${type}`), ...parts]);
  body.writeUInt32BE(body.length, 0);
  return body;
}
