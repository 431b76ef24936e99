package media

import (
	"github.com/preseal/preseal/matcher/phash"
)

// detail is about how many samples each axis keeps at least, where the
// picture has them: ample for a 64×64 plane, small enough to handle at leisure.
const detail = 512

// FromRGBA reduces a picture of straight-alpha RGBA rows, four bytes a pixel,
// to a luma plane whose axes have 384 to 1023 samples each (fewer only where
// the picture has fewer pixels). The plane shows the picture over white. If
// the picture is really transparent, black shows it over black; else it is nil.
func FromRGBA(pix []byte, w, h int) (white phash.Luma, black *phash.Luma, err error) {
	var r Reducer
	if err := r.Reset(RGBA, w, h); err != nil {
		return phash.Luma{}, nil, err
	}
	if err := r.Write(pix); err != nil {
		return phash.Luma{}, nil, err
	}
	return r.Luma()
}

// A Reducer does what FromRGBA does, of a picture that comes in strips, and
// reuses its memory: after the largest picture it allocates nothing. It begins
// with Reset and is not safe for concurrent use.
type Reducer struct {
	layout               Layout
	w, h, boxesX, boxesY int
	rows                 int   // taken so far, of h
	edges                []int // boxesX+1 columns where boxes begin

	// Opaque pixels are added up two at a time: a word of redBlue holds four 16-bit
	// sums, red and blue of even and of odd columns, and one of whole the sum of the
	// pixels as they are; see greens. A grain is 1, 2 or 4 such words beside each
	// other, which share a sum where they lie in one box anyway: loading and
	// storing sums takes most of the time. Of luma see addLuma. packed counts the
	// rows in the sums since they were spread over the boxes; a row adds up to
	// step × 255 to a sum.
	grain, step    int
	redBlue, whole []uint64
	packed         int
	luma           []uint64 // of each box: luma of opaque rows, 255 × 65536 a pixel at most
	cover          []uint64 // of each box: alpha
	glass          []uint64 // of each box: alpha × luma of transparent rows
	isGlass        bool     // the band has transparent rows

	white     []uint16
	black     []uint16 // nil as long as it is no other
	overBlack phash.Luma
	missing   uint64 // alpha lacking in the whole picture
}

// Reset begins a picture of w×h pixels. The planes of the one before are no
// longer valid.
func (r *Reducer) Reset(layout Layout, w, h int) error {
	if err := checkSize(w, h); err != nil {
		return err
	}
	r.layout = layout
	_, r.grain = boxWidth(w)
	r.edges = columns(r.edges[:0], w)
	r.w, r.h, r.boxesX, r.boxesY = w, h, len(r.edges)-1, boxRows(h)
	r.rows, r.packed, r.missing, r.isGlass = 0, 0, 0, false
	sums := (w + 2*r.grain - 1) / (2 * r.grain)
	r.step = r.grain
	if layout.isLuma() {
		sums, r.step = (w+7)/8, min(r.grain, 2)
	}
	for _, buf := range []*[]uint64{&r.redBlue, &r.whole} {
		*buf = zeros(*buf, sums)
	}
	for _, buf := range []*[]uint64{&r.luma, &r.cover, &r.glass} {
		*buf = zeros(*buf, r.boxesX)
	}
	if boxes := r.boxesX * r.boxesY; cap(r.white) < boxes {
		r.white = make([]uint16, 0, boxes)
	}
	r.white, r.black = r.white[:0], r.black[:0]
	return nil
}

// zeros returns n zeros, in the memory of buf if it has enough.
func zeros[E any](buf []E, n int) []E {
	if cap(buf) < n {
		return make([]E, n)
	}
	clear(buf[:n])
	return buf[:n]
}

// Write takes the next rows: whole ones, as many as there are in pix.
func (r *Reducer) Write(pix []byte) error {
	length := r.layout.Size() * r.w
	if len(pix) > length*(r.h-r.rows) || r.w == 0 || len(pix)%length != 0 {
		return fail(Undecodable, "%d bytes are not rows of a picture of %d×%d pixels, of which %d have come",
			len(pix), r.w, r.h, r.rows)
	}
	for len(pix) > 0 {
		taken := r.band(pix)
		if taken == 0 {
			taken = length
			r.row(pix[:length])
		}
		pix = pix[taken:]
	}
	return nil
}

// Opaque reports whether every row so far is opaque.
func (r *Reducer) Opaque() bool { return !r.isGlass && len(r.black) == 0 }

// Luma returns the planes of a picture whose rows have all come, like FromRGBA.
// They are valid until the next Reset. It counts as really transparent where a
// thousandth of it is see-through: less moves no bit of a hash.
func (r *Reducer) Luma() (white phash.Luma, black *phash.Luma, err error) {
	if r.rows < r.h || r.h == 0 {
		return phash.Luma{}, nil, fail(Undecodable, "%d of %d rows have come", r.rows, r.h)
	}
	white = phash.Luma{Pix: r.white, W: r.boxesX, H: r.boxesY}
	if r.missing > 255*uint64(r.w)*uint64(r.h)/1000 {
		r.overBlack = phash.Luma{Pix: r.black, W: r.boxesX, H: r.boxesY}
		black = &r.overBlack
	}
	return white, black, nil
}

// boxWidth returns how many columns most boxes of a picture have, and the grain
// of their sums. Wide boxes are whole grains, but for the last one.
func boxWidth(w int) (width, grain int) {
	switch width := max(1, w/detail); {
	case width >= 7:
		return (width + 1) &^ 7, 4
	case width >= 3:
		return 4, 2
	default:
		return width, 1
	}
}

// columns appends where boxes begin, from left to right, and the width.
func columns(buf []int, w int) []int {
	width, _ := boxWidth(w)
	boxes := w / width
	for i := range boxes {
		if width > 1 {
			buf = append(buf, i*width)
		} else {
			buf = append(buf, i*w/boxes)
		}
	}
	return append(buf, w)
}

// boxRows returns how many boxes are below each other. They are as high as each
// other, but for a row.
func boxRows(h int) int { return h / max(1, h/detail) }

// row takes the next row.
func (r *Reducer) row(row []byte) {
	const most = 257 // how often 255 fits into 16 bits
	if (r.packed+1)*r.step > most {
		r.spread(0)
	}
	// Nearly all rows are opaque: they are added at once, and taken away again
	// where one turns out not to be.
	switch {
	case r.layout.isLuma():
		r.addLuma(row)
		r.packed++
	case r.add(row, 0) || r.layout == BGRX:
		r.packed++
	default:
		r.subtract(row)
		r.transparent(row)
		r.isGlass = true
	}
	r.rows++
	if from, to := r.bandRows(); r.rows == to {
		r.endBand(to - from)
	}
}

// bandRows returns which rows the next row of boxes is made of: from one up to another.
func (r *Reducer) bandRows() (from, to int) {
	band := len(r.white) / r.boxesX
	return band * r.h / r.boxesY, (band + 1) * r.h / r.boxesY
}

// spread empties the sums of packed rows into those of boxes, from number done
// on.
func (r *Reducer) spread(done int) {
	if r.packed == 0 {
		return
	}
	if r.layout.isLuma() {
		r.spreadLuma(done)
	} else {
		r.spreadColours(done)
	}
	clear(r.redBlue)
	clear(r.whole)
	r.packed = 0
}

// endBand makes samples of a row of boxes.
func (r *Reducer) endBand(rows int) {
	n := len(r.white)
	r.white = r.white[:n+r.boxesX]
	white := r.white[n:]
	if r.isGlass {
		r.spread(0)
		r.endGlass(white, n, rows)
		return
	}
	done := 0
	if width := r.edges[1]; r.packed == rows && width <= 2*r.grain && width*rows < exact {
		// Boxes of the usual widths, all of which is there, and few enough pixels for
		// divisor.quick. The last may be wider.
		white := white[:r.boxesX-1]
		if r.layout.isLuma() {
			done = r.lumaBand(white, width, rows)
		} else {
			done = r.colourBand(white, width, rows)
		}
	}
	r.spread(done)
	r.samples(white, done, rows)
}

// samples makes those of a row of boxes from number done on, of which the sums are
// complete.
func (r *Reducer) samples(white []uint16, done, rows int) {
	var by divisor
	for i := done; i < len(white); i++ {
		if pixels := uint64((r.edges[i+1] - r.edges[i]) * rows); by.pixels != pixels {
			by = divisorOf(pixels)
		}
		white[i] = by.sample(r.luma[i])
	}
	if len(r.black) > 0 {
		r.black = append(r.black, white...)
	}
	clear(r.luma[done:])
	clear(r.cover[done:])
}

// endGlass is endBand where some rows are transparent. Before this band there
// are n samples.
func (r *Reducer) endGlass(white []uint16, n, rows int) {
	if len(r.black) == 0 {
		r.black = append(r.black[:0], r.white[:n]...)
	}
	for i, l := range r.luma {
		pixels := uint64((r.edges[i+1] - r.edges[i]) * rows)
		missing := 255*pixels - r.cover[i]
		r.missing += missing
		// One sample is luma / (65536 weight × pixels), times White.
		l += r.glass[i] / 255
		by := divisorOf(pixels)
		r.black = append(r.black, by.sample(l))
		white[i] = by.sample(l + missing<<16)
	}
	for _, sums := range [][]uint64{r.luma, r.cover, r.glass} {
		clear(sums)
	}
	r.isGlass = false
}

// upright applies an EXIF orientation (Exif 2.32, tag 0x0112).
func upright(l phash.Luma, orientation int) phash.Luma {
	if orientation < 2 || orientation > 8 {
		return l
	}
	mirrored := orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8
	flipped := orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7
	transposed := orientation >= 5
	out := phash.Luma{Pix: make([]uint16, len(l.Pix)), W: l.W, H: l.H}
	if transposed {
		out.W, out.H = l.H, l.W
	}
	for y := range out.H {
		for x := range out.W {
			sx, sy := x, y
			if transposed {
				sx, sy = y, x
			}
			if mirrored {
				sx = l.W - 1 - sx
			}
			if flipped {
				sy = l.H - 1 - sy
			}
			out.Pix[y*out.W+x] = l.Pix[sy*l.W+sx]
		}
	}
	return out
}
