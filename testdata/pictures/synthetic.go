package pictures

import (
	"image"
	"image/color"
)

// kinds of Synthetic, in the order of seed%8.
const (
	flat = iota
	linear
	radial
	checkerboard
	stripes
	text
	dot
	grid
	kinds
)

// Synthetic returns a drawn picture of w×h pixels, as hashes find hard. By
// seed%8 it is a flat fill, a linear or a radial gradient, a checkerboard,
// stripes, blocks set like lines of big text, a single dot, or thin lines; the
// rest of the seed chooses colours and sizes.
func Synthetic(seed uint64, w, h int) *image.NRGBA {
	r := rng(splitmix64(seed ^ 0x73796e74))
	ground := color.NRGBA{uint8(r.in(0, 255)), uint8(r.in(0, 255)), uint8(r.in(0, 255)), 255}
	ink := color.NRGBA{^ground.R, ground.G ^ 0x80, ^ground.B, 255}
	cell := max(1, min(w, h)/r.in(3, 12))
	x0, y0 := r.in(0, w-1), r.in(0, h-1)
	dx, dy := r.in(-8, 8), r.in(1, 8)
	words := r.next()

	// ratio is how much ink there is at a pixel, from 0 to one.
	hard := func(on bool) int {
		if on {
			return one
		}
		return 0
	}
	var ratio func(x, y int) int
	switch seed % kinds {
	case flat:
		ratio = func(_, _ int) int { return 0 }
	case linear:
		lo, span := min(0, dx*(w-1)), max(dx, -dx)*(w-1)+dy*(h-1)
		ratio = func(x, y int) int { return (x*dx + y*dy - lo) * one / max(span, 1) }
	case radial:
		ratio = func(x, y int) int {
			u, v := (x-x0)*one/max(w, h), (y-y0)*one/max(w, h)
			return min(one, (u*u+v*v)>>shift)
		}
	case checkerboard:
		ratio = func(x, y int) int { return hard((x/cell+y/cell)%2 == 1) }
	case stripes:
		ratio = func(x, y int) int { return hard((x*dx+y*dy+8*(w+h))/(4*cell)%2 == 1) }
	case text:
		ratio = func(x, y int) int { return hard(letters(words, x-cell, y-cell, w-2*cell, h-2*cell, max(1, cell/4))) }
	case dot:
		ratio = func(x, y int) int { return hard((x-x0)*(x-x0)+(y-y0)*(y-y0) <= 1+cell*cell/16) }
	case grid:
		ratio = func(x, y int) int { return hard(x%cell == 0 || y%cell == 0) }
	}

	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			t := ratio(x, y)
			part := func(a, b uint8) uint8 { return uint8(int(a) + (int(b)-int(a))*t>>shift) }
			img.SetNRGBA(x, y, color.NRGBA{part(ground.R, ink.R), part(ground.G, ink.G), part(ground.B, ink.B), 255})
		}
	}
	return img
}

// letters is true where a letter of the text block of w×h pixels has ink.
// Letters are 3 dots wide and 5 high on a pitch of 4 and 7.
func letters(words uint64, x, y, w, h, size int) bool {
	if x < 0 || y < 0 || x >= w || y >= h {
		return false
	}
	column, line := x/size, y/size
	u, v := column%4, line%7
	if u == 3 || v >= 5 {
		return false
	}
	letter := splitmix64(words + uint64(line/7*4096+column/4))
	return letter%6 != 0 && letter>>(8+3*v+u)&1 == 1 // one in six is a blank
}
