package media

import (
	"encoding/binary"

	"github.com/preseal/preseal/matcher/phash"
)

const (
	// detail is about how many samples each axis keeps at least, where the
	// picture has them: ample for a 64×64 plane, small enough to handle at leisure.
	detail = 512

	// BT.601 luma in 1/65536, as image/color has it too.
	lumaR, lumaG, lumaB = 19595, 38470, 7471

	evens = 0x00ff00ff00ff00ff // every other byte of eight
	alpha = 0xff000000ff000000 // the alpha bytes of two pixels
)

// FromRGBA reduces a picture of straight-alpha RGBA rows, four bytes a pixel,
// to a luma plane whose axes have 448 to 1023 samples each (fewer only where
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

	// Opaque pixels are added up two at a time: a word holds four 16-bit sums,
	// red and blue (or green and alpha) of even and of odd columns. A grain is
	// 1, 2 or 4 such words beside each other, which share a sum where they lie
	// in one box anyway: loading and storing sums takes most of the time. Of luma,
	// redBlue holds even columns and greenAlpha odd ones, eight to two words.
	// packed counts the words in each sum since they were spread over the boxes.
	grain               int
	redBlue, greenAlpha []uint64
	packed              int
	luma                []uint64 // of each box: alpha × luma, 255 × 65536 × 255 a pixel at most
	cover               []uint64 // of each box: alpha

	white, black []uint16
	overBlack    phash.Luma
	missing      uint64 // alpha lacking in the whole picture
	seeThrough   bool   // some alpha lacks
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
	r.rows, r.packed, r.missing, r.seeThrough = 0, 0, 0, false
	sums := (w + 2*r.grain - 1) / (2 * r.grain)
	if layout.isLuma() {
		sums = (w + 7) / 8
	}
	for _, buf := range []*[]uint64{&r.redBlue, &r.greenAlpha} {
		*buf = zeros(*buf, sums)
	}
	for _, buf := range []*[]uint64{&r.luma, &r.cover} {
		*buf = zeros(*buf, r.boxesX)
	}
	if boxes := r.boxesX * r.boxesY; cap(r.white) < boxes {
		r.white, r.black = make([]uint16, 0, boxes), make([]uint16, 0, boxes)
	}
	r.white, r.black = r.white[:0], r.black[:0]
	return nil
}

// zeros returns n zeros, in the memory of buf if it has enough.
func zeros(buf []uint64, n int) []uint64 {
	if cap(buf) < n {
		return make([]uint64, n)
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
	for ; len(pix) > 0; pix = pix[length:] {
		r.row(pix[:length])
	}
	return nil
}

// Opaque reports whether every row so far is opaque.
func (r *Reducer) Opaque() bool { return !r.seeThrough }

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
	case width >= 4:
		return 4, 2
	default:
		return width, 1
	}
}

// columns appends where boxes begin, from left to right, and the width.
func columns(buf []int, w int) []int {
	width, grain := boxWidth(w)
	boxes := w / width
	for i := range boxes {
		if grain > 1 {
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
	if r.packed+r.grain > most {
		r.spread()
	}
	// Nearly all rows are opaque: they are added at once, and taken away again
	// where one turns out not to be.
	switch {
	case r.layout.isLuma():
		r.addLuma(row)
		r.packed++
	case r.add(row) || r.layout == BGRX:
		r.packed += r.grain
	default:
		r.subtract(row)
		r.transparent(row)
		r.seeThrough = true
	}
	r.endRow()
}

// add adds a row and reports whether it is opaque.
func (r *Reducer) add(row []byte) bool {
	all, i := uint64(alpha), 0
	redBlue, greenAlpha := r.redBlue, r.greenAlpha[:len(r.redBlue)]
	// Arrays of a known length: one check of bounds for all their elements.
	switch r.grain {
	case 4:
		for ; 32*i+32 <= len(row); i++ {
			p := (*[32]byte)(row[32*i:])
			a, b := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
			c, d := binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
			redBlue[i] += a&evens + b&evens + c&evens + d&evens
			greenAlpha[i] += a>>8&evens + b>>8&evens + c>>8&evens + d>>8&evens
			all &= a & b & c & d
		}
	case 2:
		for ; 16*i+16 <= len(row); i++ {
			p := (*[16]byte)(row[16*i:])
			a, b := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
			redBlue[i] += a&evens + b&evens
			greenAlpha[i] += a>>8&evens + b>>8&evens
			all &= a & b
		}
	default:
		for ; 8*i+8 <= len(row); i++ {
			a := binary.LittleEndian.Uint64(row[8*i:])
			redBlue[i] += a & evens
			greenAlpha[i] += a >> 8 & evens
			all &= a
		}
	}
	for j := i * r.grain; 8*j < len(row); j++ {
		two := pair(row, j)
		redBlue[i] += two & evens
		greenAlpha[i] += two >> 8 & evens
		if 8*j+4 == len(row) {
			two |= 0xff << 56 // no pixel is there
		}
		all &= two
	}
	return all == alpha
}

// subtract undoes add.
func (r *Reducer) subtract(row []byte) {
	for j := 0; 8*j < len(row); j++ {
		two := pair(row, j)
		r.redBlue[j/r.grain] -= two & evens
		r.greenAlpha[j/r.grain] -= two >> 8 & evens
	}
}

// pair loads pixels 2i and 2i+1; beyond the row's end there are zeros.
func pair(row []byte, i int) uint64 {
	if row = row[8*i:]; len(row) < 8 {
		return uint64(binary.LittleEndian.Uint32(row))
	}
	return binary.LittleEndian.Uint64(row)
}

// spread empties the sums of grains into those of boxes.
func (r *Reducer) spread() {
	if r.packed == 0 {
		return
	}
	if r.layout.isLuma() {
		r.spreadLuma()
		return
	}
	for i := range r.luma {
		var red, green, blue, cover uint64
		from, to := r.edges[i], r.edges[i+1]
		for x := from &^ 1; x < to; x += 2 * r.grain {
			rb, ga := r.redBlue[x/2/r.grain], r.greenAlpha[x/2/r.grain]
			if x < from { // the even column belongs to the box before
				rb, ga = rb&^0xffffffff, ga&^0xffffffff
			}
			if r.grain == 1 && x+1 == to { // the odd column belongs to the box behind
				rb, ga = rb&0xffffffff, ga&0xffffffff
			}
			// Two 32-bit sums a word.
			red += rb & 0x0000ffff_0000ffff
			blue += rb >> 16 & 0x0000ffff_0000ffff
			green += ga & 0x0000ffff_0000ffff
			cover += ga >> 16 & 0x0000ffff_0000ffff
		}
		if r.layout != RGBA {
			red, blue = blue, red
		}
		r.luma[i] += 255 * (lumaR*both(red) + lumaG*both(green) + lumaB*both(blue))
		r.cover[i] += both(cover)
	}
	clear(r.redBlue)
	clear(r.greenAlpha)
	r.packed = 0
}

// both adds the two 32-bit sums of a word.
func both(v uint64) uint64 { return v&0xffffffff + v>>32 }

func (r *Reducer) transparent(row []byte) {
	first, third := uint64(lumaR), uint64(lumaB)
	if r.layout != RGBA {
		first, third = third, first
	}
	for i := range r.luma {
		box := row[4*r.edges[i] : 4*r.edges[i+1]]
		for ; len(box) >= 4; box = box[4:] {
			a := uint64(box[3])
			r.luma[i] += a * (first*uint64(box[0]) + lumaG*uint64(box[1]) + third*uint64(box[2]))
			r.cover[i] += a
		}
	}
}

// endRow closes the band of boxes if it is complete.
func (r *Reducer) endRow() {
	band := len(r.white) / r.boxesX
	r.rows++
	from, to := band*r.h/r.boxesY, (band+1)*r.h/r.boxesY
	if r.rows < to {
		return
	}
	r.spread()
	for i, l := range r.luma {
		pixels := uint64((r.edges[i+1] - r.edges[i]) * (to - from))
		missing := 255*pixels - r.cover[i]
		if r.layout.isOpaque() {
			missing = 0
		}
		r.missing += missing
		// One sample is luma / (255 alpha × 65536 weight × pixels), times White.
		r.black = append(r.black, sample(l/255, pixels))
		r.white = append(r.white, sample(l/255+missing<<16, pixels))
	}
	clear(r.luma)
	clear(r.cover)
}

// sample divides a sum of pixels, each 255 × 65536 at most, to the scale of
// phash.White.
func sample(sum, pixels uint64) uint16 {
	return uint16((sum + 128*pixels) / (256 * pixels))
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
