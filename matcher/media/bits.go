package media

import (
	"encoding/binary"
	"math/bits"
)

// A bitReader reads entropy-coded data (ITU-T T.81, F.1.2.3), the highest bit of
// a byte first. It stops before a marker and goes on with zeros.
type bitReader struct {
	*input
	acc   uint64 // the next n bits at the top, zeros below
	n     uint
	extra uint // how many zeros were added behind the end of the data
	ended bool
	wrong bool // there was a code that cannot be
}

// restart forgets the bits that are left of one interval.
func (b *bitReader) restart() { b.acc, b.n, b.extra, b.ended = 0, 0, 0, false }

// check fails if what was read is not what the file holds.
func (b *bitReader) check() error {
	if b.wrong {
		return damaged("the coded data has a code that cannot be")
	}
	if b.n < b.extra { // some were taken
		return b.missing()
	}
	return nil
}

// symbol returns the symbol of the next code.
func (b *bitReader) symbol(h *huffman) byte {
	if b.n < 32 {
		b.refill()
	}
	length, symbol := h.find(b.acc)
	if length == 0 {
		b.wrong = true
	}
	b.acc <<= length
	b.n -= length
	return symbol
}

// refill brings n to 32 at least.
func (b *bitReader) refill() {
	if word, ok := plainWord(b.buf, b.pos); ok && b.n <= 32 {
		b.acc |= uint64(bits.ReverseBytes32(word)) << (32 - b.n)
		b.n += 32
		b.pos += 4
		return
	}
	for b.n <= 48 {
		b.acc |= uint64(b.oneByte()) << (56 - b.n)
		b.n += 8
	}
}

// plainWord loads four bytes, and reports whether they are there and none of
// them is 0xff.
func plainWord(buf []byte, pos int) (word uint32, ok bool) {
	if pos+4 > len(buf) {
		return 0, false
	}
	word = binary.LittleEndian.Uint32(buf[pos:])
	// A byte of the complement that is 0 borrows from its highest bit.
	return word, (^word-0x01010101)&word&0x80808080 == 0
}

// oneByte returns the next byte of data, 0 behind its end.
func (b *bitReader) oneByte() byte {
	for !b.ended && b.pos+2 > len(b.buf) && b.more() { // 0xff says nothing alone
	}
	if b.ended || b.pos == len(b.buf) {
		b.ended = true
		b.extra += 8
		return 0
	}
	c := b.buf[b.pos]
	if c == 0xff {
		if b.pos+1 == len(b.buf) || b.buf[b.pos+1] != 0 {
			b.ended = true
			b.extra += 8
			return 0
		}
		b.pos++
	}
	b.pos++
	return c
}

// take returns the next count bits, 16 at most.
func (b *bitReader) take(count uint) int32 {
	if b.n < 32 {
		b.refill()
	}
	v := int32(b.acc >> 32 >> (32 - count))
	b.acc <<= count
	b.n -= count
	return v
}

// extended returns the next count bits as a coefficient.
func (b *bitReader) extended(count uint) int32 {
	if b.n < 32 {
		b.refill()
	}
	v := extended(b.acc, count)
	b.acc <<= count
	b.n -= count
	return v
}

// extended makes a coefficient of the bits at the top: half of the numbers of
// that many bits stand for negative ones (F.2.2.1, EXTEND).
func extended(acc uint64, count uint) int32 {
	v := int32(acc >> 1 >> ((63 - count) & 63))
	if int64(acc) >= 0 {
		v -= 1<<(count&31) - 1
	}
	return v
}
