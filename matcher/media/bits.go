package media

import (
	"encoding/binary"
	"math/bits"
)

// A bitReader reads entropy-coded data (ITU-T T.81, F.1.2.3), the highest bit of
// a byte first. It stops before a marker and goes on with zeros.
//
// The data is copied without the zeros that are stuffed behind 0xff, and
// backwards, since processors load the lowest byte first: so the next bits are
// one load and a shift away wherever they begin, and whether there are enough is
// asked once a block.
//
//	0        low                bit/8      bit/8+8      window
//	| zeros… | what comes later … | the next 57 bits | passed |
type bitReader struct {
	*input
	window [window + 7]byte // the last 7 are never used: they spare checks of bounds
	low    int              // where the data ends
	bit    int              // where the next bit is, counted in bits, less 56
	ended  bool             // nothing follows before a marker or the end of the file
	wrong  bool             // there was a code that cannot be
}

const (
	window = 1 << 13
	// spare is more bytes than a block takes, 64 codes of 31 bits.
	spare = 256
	// near is where bit may say that there is less than a block.
	near = 8 * (spare + 16)
)

// restart forgets what is left of one interval, and begins the next.
func (b *bitReader) restart() {
	b.low, b.bit, b.ended = window, 8*(window-8)+7, false
	b.fill()
}

// check fails if what was read is not what the file holds.
func (b *bitReader) check() error {
	if b.spent() {
		return b.missing()
	}
	if b.wrong {
		return damaged("the coded data has a code that cannot be")
	}
	return nil
}

// spent reports whether bits behind the end of the data were taken.
func (b *bitReader) spent() bool { return b.bit+57 < 8*b.low }

// bitsAt returns 57 bits at least from bit on, at the top.
func bitsAt(data *[window + 7]byte, bit int) uint64 {
	return binary.LittleEndian.Uint64(data[bit>>3&(window-1):]) << (^bit & 7)
}

// open hands the state over to a loop: the next bits, of which acc has as many as
// have says, at the top, and where those behind them are. The loop brings have to
// 56 at least by
//
//	acc |= word(data, at) >> (have & 63)
//	at -= int((63 - have) >> 3)
//	have |= 56
//
// which it must do itself: inlined from a function, that costs it a fifth of its
// time. The bits behind those that are counted are the right ones, too; they just
// come again.
func (b *bitReader) open() (acc uint64, have uint, at int) {
	return bitsAt(&b.window, b.bit), 49 + uint(b.bit&7), b.bit>>3 - 7
}

// word returns the eight bytes that begin at a place, the highest first.
func word(data *[window + 7]byte, at int) uint64 {
	return binary.LittleEndian.Uint64(data[at&(window-1):])
}

// close takes the state back.
func (b *bitReader) close(have uint, at int) { b.bit = 8*at + 7 + int(have) }

// peek returns the next 57 bits at least, at the top.
func (b *bitReader) peek() uint64 {
	if b.bit < near {
		b.fill()
	}
	return bitsAt(&b.window, b.bit)
}

// symbol returns the symbol of the next code.
func (b *bitReader) symbol(h *huffman) byte {
	length, symbol := h.find(b.peek())
	if length == 0 {
		b.wrong = true
	}
	b.bit -= int(length)
	return symbol
}

// take returns the next count bits, 16 at most.
func (b *bitReader) take(count uint) int32 {
	v := int32(b.peek() >> 32 >> (32 - count))
	b.bit -= int(count)
	return v
}

// extended returns the next count bits as a coefficient.
func (b *bitReader) extended(count uint) int32 {
	v := extended(b.peek(), count)
	b.bit -= int(count)
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

// fill brings bit to near at least, unless bits behind the end were taken.
func (b *bitReader) fill() {
	if b.spent() {
		return
	}
	rest := b.window[b.low : b.bit>>3+8]
	moved := window - len(rest) - b.low
	copy(b.window[b.low+moved:], rest)
	b.low += moved
	b.bit += 8 * moved
	for !b.ended && b.low >= 16 {
		b.unstuff()
	}
	if b.ended {
		clear(b.window[max(0, b.low-spare-8):b.low])
	}
}

// unstuff copies data until the window is full, the data ends, or another chunk
// of the file is needed.
func (b *bitReader) unstuff() {
	data, buf, pos, low := &b.window, b.buf, b.pos, b.low
	for low >= 16 && pos+9 <= len(buf) {
		word := binary.LittleEndian.Uint64(buf[pos:])
		binary.LittleEndian.PutUint64(data[(low-8)&(window-1):], bits.ReverseBytes64(word))
		// A byte of the complement that is 0 borrows from its highest bit.
		full := (^word - 0x0101010101010101) & word & 0x8080808080808080
		if full == 0 {
			low -= 8
			pos += 8
			continue
		}
		n := bits.TrailingZeros64(full) >> 3 // bytes before 0xff
		if buf[pos+n+1] != 0 {
			low, pos, b.ended = low-n, pos+n, true
			break
		}
		low -= n + 1
		pos += n + 2
	}
	b.pos, b.low = pos, low
	if b.ended || low < 16 || b.more() {
		return
	}
	for ; b.pos < len(b.buf); b.pos++ {
		c := b.buf[b.pos]
		if c == 0xff {
			if b.pos+1 == len(b.buf) || b.buf[b.pos+1] != 0 {
				break
			}
			b.pos++
		}
		b.low--
		b.window[b.low] = c
	}
	b.ended = true
}
