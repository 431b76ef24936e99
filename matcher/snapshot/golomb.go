package snapshot

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A golomb is a code for the gaps between sorted positions (Golomb 1966). Its
// divisor is (8 + mantissa) << exponent: close enough to the best one that a
// random set takes within 2 % of a bit of what Golomb's code can do at best, and
// quick, since the low bits are written as they are (Rice and Plaunt 1971). A gap
// g, with h = g >> exponent, is, least significant bit first,
//
//	h div (8 + mantissa) zeros │ 1 │ h mod (8 + mantissa) in 3 or 4 bits │ the low bits of g
//
// where the middle is truncated binary: numbers t below u = 8 - mantissa are
// three bits; others are (t+u) >> 1 in three bits and (t+u) & 1 in a fourth.
type golomb uint32

const (
	golombMantissa = 7
	golombMaxCode  = 48<<3 | golombMantissa
)

// golombFor returns the code for count random positions below m.
func golombFor(count, m uint64) golomb {
	best := math.Ln2 * float64(m) / float64(max(count, 1))
	code := golomb(0)
	for code < golombMaxCode && float64((code+1).divisor()+code.divisor()) <= 2*best {
		code++
	}
	return code
}

func (g golomb) exponent() uint       { return uint(g >> 3) }
func (g golomb) top() uint64          { return 8 + uint64(g&golombMantissa) }
func (g golomb) divisor() uint64      { return g.top() << g.exponent() }
func (g golomb) short() uint64        { return 16 - g.top() }
func (g golomb) minBits() uint64      { return 4 + uint64(g.exponent()) }
func (g golomb) most(m uint64) uint64 { return m >> g.exponent() } // of h

// write appends a gap.
func (g golomb) write(w *bitWriter, gap uint64) {
	e := g.exponent()
	h := gap >> e
	q, t := h/g.top(), h%g.top()
	for ; q >= 32; q -= 32 {
		w.write(0, 32)
	}
	w.write(1<<q, uint(q)+1)
	if u := g.short(); t < u {
		w.write(t, 3)
	} else {
		w.write((t+u)>>1|(t+u)&1<<3, 4)
	}
	w.write(gap&(1<<e-1), e)
}

// A gapReader takes gaps off data, which begins at any bit.
type gapReader struct {
	data []byte
	at   uint64 // the next bit
	most uint64 // of h: what is more would be too large a position anyway
	e    uint
	top  uint64
}

func (g golomb) reader(data []byte, at, m uint64) gapReader {
	return gapReader{data, at, g.most(m), g.exponent(), g.top()}
}

// next takes one gap, which is below 2m. It reports false where the data ends.
func (r *gapReader) next() (gap uint64, ok bool) {
	i := r.at >> 3
	if i+8 > uint64(len(r.data)) {
		return r.slow()
	}
	w := binary.LittleEndian.Uint64(r.data[i:]) >> (r.at & 7)
	q := uint(bits.TrailingZeros64(w))
	if q+r.e > 64-7-5 {
		return r.slow()
	}
	w >>= q + 1
	t := w & 7
	n, u := uint(3), 16-r.top
	if t >= u {
		t = t<<1 + w>>3&1 - u
		n = 4
	}
	h := uint64(q)*r.top + t
	r.at += uint64(q + 1 + n + r.e)
	return h<<r.e | w>>n&(1<<r.e-1), h <= r.most
}

// slow is next for gaps that do not lie within eight bytes.
func (r *gapReader) slow() (gap uint64, ok bool) {
	end := 8 * uint64(len(r.data))
	q := uint64(0)
	for r.at < end && r.bits(1) == 0 {
		if q++; q > r.most {
			return 0, false
		}
	}
	t, u := r.bits(3), 16-r.top
	if t >= u {
		t = t<<1 + r.bits(1) - u
	}
	h := q*r.top + t
	gap = h<<r.e | r.bits(r.e)
	return gap, h <= r.most && r.at <= end
}

// bits takes n bits; those beyond the end are zero.
func (r *gapReader) bits(n uint) (v uint64) {
	for i := range n {
		if at := r.at + uint64(i); at>>3 < uint64(len(r.data)) {
			v |= uint64(r.data[at>>3]>>(at&7)&1) << i
		}
	}
	r.at += uint64(n)
	return v
}

// ends reports whether only zeros that fill the last byte follow.
func (r *gapReader) ends() bool {
	left := 8*uint64(len(r.data)) - r.at
	return left < 8 && r.bits(uint(left)) == 0
}

// A bitWriter appends bits, least significant first.
type bitWriter struct {
	out  []byte
	word uint64
	n    uint // bits in word, below 8 between calls
}

// write appends the low n bits of v, 56 at most; the others must be zero.
func (w *bitWriter) write(v uint64, n uint) {
	w.word |= v << w.n
	w.n += n
	if w.n >= 8 {
		whole := w.n &^ 7
		w.out = binary.LittleEndian.AppendUint64(w.out, w.word)[:len(w.out)+int(whole/8)]
		w.word >>= whole // a shift by 64 leaves nothing
		w.n -= whole
	}
}

// copy appends the bits from to to of data.
func (w *bitWriter) copy(data []byte, from, to uint64) {
	skip, n, word, out := from&7, w.n, w.word, w.out
	for ; to-from >= 64 && from>>3+9 <= uint64(len(data)); from += 64 {
		eight := data[from>>3:][:9]
		v := binary.LittleEndian.Uint64(eight)>>skip | uint64(eight[8])<<(64-skip) // a shift by 64 leaves nothing
		out = binary.LittleEndian.AppendUint64(out, word|v<<n)
		word = v >> (64 - n)
	}
	w.word, w.out = word, out
	r := gapReader{data: data, at: from}
	for to > r.at {
		n := min(to-r.at, 56)
		w.write(r.bits(uint(n)), uint(n))
	}
}

// align fills the last byte with zeros.
func (w *bitWriter) align() { w.write(0, -w.n&7) }
