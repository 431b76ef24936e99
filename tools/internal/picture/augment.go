package picture

import (
	"math"

	"github.com/preseal/preseal/matcher/phash"
)

// An Augmentation changes a picture as people do who pass it on, so that its key can be listed as well.
type Augmentation struct {
	Name  string
	Apply func(phash.Luma) phash.Luma
}

// Augmentations are the changes worth a key of their own, the most useful first.
var Augmentations = []Augmentation{
	{"crop 3 %", crop(3, 3, 3, 3)},
	{"rotate 1.5°", rotate(1.5)},
	{"rotate -1.5°", rotate(-1.5)},
	{"crop 5 %", crop(5, 5, 5, 5)},
	{"crop 8 % of the bottom", crop(0, 0, 0, 8)},
	{"crop 8 % of the top", crop(0, 8, 0, 0)},
	{"crop 8 % of the left", crop(8, 0, 0, 0)},
	{"crop 8 % of the right", crop(0, 0, 8, 0)},
	{"rotate 3°", rotate(3)},
	{"rotate -3°", rotate(-3)},
}

// crop cuts percents of the width and height off the sides.
func crop(left, top, right, bottom int) func(phash.Luma) phash.Luma {
	return func(l phash.Luma) phash.Luma {
		x0, y0 := l.W*left/100, l.H*top/100
		x1, y1 := l.W-l.W*right/100, l.H-l.H*bottom/100
		out := phash.Luma{Pix: make([]uint16, 0, (x1-x0)*(y1-y0)), W: x1 - x0, H: y1 - y0}
		for y := y0; y < y1; y++ {
			out.Pix = append(out.Pix, l.Pix[y*l.W+x0:y*l.W+x1]...)
		}
		return out
	}
}

// rotate turns a picture clockwise about its middle and keeps its size. The corners that come in from outside repeat the
// edge. Whole numbers make the result the same on every processor.
func rotate(degrees float64) func(phash.Luma) phash.Luma {
	const one, half = 1 << 16, 1 << 15
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	s, c := int64(math.Round(sin*one)), int64(math.Round(cos*one))
	return func(l phash.Luma) phash.Luma {
		out := phash.Luma{Pix: make([]uint16, l.W*l.H), W: l.W, H: l.H}
		// Twice the distance from the middle is a whole number.
		for y := range l.H {
			dy := int64(2*y + 1 - l.H)
			for x := range l.W {
				dx := int64(2*x + 1 - l.W)
				u := (c*dx+s*dy)/2 + int64(l.W)*half - half
				v := (c*dy-s*dx)/2 + int64(l.H)*half - half
				out.Pix[y*l.W+x] = sample(l, u, v)
			}
		}
		return out
	}
}

// sample interpolates between the four samples around a point, which is given in 1/65,536.
func sample(l phash.Luma, u, v int64) uint16 {
	const one = 1 << 16
	u = min(max(u, 0), int64(l.W-1)*one)
	v = min(max(v, 0), int64(l.H-1)*one)
	x, y, fx, fy := int(u/one), int(v/one), u%one, v%one
	right, below := min(x+1, l.W-1)-x, (min(y+1, l.H-1)-y)*l.W
	at := y*l.W + x
	upper := int64(l.Pix[at])*(one-fx) + int64(l.Pix[at+right])*fx
	lower := int64(l.Pix[at+below])*(one-fx) + int64(l.Pix[at+below+right])*fx
	return uint16((upper*(one-fy) + lower*fy + 1<<31) >> 32)
}
