package media

import (
	"encoding/binary"

	"github.com/preseal/preseal/matcher/internal/halves"
)

const (
	// BT.601 luma in 1/65536, as image/color has it too.
	lumaR, lumaG, lumaB = 19595, 38470, 7471

	evens = 0x00ff00ff00ff00ff // every other byte of eight
	pairs = halves.EveryOther  // of four sums
	alpha = 0xff000000ff000000 // the alpha bytes of two pixels
)

// add adds a row from grain number from on and reports whether it is opaque.
func (r *Reducer) add(row []byte, from int) bool {
	all, redBlue, whole := uint64(alpha), r.redBlue[from:], r.whole[from:]
	row = row[8*r.grain*from:]
	// Arrays of a known length: one check of bounds for all their elements.
	switch r.grain {
	case 4:
		for len(row) >= 64 && len(redBlue) >= 2 && len(whole) >= 2 {
			p, rb, w := (*[64]byte)(row), (*[2]uint64)(redBlue), (*[2]uint64)(whole)
			a, b := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
			c, d := binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
			rb[0] += a&evens + b&evens + c&evens + d&evens
			w[0] += a + b + c + d
			all &= a & b & c & d
			a, b = binary.LittleEndian.Uint64(p[32:]), binary.LittleEndian.Uint64(p[40:])
			c, d = binary.LittleEndian.Uint64(p[48:]), binary.LittleEndian.Uint64(p[56:])
			rb[1] += a&evens + b&evens + c&evens + d&evens
			w[1] += a + b + c + d
			all &= a & b & c & d
			row, redBlue, whole = row[64:], redBlue[2:], whole[2:]
		}
	case 2:
		for len(row) >= 64 && len(redBlue) >= 4 && len(whole) >= 4 {
			p, rb, w := (*[64]byte)(row), (*[4]uint64)(redBlue), (*[4]uint64)(whole)
			a, b := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
			c, d := binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
			rb[0] += a&evens + b&evens
			w[0] += a + b
			rb[1] += c&evens + d&evens
			w[1] += c + d
			all &= a & b & c & d
			a, b = binary.LittleEndian.Uint64(p[32:]), binary.LittleEndian.Uint64(p[40:])
			c, d = binary.LittleEndian.Uint64(p[48:]), binary.LittleEndian.Uint64(p[56:])
			rb[2] += a&evens + b&evens
			w[2] += a + b
			rb[3] += c&evens + d&evens
			w[3] += c + d
			all &= a & b & c & d
			row, redBlue, whole = row[64:], redBlue[4:], whole[4:]
		}
	default:
		for len(row) >= 32 && len(redBlue) >= 4 && len(whole) >= 4 {
			p, rb, w := (*[32]byte)(row), (*[4]uint64)(redBlue), (*[4]uint64)(whole)
			a, b := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
			c, d := binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
			rb[0] += a & evens
			w[0] += a
			rb[1] += b & evens
			w[1] += b
			rb[2] += c & evens
			w[2] += c
			rb[3] += d & evens
			w[3] += d
			all &= a & b & c & d
			row, redBlue, whole = row[32:], redBlue[4:], whole[4:]
		}
	}
	for j := 0; 8*j < len(row); j++ {
		two := pair(row, j)
		redBlue[j/r.grain] += two & evens
		whole[j/r.grain] += two
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
		r.whole[j/r.grain] -= two
	}
}

// greens returns the sums of green: what is left of whole words without their red
// and blue, a byte further left.
func greens(whole, redBlue uint64) uint64 { return (whole - redBlue) >> 8 & pairs }

// lumas returns the sums of luma of even and of odd columns, given those of
// their pixels and what first and third byte weigh.
func lumas(first, third, redBlue, whole uint64) uint64 {
	return first*(redBlue&pairs) + third*(redBlue>>16&pairs) + lumaG*greens(whole, redBlue)
}

// luma returns both together.
func luma(first, third, redBlue, whole uint64) uint64 {
	return both(lumas(first, third, redBlue, whole))
}

// pair loads pixels 2i and 2i+1; beyond the row's end there are zeros.
func pair(row []byte, i int) uint64 {
	if row = row[8*i:]; len(row) < 8 {
		return uint64(binary.LittleEndian.Uint32(row))
	}
	return binary.LittleEndian.Uint64(row)
}

// weights returns what the first and the third byte of a pixel weigh.
func (l Layout) weights() (first, third uint64) {
	if l == RGBA {
		return lumaR, lumaB
	}
	return lumaB, lumaR
}

// spreadColours adds what add added to the boxes from number done on.
func (r *Reducer) spreadColours(done int) {
	first, third := r.layout.weights()
	for i := done; i < r.boxesX; i++ {
		from, to := r.edges[i], r.edges[i+1]
		sum := uint64(0)
		for x := from &^ 1; x < to; x += 2 * r.grain {
			two := lumas(first, third, r.redBlue[x/2/r.grain], r.whole[x/2/r.grain])
			if x < from { // the even column belongs to the box before
				two &^= 0xffffffff
			}
			if r.grain == 1 && x+1 == to { // the odd column belongs to the box behind
				two &= 0xffffffff
			}
			sum += both(two)
		}
		r.luma[i] += sum
		r.cover[i] += 255 * uint64((to-from)*r.packed)
	}
}

// colourBand makes samples of boxes of one grain each, or of one column, and
// returns how many.
func (r *Reducer) colourBand(white []uint16, width, rows int) int {
	first, third := r.layout.weights()
	by := divisorOf(uint64(width * rows))
	if width == 1 {
		white = white[:len(white)&^1]
		redBlue, whole := r.redBlue[:len(white)/2], r.whole[:len(white)/2]
		for i, rb := range redBlue {
			out := (*[2]uint16)(white[2*i:])
			two := lumas(first, third, rb, whole[i])
			out[0] = by.quick(two & 0xffffffff)
			out[1] = by.quick(two >> 32)
		}
		return len(white)
	}
	redBlue, whole := r.redBlue[:len(white)], r.whole[:len(white)]
	for i, rb := range redBlue {
		white[i] = by.quick(luma(first, third, rb, whole[i]))
	}
	return len(white)
}

// both adds the two 32-bit sums of a word.
func both(v uint64) uint64 { return v&0xffffffff + v>>32 }

// transparent adds a row to the boxes themselves.
func (r *Reducer) transparent(row []byte) {
	first, third := r.layout.weights()
	for i := range r.glass {
		box := row[4*r.edges[i] : 4*r.edges[i+1]]
		for ; len(box) >= 4; box = box[4:] {
			a := uint64(box[3])
			r.glass[i] += a * (first*uint64(box[0]) + lumaG*uint64(box[1]) + third*uint64(box[2]))
			r.cover[i] += a
		}
	}
}

// Boxes of fewer pixels need no division.
const exact = 1 << 12

// A divisor makes samples of boxes of as many pixels.
type divisor struct {
	pixels, factor uint64
}

func divisorOf(pixels uint64) divisor {
	if pixels >= exact {
		return divisor{pixels, 0}
	}
	return divisor{pixels, 1<<40/pixels + 1}
}

// sample divides a sum of pixels, each 255 × 65536 at most, to the scale of
// phash.White.
func (d divisor) sample(sum uint64) uint16 {
	if d.factor == 0 {
		return uint16(((sum + 128*d.pixels) >> 8) / d.pixels)
	}
	return d.quick(sum)
}

// quick is sample for fewer than exact pixels. The product with the factor, which
// is too large by less than 2^-40 for each of 2^28, is never off by the 2^-12 that
// would show.
func (d divisor) quick(sum uint64) uint16 {
	sum = (sum + 128*d.pixels) >> 8
	return uint16(sum * d.factor >> 40)
}
