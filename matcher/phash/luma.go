package phash

import (
	"fmt"
	"math"

	"github.com/preseal/preseal/matcher/internal/halves"
)

const (
	// Side is the edge of the square plane that is hashed, in samples.
	Side = 64
	// White is the brightest sample of a Luma: 255 with eight fractional bits.
	White = 255 << 8
	// MaxEdge is the longest edge of a Luma, in samples.
	MaxEdge = 1 << 14
)

// A Luma is a grey picture: W×H samples in rows from the top, each 0 (black)
// to White. Hashing squeezes it to a square, so its proportions do not matter.
type Luma struct {
	Pix  []uint16
	W, H int
}

func (l Luma) check() error {
	if l.W < 1 || l.H < 1 || l.W > MaxEdge || l.H > MaxEdge {
		return fmt.Errorf("a picture of %d×%d samples cannot be hashed: each edge must have 1 to %d", l.W, l.H, MaxEdge)
	}
	if len(l.Pix) != l.W*l.H {
		return fmt.Errorf("a picture of %d×%d needs %d samples, not %d", l.W, l.H, l.W*l.H, len(l.Pix))
	}
	return nil
}

// plane holds 64×64 samples, 0 to White.
type plane [Side * Side]uint32

// average squeezes l into a plane. Every sample is the exact mean of the area
// that it covers, rounded once: on a grid of W·64 × H·64, a source sample is
// 64×64 and a target sample W×H, so all overlaps are whole numbers: those of a
// column add up to H, which makes sums of 30 bits.
func (l Luma) average() *plane {
	p, area := new(plane), uint64(l.W)*uint64(l.H)
	across, down := cells(l.W), cells(l.H)
	sums, before := make([]uint64, halves.Len(l.W)), make([]uint64, 2*halves.Len(l.W)+2)
	for y := range down {
		d := &down[y]
		clear(sums)
		halves.Add(sums, l.row(d.first), d.head)
		for whole := d.first + 1; whole < d.last; whole++ {
			halves.Add(sums, l.row(whole), Side)
		}
		if d.tail > 0 {
			halves.Add(sums, l.row(d.last), d.tail)
		}
		accumulate(before, sums)
		for x := range across {
			c := &across[x]
			first, inner, last, end := before[c.first], before[c.first+1], before[c.last], before[c.last+1]
			sum := c.head*(inner-first) + Side*(last-inner) + c.tail*(end-last)
			p[y*Side+x] = uint32((sum + area/2) / area)
		}
	}
	return p
}

func (l Luma) row(y int) []uint16 { return l.Pix[y*l.W : (y+1)*l.W] }

// A cell covers the samples first to last of an axis: those two in part, with
// the weights head and tail, and the ones between them with Side. Where tail is 0
// there may be no sample last.
type cell struct {
	first, last int
	head, tail  uint64
}

// cells divides an axis of n samples, each of which has the weight Side.
func cells(n int) (out [Side]cell) {
	for i := range out {
		from, to := i*n, (i+1)*n
		c := cell{first: from / Side, last: (to - 1) / Side}
		c.head, c.tail = uint64((c.first+1)*Side-from), uint64(to-c.last*Side)
		if c.first == c.last {
			c.last, c.head, c.tail = c.first+1, uint64(n), 0
		}
		out[i] = c
	}
	return out
}

// accumulate makes before[i] the sum of the columns before number i.
func accumulate(before, sums []uint64) {
	sum := uint64(0)
	before[0] = 0
	for before = before[1:]; len(before) >= 4 && len(sums) >= 2; before, sums = before[4:], sums[2:] {
		to, s := (*[4]uint64)(before), (*[2]uint64)(sums)
		to[0] = sum + s[0]&math.MaxUint32
		to[1] = to[0] + s[1]&math.MaxUint32
		to[2] = to[1] + s[0]>>32
		sum = to[2] + s[1]>>32
		to[3] = sum
	}
}
