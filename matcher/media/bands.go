package media

import "encoding/binary"

// usual is the width of the boxes of pictures of 1536 to 3583 columns.
const usual = 4

// band takes the rows of a whole band, if pix begins with them, and returns how many
// bytes. It takes a fraction of the time that adding them up one by one does, and
// leaves to that what is not common: boxes of other widths, more rows than four or a
// single one, and transparency, for which it returns 0.
func (r *Reducer) band(pix []byte) int {
	n := len(r.white)
	from, to := r.bandRows()
	length, rows := r.layout.Size()*r.w, to-from
	if r.edges[1] != usual || r.rows != from || len(pix) < rows*length || r.layout.isLuma() {
		return 0
	}
	pix = pix[:rows*length]
	white := r.white[n : n+r.boxesX]
	done, opaque := r.layout.boxes(white[:r.boxesX-1], pix, length)
	if done == 0 {
		return 0
	}
	// A few boxes are left, and the last may be wider.
	for at := 0; at < len(pix); at += length {
		opaque = r.add(pix[at:at+length], done) && opaque
	}
	if !opaque && r.layout != BGRX {
		clear(r.redBlue[done:])
		clear(r.whole[done:])
		return 0
	}
	r.packed = rows
	r.spreadColours(done)
	r.packed = 0
	clear(r.redBlue[done:])
	clear(r.whole[done:])
	r.white = r.white[:n+r.boxesX]
	r.samples(white, done, rows)
	r.rows = to
	return len(pix)
}

// boxes makes samples of boxes of the usual width out of all their rows, and returns
// how many, and whether those are opaque.
func (l Layout) boxes(white []uint16, pix []byte, length int) (done int, opaque bool) {
	switch len(pix) / length {
	case 2:
		return l.two(white, pix[:length], pix[length:])
	case 3:
		return l.three(white, pix[:length], pix[length:2*length], pix[2*length:])
	case 4:
		return l.four(white, pix[:length], pix[length:2*length], pix[2*length:3*length], pix[3*length:])
	}
	return 0, true
}

func (l Layout) two(white []uint16, row1, row2 []byte) (done int, opaque bool) {
	first, third := l.weights()
	by, all, n := divisorOf(2*usual), uint64(alpha), len(white)
	for ; len(white) >= 2 && len(row1) >= 32 && len(row2) >= 32; white = white[2:] {
		p, q, out := (*[32]byte)(row1), (*[32]byte)(row2), (*[2]uint16)(white)
		a, b := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
		c, d := binary.LittleEndian.Uint64(q[:8]), binary.LittleEndian.Uint64(q[8:])
		all &= a & b & c & d
		redBlue := a&evens + b&evens + c&evens + d&evens
		out[0] = by.quick(luma(first, third, redBlue, a+b+c+d))
		a, b = binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
		c, d = binary.LittleEndian.Uint64(q[16:]), binary.LittleEndian.Uint64(q[24:])
		all &= a & b & c & d
		redBlue = a&evens + b&evens + c&evens + d&evens
		out[1] = by.quick(luma(first, third, redBlue, a+b+c+d))
		row1, row2 = row1[32:], row2[32:]
	}
	return n - len(white), all == alpha
}

func (l Layout) three(white []uint16, row1, row2, row3 []byte) (done int, opaque bool) {
	first, third := l.weights()
	by, all, n := divisorOf(3*usual), uint64(alpha), len(white)
	for ; len(white) >= 2 && len(row1) >= 32 && len(row2) >= 32 && len(row3) >= 32; white = white[2:] {
		p, q, r, out := (*[32]byte)(row1), (*[32]byte)(row2), (*[32]byte)(row3), (*[2]uint16)(white)
		a, b := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
		c, d := binary.LittleEndian.Uint64(q[:8]), binary.LittleEndian.Uint64(q[8:])
		e, f := binary.LittleEndian.Uint64(r[:8]), binary.LittleEndian.Uint64(r[8:])
		all &= a & b & c & d & e & f
		redBlue := a&evens + b&evens + c&evens + d&evens + e&evens + f&evens
		out[0] = by.quick(luma(first, third, redBlue, a+b+c+d+e+f))
		a, b = binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
		c, d = binary.LittleEndian.Uint64(q[16:]), binary.LittleEndian.Uint64(q[24:])
		e, f = binary.LittleEndian.Uint64(r[16:]), binary.LittleEndian.Uint64(r[24:])
		all &= a & b & c & d & e & f
		redBlue = a&evens + b&evens + c&evens + d&evens + e&evens + f&evens
		out[1] = by.quick(luma(first, third, redBlue, a+b+c+d+e+f))
		row1, row2, row3 = row1[32:], row2[32:], row3[32:]
	}
	return n - len(white), all == alpha
}

func (l Layout) four(white []uint16, row1, row2, row3, row4 []byte) (done int, opaque bool) {
	first, third := l.weights()
	by, all, n := divisorOf(4*usual), uint64(alpha), len(white)
	for ; len(white) >= 2 && len(row1) >= 32 && len(row2) >= 32 && len(row3) >= 32 && len(row4) >= 32; white = white[2:] {
		p, q, r, s, out := (*[32]byte)(row1), (*[32]byte)(row2), (*[32]byte)(row3), (*[32]byte)(row4), (*[2]uint16)(white)
		a, b := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
		c, d := binary.LittleEndian.Uint64(q[:8]), binary.LittleEndian.Uint64(q[8:])
		redBlue, whole := a&evens+b&evens+c&evens+d&evens, a+b+c+d
		all &= a & b & c & d
		a, b = binary.LittleEndian.Uint64(r[:8]), binary.LittleEndian.Uint64(r[8:])
		c, d = binary.LittleEndian.Uint64(s[:8]), binary.LittleEndian.Uint64(s[8:])
		all &= a & b & c & d
		redBlue += a&evens + b&evens + c&evens + d&evens
		out[0] = by.quick(luma(first, third, redBlue, whole+a+b+c+d))
		a, b = binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
		c, d = binary.LittleEndian.Uint64(q[16:]), binary.LittleEndian.Uint64(q[24:])
		redBlue, whole = a&evens+b&evens+c&evens+d&evens, a+b+c+d
		all &= a & b & c & d
		a, b = binary.LittleEndian.Uint64(r[16:]), binary.LittleEndian.Uint64(r[24:])
		c, d = binary.LittleEndian.Uint64(s[16:]), binary.LittleEndian.Uint64(s[24:])
		all &= a & b & c & d
		redBlue += a&evens + b&evens + c&evens + d&evens
		out[1] = by.quick(luma(first, third, redBlue, whole+a+b+c+d))
		row1, row2, row3, row4 = row1[32:], row2[32:], row3[32:], row4[32:]
	}
	return n - len(white), all == alpha
}
