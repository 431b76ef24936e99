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
		less := inside.cut(l, bar).cut(l, uniform)
		if less == inside {
			break
		}
		inside = less
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
func (a area) cut(l phash.Luma, measure func(*lines) int) area {
	for s := top; s <= right; s++ {
		switch n := measure(a.lines(l, s)); s {
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

// lines are the rows or columns of an area, counted from one side. Of each,
// evenly spaced samples are looked at.
type lines struct {
	pix     []uint16
	offsets []int // of the samples of line 0
	step    int   // from a line to the next
	count   int
}

func (a area) lines(l phash.Luma, s side) *lines {
	w, h := a.x1-a.x0, a.y1-a.y0
	v := &lines{pix: l.Pix, step: l.W, count: h}
	start, along, length := a.y0*l.W+a.x0, 1, w
	if s == left || s == right {
		v.step, v.count, along, length = 1, w, l.W, h
	}
	if s == bottom || s == right {
		start, v.step = start+(v.count-1)*v.step, -v.step
	}
	n := min(length, looks)
	v.offsets = make([]int, n)
	for k := range v.offsets {
		v.offsets[k] = start + (2*k+1)*length/(2*n)*along
	}
	return v
}

// middle returns the median of line 0.
func (v *lines) middle() int {
	samples := make([]uint64, len(v.offsets)) // which package probe sorts, too: code for one type is enough
	for k, at := range v.offsets {
		samples[k] = uint64(v.pix[at])
	}
	slices.Sort(samples)
	return int(samples[len(samples)/2])
}

// share returns how much of line i is as bright as ground.
func (v *lines) share(i, ground int) float64 {
	n := 0
	for _, at := range v.offsets {
		d := int(v.pix[at+i*v.step]) - ground
		n += 1 - int((uint(plain-d)|uint(plain+d))>>63)
	}
	return float64(n) / float64(len(v.offsets))
}

// past returns how many lines to cut if line i is the first of the inside:
// one more where scaling may have mixed it with what is outside.
func (v *lines) past(i int) int {
	if i == 0 || i+1 >= v.count {
		return 0
	}
	return i + 1
}

// uniform counts the lines that have one brightness, the same for all.
func uniform(v *lines) int {
	ground := v.middle()
	for i := range v.count {
		if v.share(i, ground) < 0.98 {
			return v.past(i)
		}
	}
	return 0 // uniform all over: there is nothing inside
}

// bar counts the lines up to where the brightness of the first one no longer
// makes up a good part. What a bar holds besides, such as text, leaves that
// much of it free.
func bar(v *lines) int {
	ground := v.middle()
	if v.share(0, ground) < 0.7 {
		return 0
	}
	for i := range v.count * deepest / 100 {
		if v.share(i, ground) < 0.3 {
			return v.past(i)
		}
	}
	return 0
}

// edge counts the lines before the sharpest change across the whole length.
func edge(v *lines) int {
	best, cut := len(v.offsets)*3/4, 0
	for i := apart; i < v.count*deepest/100; i++ {
		if n := v.change(i, best); n > best {
			best, cut = n, i
		}
	}
	return cut
}

// apart is between how many lines a change is looked for: scaling blurs an edge.
const apart = 2

// change returns how much of line i is brighter than the one apart before it, or
// darker if that is more. It looks no further when that is best at most.
func (v *lines) change(i, best int) int {
	up, down, offsets := 0, 0, v.offsets
	here, before := i*v.step, (i-apart)*v.step
	for len(offsets) > 0 && max(up, down)+len(offsets) > best {
		some := offsets[:min(len(offsets), 16)]
		offsets = offsets[len(some):]
		for _, at := range some {
			d := int(v.pix[at+here]) - int(v.pix[at+before])
			up += int(uint(plain-d) >> 63) // 1 if d is more: a branch would cost more
			down += int(uint(plain+d) >> 63)
		}
	}
	return max(up, down)
}
