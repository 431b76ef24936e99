package media

import "encoding/binary"

// jpeg walks through the segments up to the first scan (ITU-T T.81, annex B).
// Whether the coded data is whole is the decoder's to say.
func (f *file) jpeg(info *Info) error {
	at := int64(2)
	framed := false
	for range maxParts {
		var b [9]byte
		if err := f.read(at, b[:4]); err != nil {
			return err
		}
		if b[0] != 0xff {
			return fail(Undecodable, "no marker at byte %d", at)
		}
		marker, length := b[1], int64(binary.BigEndian.Uint16(b[2:]))
		switch {
		case marker == 0xff: // fill byte
			at++
			continue
		case marker == 0x01 || marker >= 0xd0 && marker <= 0xd8: // stands alone
			at += 2
			continue
		case marker == 0xda && framed:
			return nil
		case marker == 0xd9 || marker == 0xda || length < 2:
			return fail(Undecodable, "the file has no frame header")
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc:
			if err := f.read(at, b[:]); err != nil {
				return err
			}
			info.Height, info.Width = int(binary.BigEndian.Uint16(b[5:])), int(binary.BigEndian.Uint16(b[7:]))
			framed, info.Progressive = true, marker == 0xc2
		case marker == 0xe1 && info.Orientation == 1:
			info.Orientation = f.exifOrientation(at+4, at+2+length)
		}
		at += 2 + length
	}
	return fail(TooComplex, "more than %d segments before the first scan", maxParts)
}

// exifOrientation finds the orientation in the first directory of an EXIF
// segment. Anything malformed counts as upright, as it does in browsers.
func (f *file) exifOrientation(at, end int64) int {
	var head [6]byte
	if f.read(at, head[:]) != nil || string(head[:]) != "Exif\x00\x00" {
		return 1
	}
	return f.tiffOrientation(at+6, end)
}

// tiffOrientation finds it in the data that the segment, or a chunk of a PNG,
// holds.
func (f *file) tiffOrientation(at, end int64) int {
	const upright = 1
	var head [8]byte
	if f.read(at, head[:]) != nil {
		return upright
	}
	var order binary.ByteOrder
	switch string(head[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return upright
	}
	directory := at + int64(order.Uint32(head[4:]))
	var count [2]byte
	if directory+2 > end || f.read(directory, count[:]) != nil {
		return upright
	}
	for i := range int64(order.Uint16(count[:])) {
		var entry [12]byte
		entryAt := directory + 2 + 12*i
		if entryAt+12 > end || f.read(entryAt, entry[:]) != nil {
			return upright
		}
		const tagOrientation, typeShort = 0x0112, 3
		if order.Uint16(entry[:]) != tagOrientation {
			continue
		}
		if v := order.Uint16(entry[8:]); order.Uint16(entry[2:]) == typeShort && v >= 1 && v <= 8 {
			return int(v)
		}
		return upright
	}
	return upright
}
