package snapshot

import (
	"bytes"
	"encoding/binary"
)

const (
	// MaxSnapshot is the size of the largest snapshot file, in bytes.
	MaxSnapshot = 256 << 20

	magic       = "preseal\n"
	major       = 1
	minor       = 0
	headerSize  = 64
	rowSize     = 128
	alignment   = 64
	maxSections = 64
	maxEntries  = 1 << 32
	kindBloom   = 1      // a bits-and-blooms filter in a zstd frame
	kindRice    = 2      // the set bits of one with a single hash function, Golomb coded
	kindPRF     = 3      // outputs of the confirmation's PRF, Golomb coded; of no lane
	critical    = 1 << 0 // flag: a reader that does not know the kind must reject the file
)

// A row is one line of the section table.
type row struct {
	kind, lane           uint16
	flags                uint32
	offset, length       uint64
	entries, bits        uint64
	k, keyBits           uint32
	seed                 [8]byte
	sum                  [32]byte
	reserved1, reserved2 []byte
}

func (r *row) encode(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, r.kind)
	b = binary.LittleEndian.AppendUint16(b, r.lane)
	b = binary.LittleEndian.AppendUint32(b, r.flags)
	for _, v := range []uint64{r.offset, r.length, r.entries, r.bits} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, r.k)
	b = binary.LittleEndian.AppendUint32(b, r.keyBits)
	b = append(b, r.seed[:]...)
	b = append(b, make([]byte, 8)...)
	b = append(b, r.sum[:]...)
	return append(b, make([]byte, 32)...)
}

func decodeRow(b []byte) row {
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	r := row{
		kind: binary.LittleEndian.Uint16(b), lane: binary.LittleEndian.Uint16(b[2:]),
		flags:  binary.LittleEndian.Uint32(b[4:]),
		offset: u64(8), length: u64(16), entries: u64(24), bits: u64(32),
		k: binary.LittleEndian.Uint32(b[40:]), keyBits: binary.LittleEndian.Uint32(b[44:]),
		reserved1: b[56:64], reserved2: b[96:128],
	}
	copy(r.seed[:], b[48:])
	copy(r.sum[:], b[64:])
	return r
}

// layOut writes a file of about size bytes: the header, the table and the
// sections, which add appends one by one. It sets the rows' offset and length, and
// encodes a row after its section, so that add can set the rest.
func layOut(version uint64, rows []row, size int, add func(i int, b []byte) ([]byte, error)) ([]byte, error) {
	b := make([]byte, 0, size)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, major)
	b = binary.LittleEndian.AppendUint16(b, minor)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(rows)))
	b = append(b, make([]byte, headerSize-len(b)+rowSize*len(rows))...)
	pad := func() { b = append(b, make([]byte, align(uint64(len(b)))-uint64(len(b)))...) }
	for i := range rows {
		pad()
		rows[i].offset = uint64(len(b))
		var err error
		if b, err = add(i, b); err != nil {
			return nil, err
		}
		rows[i].length = uint64(len(b)) - rows[i].offset
		rows[i].encode(b[headerSize+rowSize*i:][:0])
	}
	pad()
	binary.LittleEndian.PutUint64(b[16:], uint64(len(b)))
	binary.LittleEndian.PutUint64(b[24:], version)
	return b, nil
}

func align(n uint64) uint64 { return (n + alignment - 1) / alignment * alignment }

// headSize returns how long header and table are, given the header.
func headSize(header []byte) (int, error) {
	if len(header) < headerSize {
		return 0, failed(Corrupt, "the header is cut")
	}
	count := binary.LittleEndian.Uint32(header[12:])
	if count < 1 || count > maxSections {
		return 0, failed(Corrupt, "the section table does not fit with %d sections", count)
	}
	return headerSize + rowSize*int(count), nil
}

// decodeHead returns the section table of a file of size bytes: sections in
// order, without overlap. Their content and the padding remain to be checked.
func decodeHead(head []byte, size, version uint64) ([]row, error) {
	if string(head[:8]) != magic {
		return nil, failed(Corrupt, "the file does not begin like a snapshot")
	}
	if v := binary.LittleEndian.Uint16(head[8:]); v != major {
		return nil, failed(UnsupportedVersion, "the snapshot has format version %d, not %d", v, major)
	}
	switch {
	case binary.LittleEndian.Uint64(head[16:]) != size:
		return nil, failed(Corrupt, "the header gives another length than the file has")
	case binary.LittleEndian.Uint64(head[24:]) != version:
		return nil, failed(Corrupt, "the header gives another version than the manifest")
	case !allZero(head[32:headerSize]):
		return nil, failed(Corrupt, "reserved bytes of the header are not zero")
	}
	rows := make([]row, (len(head)-headerSize)/rowSize)
	end := uint64(len(head))
	for i := range rows {
		rows[i] = decodeRow(head[headerSize+rowSize*i:][:rowSize])
		r := &rows[i]
		switch {
		case r.offset != align(end) || r.offset > size || r.length > size-r.offset:
			return nil, failed(Corrupt, "section %d lies outside its place", i)
		case !allZero(r.reserved1) || !allZero(r.reserved2) || r.flags&^critical != 0:
			return nil, failed(Corrupt, "reserved bytes of section %d are not zero", i)
		}
		end = r.offset + r.length
	}
	if align(end) != size {
		return nil, failed(Corrupt, "bytes follow the last section")
	}
	return rows, nil
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
