package pictures

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// encoder writes the segments of a file.
type encoder struct {
	out     []byte
	restart int
	tokens  []token
	run     int    // blocks whose band has ended, not yet written
	after   []byte // the bits of coefficients in them
}

// token is what is coded: a symbol of a table, the bits behind it, or both.
type token struct {
	table  uint8 // 0: of DC, 1: of AC, or one of those below
	symbol uint8
	n      uint8
	bits   uint16
}

const (
	bitsAlone = 2 + iota
	restartMarker
)

// pass is what a scan brings: a band of frequencies, and which bits of them.
type pass struct{ from, to, high, low int }

func (e *encoder) segment(marker byte, payload []byte) {
	e.out = append(e.out, 0xff, marker)
	e.out = binary.BigEndian.AppendUint16(e.out, uint16(len(payload)+2))
	e.out = append(e.out, payload...)
}

// progressive writes the passes that libjpeg's default has, but for how many
// bits of DC come late.
func (e *encoder) progressive(planes []*plane, late int) {
	luma, others := planes[:1], planes[1:]
	e.scan(planes, pass{0, 0, 0, late})
	e.scan(luma, pass{1, 5, 0, 2})
	for i := range others {
		e.scan(others[i:i+1], pass{1, 63, 0, 1})
	}
	e.scan(luma, pass{6, 63, 0, 2})
	e.scan(luma, pass{1, 63, 2, 1})
	for ; late > 0; late-- {
		e.scan(planes, pass{0, 0, late, late - 1})
	}
	for i := range others {
		e.scan(others[i:i+1], pass{1, 63, 1, 0})
	}
	e.scan(luma, pass{1, 63, 1, 0})
}

func (e *encoder) scan(planes []*plane, s pass) {
	e.tokens = e.tokens[:0]
	last := make([]int, len(planes))
	p := planes[0]
	alone, across, down := len(planes) == 1, p.stride/p.h, p.rows/p.v
	if alone {
		across, down = p.blocksX, p.blocksY
	}
	for group := range across * down {
		if e.restart > 0 && group > 0 && group%e.restart == 0 {
			e.flush()
			clear(last)
			e.tokens = append(e.tokens, token{table: restartMarker, symbol: uint8(group / e.restart)})
		}
		for i, p := range planes {
			h, v := p.h, p.v
			if alone {
				h, v = 1, 1
			}
			for j := range h * v {
				at := (group/across*v+j/h)*p.stride + group%across*h + j%h
				e.block(&p.coefs[at], s, &last[i])
			}
		}
	}
	e.flush()

	header := []byte{byte(len(planes))}
	for _, p := range planes {
		header = append(header, byte(p.id), 0)
	}
	tables := [2]map[uint8]code{e.table(0), e.table(1)}
	e.segment(0xda, append(header, byte(s.from), byte(s.to), byte(s.high<<4|s.low)))
	e.write(tables)
}

func (e *encoder) put(table, symbol uint8, n int, bits int) {
	e.tokens = append(e.tokens, token{table, symbol, uint8(n), uint16(bits) & (1<<n - 1)})
}

// block codes one block (F.1.2, G.1.2).
func (e *encoder) block(coefs *[64]int16, s pass, last *int) {
	if s.from == 0 {
		v := int(coefs[0]) >> s.low
		if s.high > 0 {
			e.put(bitsAlone, 0, 1, v)
			return
		}
		n, code := magnitude(v - *last)
		e.put(0, uint8(n), n, code)
		*last = v
	}
	if s.to == 0 {
		return
	}
	if s.high > 0 {
		e.refine(coefs, s)
		return
	}
	zeros := 0
	for k := max(1, s.from); k <= s.to; k++ {
		v := int(coefs[zigzag[k]])
		if v < 0 {
			v = -(-v >> s.low)
		} else {
			v >>= s.low
		}
		if v == 0 {
			zeros++
			continue
		}
		e.flush()
		for ; zeros > 15; zeros -= 16 {
			e.put(1, 0xf0, 0, 0)
		}
		n, code := magnitude(v)
		e.put(1, uint8(zeros<<4|n), n, code)
		zeros = 0
	}
	if zeros == 0 {
		return
	}
	if s.from == 0 {
		e.put(1, 0, 0, 0)
	} else if e.run++; e.run == 0x7fff {
		e.flush()
	}
}

// refine codes one more bit of a block.
func (e *encoder) refine(coefs *[64]int16, s pass) {
	size := func(k int) int { return max(int(coefs[zigzag[k]]), -int(coefs[zigzag[k]])) >> s.low }
	end := 0 // the last coefficient that begins with this bit
	for k := s.from; k <= s.to; k++ {
		if size(k) == 1 {
			end = k
		}
	}
	zeros, corrections := 0, []byte(nil)
	corrected := func() {
		for _, bit := range corrections {
			e.put(bitsAlone, 0, 1, int(bit))
		}
		corrections = corrections[:0]
	}
	for k := s.from; k <= s.to; k++ {
		v := size(k)
		if v == 0 {
			zeros++
			continue
		}
		for zeros > 15 && k <= end {
			e.flush()
			e.put(1, 0xf0, 0, 0)
			corrected()
			zeros -= 16
		}
		if v > 1 {
			corrections = append(corrections, byte(v&1))
			continue
		}
		e.flush()
		sign := 1
		if coefs[zigzag[k]] < 0 {
			sign = 0
		}
		e.put(1, uint8(zeros<<4|1), 1, sign)
		corrected()
		zeros = 0
	}
	if zeros > 0 || len(corrections) > 0 {
		e.run++
		if e.after = append(e.after, corrections...); e.run == 0x7fff || len(e.after) > 900 {
			e.flush()
		}
	}
}

// flush writes the run of blocks that have ended.
func (e *encoder) flush() {
	if e.run > 0 {
		n := bits.Len(uint(e.run)) - 1
		e.put(1, uint8(n<<4), n, e.run)
	}
	for _, bit := range e.after {
		e.put(bitsAlone, 0, 1, int(bit))
	}
	e.run, e.after = 0, e.after[:0]
}

// magnitude returns how many bits a number has, and them (F.1.2.1).
func magnitude(v int) (n, code int) {
	n = bits.Len(uint(max(v, -v)))
	if v < 0 {
		v--
	}
	return n, v
}

type code struct{ bits, n int }

// codeLengths is how many codes have each length from 1 to 16: enough for all
// symbols, some of any length.
var codeLengths = [16]int{0, 1, 1, 2, 2, 4, 4, 8, 16, 32, 32, 32, 32, 32, 32, 26}

// table writes a Huffman table in which frequent symbols have short codes, if
// there are any.
func (e *encoder) table(class uint8) map[uint8]code {
	var counts [256]int
	for _, t := range e.tokens {
		if t.table == class {
			counts[t.symbol]++
		}
	}
	var symbols []uint8
	for s, n := range counts {
		if n > 0 {
			symbols = append(symbols, uint8(s))
		}
	}
	if len(symbols) == 0 {
		return nil
	}
	slices.SortStableFunc(symbols, func(a, b uint8) int { return cmp.Compare(counts[b], counts[a]) })
	payload, codes := make([]byte, 17), map[uint8]code{}
	payload[0] = class << 4
	next, at := 0, 0
	for i, n := range codeLengths {
		for ; n > 0 && at < len(symbols); n-- {
			codes[symbols[at]] = code{next, i + 1}
			payload[1+i]++
			next++
			at++
		}
		next <<= 1
	}
	e.segment(0xc4, append(payload, symbols...))
	return codes
}

// write codes all tokens.
func (e *encoder) write(tables [2]map[uint8]code) {
	acc, have := uint64(0), 0
	put := func(v, n int) {
		acc, have = acc<<n|uint64(v), have+n
		for ; have >= 8; have -= 8 {
			c := byte(acc >> (have - 8))
			if e.out = append(e.out, c); c == 0xff {
				e.out = append(e.out, 0)
			}
		}
	}
	fill := func() { put(1<<((8-have)%8)-1, (8-have)%8) }
	for _, t := range e.tokens {
		switch t.table {
		case restartMarker:
			fill()
			e.out = append(e.out, 0xff, 0xd0+(t.symbol-1)%8)
			continue
		case 0, 1:
			c := tables[t.table][t.symbol]
			put(c.bits, c.n)
		}
		put(int(t.bits), int(t.n))
	}
	fill()
}
