package media

import (
	"slices"

	"github.com/preseal/preseal/matcher/phash"
)

// MaxWindows is the most parts of a picture that are worth probing.
const MaxWindows = 4

const (
	level   = 1 << 8     // one step of an 8-bit sample
	plain   = 10 * level // samples this near to a bar's brightness belong to it
	looks   = 128        // samples of a line that are looked at
	deepest = 45         // percent of the picture that a bar may cover
)

// Windows returns the parts of a picture to hash: first the whole of it, then
// what remains if what senders put around pictures is cut away. That is
// uniform borders and letterboxes; bars of one brightness, with or without
// text, such as captions and the frames of screenshots; and any bar that ends
// in a straight edge across the whole width or height. The first window shares
// l's samples.
func Windows(l phash.Luma) []phash.Luma {
	whole := area{0, 0, l.W, l.H}
	found := []area{whole}
	add := func(a area) {
		if len(found) < MaxWindows && a.x1-a.x0 >= l.W/5 && a.y1-a.y0 >= l.H/5 && !slices.ContainsFunc(found, a.like) {
			found = append(found, a)
		}
	}
	borders := whole.cut(l, uniform)
	inside := borders
	for range 3 { // a screenshot has bars within bars
		inside = inside.cut(l, bar).cut(l, uniform)
	}
	add(inside)
	add(borders)
	add(borders.cut(l, edge))

	windows := []phash.Luma{l}
	for _, a := range found[1:] {
		windows = append(windows, a.of(l))
	}
	return windows
}

// An area is the columns x0 to x1 and the rows y0 to y1 of a picture, the last
// ones excluded.
type area struct{ x0, y0, x1, y1 int }

// like reports whether two areas are the same but for a sample or two.
func (a area) like(b area) bool {
	near := func(p, q int) bool { return p-q <= 2 && q-p <= 2 }
	return near(a.x0, b.x0) && near(a.y0, b.y0) && near(a.x1, b.x1) && near(a.y1, b.y1)
}

func (a area) of(l phash.Luma) phash.Luma {
	out := phash.Luma{W: a.x1 - a.x0, H: a.y1 - a.y0}
	out.Pix = make([]uint16, 0, out.W*out.H)
	for y := a.y0; y < a.y1; y++ {
		out.Pix = append(out.Pix, l.Pix[y*l.W+a.x0:y*l.W+a.x1]...)
	}
	return out
}

// A side is one of the four from which lines are counted inwards.
type side int

const (
	top side = iota
	bottom
	left
	right
)

// cut takes away as many lines of each side as measure says.
func (a area) cut(l phash.Luma, measure func(lines) int) area {
	for s := top; s <= right; s++ {
		n := measure(lines{l, a, s})
		switch s {
		case top:
			a.y0 += n
		case bottom:
			a.y1 -= n
		case left:
			a.x0 += n
		case right:
			a.x1 -= n
		}
	}
	return a
}

// lines are the rows or columns of an area, counted from one side.
type lines struct {
	l phash.Luma
	area
	side
}

// count returns how many lines there are.
func (v lines) count() int {
	if v.side == top || v.side == bottom {
		return v.y1 - v.y0
	}
	return v.x1 - v.x0
}

// line returns evenly spaced samples of line i: into buf, which has room for
// looks of them.
func (v lines) line(i int, buf *[looks]int32) []int32 {
	length := v.x1 - v.x0
	if v.side == left || v.side == right {
		length = v.y1 - v.y0
	}
	n := min(length, looks)
	out := buf[:n]
	for k := range out {
		at := (2*k + 1) * length / (2 * n)
		x, y := v.x0+at, v.y0+i
		switch v.side {
		case bottom:
			y = v.y1 - 1 - i
		case left:
			x, y = v.x0+i, v.y0+at
		case right:
			x, y = v.x1-1-i, v.y0+at
		}
		out[k] = int32(v.l.Pix[y*v.l.W+x])
	}
	return out
}

// uniform counts the lines that have one brightness, the same for all.
func uniform(v lines) int {
	var buf [looks]int32
	ground := middle(v.line(0, &buf))
	for i := range v.count() {
		if share(v.line(i, &buf), ground) < 0.98 {
			return past(i, v)
		}
	}
	return 0 // uniform all over: there is nothing inside
}

// bar counts the lines up to where the brightness of the first one no longer
// makes up a good part. What a bar holds besides, such as text, leaves that
// much of it free.
func bar(v lines) int {
	var buf [looks]int32
	first := v.line(0, &buf)
	ground := middle(first)
	if share(first, ground) < 0.7 {
		return 0
	}
	for i := range v.count() * deepest / 100 {
		if share(v.line(i, &buf), ground) < 0.3 {
			return past(i, v)
		}
	}
	return 0
}

// edge counts the lines before the sharpest change across the whole length.
func edge(v lines) int {
	var here, there [looks]int32
	best, cut := 0.75, 0
	for i := 2; i < v.count()*deepest/100; i++ {
		before, after := v.line(i-2, &here), v.line(i, &there)
		up, down := 0, 0
		for k, b := range before {
			switch d := after[k] - b; {
			case d > plain:
				up++
			case d < -plain:
				down++
			}
		}
		if score := float64(max(up, down)) / float64(len(before)); score > best {
			best, cut = score, i
		}
	}
	return cut
}

// past returns how many lines to cut if line i is the first of the inside:
// one more where scaling may have mixed it with what is outside.
func past(i int, v lines) int {
	if i == 0 || i+1 >= v.count() {
		return 0
	}
	return i + 1
}

// middle returns the median of a few samples.
func middle(line []int32) int32 {
	sorted := slices.Clone(line)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

// share returns how much of a line is as bright as ground.
func share(line []int32, ground int32) float64 {
	n := 0
	for _, v := range line {
		if d := v - ground; d <= plain && d >= -plain {
			n++
		}
	}
	return float64(n) / float64(len(line))
}
