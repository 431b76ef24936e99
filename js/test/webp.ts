// WebP files of several frames (RFC 9649), which browsers show and do not write.

/** An animation of the still picture and of a second frame like it. */
export function animatedWebp(still: Uint8Array, width: number, height: number): Buffer {
  const picture = Buffer.concat(coded(Buffer.from(still)));
  const header = Buffer.concat([Buffer.of(0x12, 0, 0, 0), number(width - 1), number(height - 1)]);
  const place = Buffer.concat([Buffer.alloc(6), number(width - 1), number(height - 1), number(100), Buffer.of(2)]);
  const frame = chunk("ANMF", Buffer.concat([place, picture]));
  const body = [Buffer.from("WEBP"), chunk("VP8X", header), chunk("ANIM", Buffer.alloc(6)), frame, frame];
  return chunk("RIFF", Buffer.concat(body));
}

/** The chunks that hold the picture, without the ones that describe the file. */
function coded(still: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 12; at + 8 <= still.length; ) {
    const end = at + 8 + still.readUInt32LE(at + 4);
    const type = still.toString("latin1", at, at + 4);
    if (["ALPH", "VP8 ", "VP8L"].includes(type)) chunks.push(still.subarray(at, end + (end & 1)));
    at = end + (end & 1);
  }
  return chunks;
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(3);
  bytes.writeUIntLE(value, 0, 3);
  return bytes;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`, "latin1");
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length & 1)]);
}
