/** A JPEG segment that says how the picture is to be turned, for the place right behind the first two bytes of a file. */
export function exifSegment(orientation: number): Buffer {
  const tiff = Buffer.alloc(26);
  tiff.write("II*\0", "latin1");
  tiff.writeUInt32LE(8, 4); // where the directory is
  tiff.writeUInt16LE(1, 8); // entries
  tiff.writeUInt16LE(0x0112, 10);
  tiff.writeUInt16LE(3, 12); // of 16 bits
  tiff.writeUInt32LE(1, 14);
  tiff.writeUInt16LE(orientation, 18);
  const body = Buffer.concat([Buffer.from("Exif\0\0", "latin1"), tiff]);
  const head = Buffer.of(0xff, 0xe1, 0, 0);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([head, body]);
}
