package media

import (
	"bytes"
	"encoding/binary"

	"github.com/preseal/preseal/matcher/phash"
)

// Markers (ITU-T T.81, table B.1).
const (
	markerSOF0, markerSOF15 = 0xc0, 0xcf // frames
	markerSOF1, markerSOF2  = 0xc1, 0xc2 // extended and progressive
	markerDHT               = 0xc4       // Huffman tables
	markerJPG, markerDAC    = 0xc8, 0xcc // no frames
	markerRST0, markerRST7  = 0xd0, 0xd7
	markerSOI, markerEOI    = 0xd8, 0xd9
	markerSOS               = 0xda // a scan
	markerDQT               = 0xdb // quantisation tables
	markerDRI               = 0xdd // restart interval
	markerAPP0, markerAPP14 = 0xe0, 0xee
	markerTEM               = 0x01
)

// segment finds the next marker that is not part of coded data.
func (in *input) segment() (byte, error) {
	for {
		marker, err := in.marker()
		if err != nil || marker != markerTEM && (marker < markerRST0 || marker > markerSOI) {
			return marker, err
		}
	}
}

// payload returns what a segment holds.
func (in *input) payload() ([]byte, error) {
	length, err := in.next(2)
	if err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length))
	if n < 2 {
		return nil, damaged("a segment is too short")
	}
	return in.next(n - 2)
}

// tables takes any segment but a scan.
func (d *decoder) tables(marker byte) error {
	in := d.bits.input
	switch {
	case marker == markerDQT, marker == markerDHT, marker == markerDRI, marker == markerAPP0, marker == markerAPP14:
	case marker >= markerSOF0 && marker <= markerSOF15 && marker != markerJPG && marker != markerDAC:
	default:
		length, err := in.next(2)
		if err != nil {
			return err
		}
		return in.skip(int64(binary.BigEndian.Uint16(length)) - 2)
	}
	p, err := in.payload()
	if err != nil {
		return err
	}
	switch marker {
	case markerDQT:
		return d.quantisation(p)
	case markerDHT:
		return d.codes(p)
	case markerDRI:
		if len(p) < 2 {
			return damaged("a restart interval is too short")
		}
		d.interval = int(binary.BigEndian.Uint16(p))
	case markerAPP0:
		d.jfif = d.jfif || bytes.HasPrefix(p, []byte("JFIF\x00"))
	case markerAPP14:
		if len(p) >= 12 && bytes.HasPrefix(p, []byte("Adobe")) {
			d.adobe, d.transform = true, p[11]
		}
	case markerSOF0, markerSOF1, markerSOF2:
		d.progressive = marker == markerSOF2
		return d.frame(p)
	default:
		return fail(Format, "the picture is lossless, hierarchical or arithmetic-coded (SOF%d)", marker-markerSOF0)
	}
	return nil
}

// quantisation takes the tables of a DQT segment (B.2.4.1).
func (d *decoder) quantisation(p []byte) error {
	for len(p) > 0 {
		wide, id := int(p[0]>>4), p[0]&15
		if wide > 1 || id > 3 {
			return damaged("a quantisation table has no place")
		}
		if p = p[1:]; len(p) < 64<<wide {
			return damaged("a quantisation table is too short")
		}
		table := new([64]uint16)
		for i := range table {
			if table[i] = uint16(p[i]); wide == 1 {
				table[i] = binary.BigEndian.Uint16(p[2*i:])
			}
		}
		d.quants[id], p = table, p[64<<wide:]
	}
	return nil
}

// codes takes the tables of a DHT segment (B.2.4.2).
func (d *decoder) codes(p []byte) error {
	for len(p) > 0 {
		class, id := p[0]>>4, p[0]&15
		if class > 1 || id > 3 {
			return damaged("a Huffman table has no place")
		}
		if len(p) < 17 {
			return damaged("a Huffman table is too short")
		}
		counts, total := (*[16]byte)(p[1:]), 0
		for _, n := range counts {
			total += int(n)
		}
		if p = p[17:]; total > 256 || total > len(p) {
			return damaged("a Huffman table is too short")
		}
		h, err := newHuffman(counts, p[:total])
		if err != nil {
			return err
		}
		if p = p[total:]; class == 0 {
			d.dc[id] = h
		} else {
			d.ac[id] = h
		}
	}
	return nil
}

// frame takes a frame header (B.2.2), chooses the scale and says which
// components are wanted.
func (d *decoder) frame(p []byte) error {
	if d.components != nil {
		return damaged("the file has two frame headers")
	}
	if len(p) < 6 || len(p) < 6+3*int(p[5]) {
		return damaged("a frame header is too short")
	}
	if p[0] != 8 {
		return fail(Format, "the picture has %d bits a sample", p[0])
	}
	d.height, d.width = int(binary.BigEndian.Uint16(p[1:])), int(binary.BigEndian.Uint16(p[3:]))
	if err := checkSize(d.width, d.height); err != nil {
		return err
	}
	n := int(p[5])
	if n != 1 && n != 3 && n != 4 {
		return fail(Format, "the picture has %d components", n)
	}
	for i := range n {
		q := p[6+3*i:]
		c := &component{number: i, id: q[0], h: int(q[1] >> 4), v: int(q[1] & 15), table: q[2]}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.table > 3 {
			return damaged("a component has no sampling factors, or no table")
		}
		for _, other := range d.components {
			if other.id == c.id {
				return damaged("two components have one name")
			}
		}
		for k := range c.coming {
			c.coming[k] = -1
		}
		d.hMost, d.vMost = max(d.hMost, c.h), max(d.vMost, c.v)
		d.components = append(d.components, c)
	}
	for _, c := range d.components {
		c.width, c.blocksX, c.strideX = measure(d.width, c.h, d.hMost)
		c.height, c.blocksY, c.strideY = measure(d.height, c.v, d.vMost)
	}
	if d.side == 0 {
		d.side = scale(d.width, d.height)
	}
	for k := range d.place {
		if d.place[k] = 63; kept(k, d.side) >= 0 {
			d.place[k], d.last = uint8(kept(k, d.side)), k
		}
	}
	d.want()
	return nil
}

// scale returns how many samples the edge of a block gets.
func scale(w, h int) int {
	n := 1
	for n < 8 && (max(w, h)*n < 8*enough || min(w, h)*n < 8*phash.Side) {
		n *= 2
	}
	return n
}

// measure returns the length of a component in its own pixels, where the
// picture's is n; how many blocks cover it, and with those that fill up groups.
func measure(n, factor, most int) (own, blocks, stride int) {
	own = (n*factor + most - 1) / most
	return own, (own + 7) / 8, (n + 8*most - 1) / (8 * most) * factor
}
