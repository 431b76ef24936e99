package phash

import "fmt"

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
// 64×64 and a target sample W×H, so all overlaps are whole numbers.
func (l Luma) average() *plane {
	var sums [Side * Side]uint64
	var row [Side]uint64
	for y := range l.H {
		squeeze(l.Pix[y*l.W:(y+1)*l.W], &row)
		for cell, end := y*Side/l.H, y*Side+Side; cell < Side && cell*l.H < end; cell++ {
			overlap := uint64(min(end, (cell+1)*l.H) - max(y*Side, cell*l.H))
			for x, v := range row {
				sums[cell*Side+x] += overlap * v
			}
		}
	}
	p, area := new(plane), uint64(l.W)*uint64(l.H)
	for i, s := range sums {
		p[i] = uint32((s + area/2) / area)
	}
	return p
}

// squeeze sums one row into 64 cells, each weighted with len(src) in all.
func squeeze(src []uint16, row *[Side]uint64) {
	w := len(src)
	for cell := range row {
		from, to := cell*w, (cell+1)*w
		first, last := from/Side, (to-1)/Side
		if first == last {
			row[cell] = uint64(w) * uint64(src[first])
			continue
		}
		sum := uint64((first+1)*Side-from) * uint64(src[first])
		whole := uint64(0)
		for _, v := range src[first+1 : last] {
			whole += uint64(v)
		}
		row[cell] = sum + Side*whole + uint64(to-last*Side)*uint64(src[last])
	}
}
