package phash

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

const (
	pdqEdge = 16                // the block of frequencies has 16×16 coefficients
	pdqBits = pdqEdge * pdqEdge // and as many bits
)

// A PDQ is a 256-bit PDQ hash in the order of its hexadecimal form: the bit of
// the coefficient in row i and column j, counted from 0, is number 16·i + j,
// and number 255 is the highest bit of the first byte.
type PDQ [32]byte

// String returns the hash as 64 hexadecimal digits.
func (h PDQ) String() string { return hex.EncodeToString(h[:]) }

// ParsePDQ reads 64 hexadecimal digits.
func ParsePDQ(s string) (PDQ, error) {
	var h PDQ
	if len(s) != 2*len(h) {
		return PDQ{}, fmt.Errorf("a pdq has %d hexadecimal digits, not %d", 2*len(h), len(s))
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return PDQ{}, fmt.Errorf("pdq %.20q is not hexadecimal", s)
	}
	return h, nil
}

// Distance returns the number of bits, 0 to 256, in which two hashes differ.
func (h PDQ) Distance(other PDQ) int {
	d := 0
	for i := range h {
		d += bits.OnesCount8(h[i] ^ other[i])
	}
	return d
}

func (h *PDQ) bit(n int) bool { return h[31-n/8]>>(n%8)&1 == 1 }
func (h *PDQ) set(n int)      { h[31-n/8] |= 1 << (n % 8) }

// Key returns the hash's n lowest-frequency bits, 1 to 64, as a number: the
// lowest frequency highest.
func (h PDQ) Key(n int) uint64 {
	key := uint64(0)
	for _, number := range lowest[:n] {
		key <<= 1
		if h.bit(number) {
			key |= 1
		}
	}
	return key
}

// lowest numbers the 64 bits of lowest frequency: by the sum of row and column,
// then by row.
var lowest = func() (order [64]int) {
	n := 0
	for sum := 0; n < len(order); sum++ {
		for row := 0; row <= sum && n < len(order); row++ {
			order[n] = pdqEdge*row + sum - row
			n++
		}
	}
	return order
}()

// A Spectrum is the 16×16 block of frequencies that a PDQ hash compares with
// their median: rows first, without the mean brightness.
type Spectrum [pdqBits]int64

// Orientation is one of the eight ways to mirror and turn a picture.
type Orientation int

// Upright is the picture as it is; the other orientations are below Orientations.
const (
	Upright      Orientation = 0
	Orientations Orientation = 8

	mirrored   Orientation = 1 // left and right exchanged
	flipped    Orientation = 2 // top and bottom exchanged
	transposed Orientation = 4 // rows and columns exchanged, before the others
)

// Turn returns the spectrum of the picture in another orientation. Mirroring
// an axis changes the sign of its odd frequencies; nothing is hashed anew.
func (s *Spectrum) Turn(o Orientation) *Spectrum {
	out := new(Spectrum)
	for i := range pdqEdge {
		for j := range pdqEdge {
			v := s[pdqEdge*i+j]
			if o&transposed != 0 {
				v = s[pdqEdge*j+i]
			}
			// The block begins with frequency 1: even indices are odd frequencies.
			if o&mirrored != 0 && j%2 == 0 {
				v = -v
			}
			if o&flipped != 0 && i%2 == 0 {
				v = -v
			}
			out[pdqEdge*i+j] = v
		}
	}
	return out
}

// PDQ returns the hash: a bit is set where the coefficient is above the median.
func (s *Spectrum) PDQ() PDQ {
	var h PDQ
	low, _ := s.medians()
	for n, v := range s {
		if v > low {
			h.set(n)
		}
	}
	return h
}

// Margins returns how far the coefficients of the n bits of Key lie from the
// threshold; element i belongs to the key's bit 1<<i.
func (s *Spectrum) Margins(n int) []float32 {
	low, high := s.medians()
	margins := make([]float32, n)
	for i, number := range lowest[:n] {
		// The threshold may lie anywhere between the two middle coefficients.
		d := 2*s[number] - low - high
		margins[n-1-i] = float32(max(d, -d))
	}
	return margins
}

// unsure counts the margins of the 64 lowest frequencies that are below half a
// step of brightness in the orthonormal transform. That one has 1/32 of the
// values here; besides, Margins are twice the distance, samples have 256 parts
// of a step, and cosines 2^14.
func (s *Spectrum) unsure() int {
	const half = (White / 255 / 2) * 2 * (Side / 2) << 28
	n := 0
	for _, m := range s.Margins(len(lowest)) {
		if m < half {
			n++
		}
	}
	return n
}

// medians returns the two middle coefficients. The reference takes the lower
// one, so that exactly half of the bits are set unless coefficients are equal.
func (s *Spectrum) medians() (low, high int64) {
	parted := *s
	part(parted[:], pdqBits/2-1)
	return parted[pdqBits/2-1], slices.Min(parted[pdqBits/2:])
}

// part moves the element that sorting would put at k there, behind what is not
// greater (Hoare, "Algorithm 65: find", 1961): it takes a fraction of the time.
func part(v []int64, k int) {
	for from, to := 0, len(v)-1; from < to; {
		pivot, i, j := v[k], from, to
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for pivot < v[j] {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i, j = i+1, j-1
			}
		}
		if j < k {
			from = i
		}
		if k < i {
			to = j
		}
	}
}

// cosines holds the first halves of the rows 1 to 16 of the 64-point discrete
// cosine transform, in 1/2^14. Whole numbers make every sum exact: the same on
// every processor.
var cosines = func() (c [pdqEdge][Side / 2]int64) {
	for i := range c {
		for j := range c[i] {
			c[i][j] = int64(math.Round(math.Cos(math.Pi*float64((i+1)*(2*j+1))/(2*Side)) * (1 << 14)))
		}
	}
	return c
}()

// spectrum transforms the plane: rows by cosines, then columns. A coefficient
// is at most 2^14 · 2^14 · 2^16 · 2^12 = 2^56.
func (p *plane) spectrum() *Spectrum {
	var rows [Side][pdqEdge]int64
	for y := range rows {
		row := p[y*Side : (y+1)*Side]
		// The second half of a cosine is the first one mirrored, and in the odd
		// frequencies, whose indices are even, with the other sign.
		var sums [2][Side / 2]int64
		for x := range Side / 2 {
			a, b := int64(row[x]), int64(row[Side-1-x])
			sums[0][x], sums[1][x] = a-b, a+b
		}
		for j := range rows[y] {
			rows[y][j] = dot(&cosines[j], &sums[j%2])
		}
	}
	s := new(Spectrum)
	for j := range pdqEdge {
		var sums [2][Side / 2]int64
		for y := range Side / 2 {
			a, b := rows[y][j], rows[Side-1-y][j]
			sums[0][y], sums[1][y] = a-b, a+b
		}
		for i := range pdqEdge {
			s[pdqEdge*i+j] = dot(&cosines[i], &sums[i%2])
		}
	}
	return s
}

func dot(c, v *[Side / 2]int64) (sum int64) {
	for x := 0; x < Side/2; x += 4 {
		sum += c[x]*v[x] + c[x+1]*v[x+1] + c[x+2]*v[x+2] + c[x+3]*v[x+3]
	}
	return sum
}
