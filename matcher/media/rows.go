package media

import "encoding/binary"

const (
	// BT.601 luma in 1/65536, as image/color has it too.
	lumaR, lumaG, lumaB = 19595, 38470, 7471

	evens  = 0x00ff00ff00ff00ff // every other byte of eight
	greens = 0x0000ff000000ff00 // the green bytes of two pixels
	pairs  = 0x0000ffff0000ffff // every other sum of four
	alpha  = 0xff000000ff000000 // the alpha bytes of two pixels
)

// add adds a row and reports whether it is opaque.
func (r *Reducer) add(row []byte) bool {
	all, i := uint64(alpha), 0
	redBlue, green := r.redBlue, r.green[:len(r.redBlue)]
	// Arrays of a known length: one check of bounds for all their elements.
	switch r.grain {
	case 4:
		for ; 32*i+64 <= len(row); i += 2 {
			p := (*[64]byte)(row[32*i:])
			rb, g := (*[2]uint64)(redBlue[i:]), (*[2]uint64)(green[i:])
			a, b := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
			c, d := binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
			rb[0] += a&evens + b&evens + c&evens + d&evens
			g[0] += a&greens + b&greens + c&greens + d&greens
			all &= a & b & c & d
			a, b = binary.LittleEndian.Uint64(p[32:]), binary.LittleEndian.Uint64(p[40:])
			c, d = binary.LittleEndian.Uint64(p[48:]), binary.LittleEndian.Uint64(p[56:])
			rb[1] += a&evens + b&evens + c&evens + d&evens
			g[1] += a&greens + b&greens + c&greens + d&greens
			all &= a & b & c & d
		}
	case 2:
		for ; 16*i+64 <= len(row); i += 4 {
			p := (*[64]byte)(row[16*i:])
			rb, g := (*[4]uint64)(redBlue[i:]), (*[4]uint64)(green[i:])
			a, b := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
			c, d := binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
			rb[0] += a&evens + b&evens
			g[0] += a&greens + b&greens
			rb[1] += c&evens + d&evens
			g[1] += c&greens + d&greens
			all &= a & b & c & d
			a, b = binary.LittleEndian.Uint64(p[32:]), binary.LittleEndian.Uint64(p[40:])
			c, d = binary.LittleEndian.Uint64(p[48:]), binary.LittleEndian.Uint64(p[56:])
			rb[2] += a&evens + b&evens
			g[2] += a&greens + b&greens
			rb[3] += c&evens + d&evens
			g[3] += c&greens + d&greens
			all &= a & b & c & d
		}
	default:
		for ; 8*i+32 <= len(row); i += 4 {
			p := (*[32]byte)(row[8*i:])
			rb, g := (*[4]uint64)(redBlue[i:]), (*[4]uint64)(green[i:])
			a, b := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
			c, d := binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
			rb[0] += a & evens
			g[0] += a & greens
			rb[1] += b & evens
			g[1] += b & greens
			rb[2] += c & evens
			g[2] += c & greens
			rb[3] += d & evens
			g[3] += d & greens
			all &= a & b & c & d
		}
	}
	for j := i * r.grain; 8*j < len(row); j++ {
		two := pair(row, j)
		redBlue[j/r.grain] += two & evens
		green[j/r.grain] += two & greens
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
		r.green[j/r.grain] -= two & greens
	}
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
			rb, g := r.redBlue[x/2/r.grain], r.green[x/2/r.grain]
			two := first*(rb&pairs) + third*(rb>>16&pairs) + lumaG*(g>>8)
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
		redBlue, green := r.redBlue[:len(white)/2], r.green[:len(white)/2]
		for i, rb := range redBlue {
			g, out := green[i], (*[2]uint16)(white[2*i:])
			two := first*(rb&pairs) + third*(rb>>16&pairs) + lumaG*(g>>8)
			out[0] = by.quick(two & 0xffffffff)
			out[1] = by.quick(two >> 32)
		}
		return len(white)
	}
	redBlue, green := r.redBlue[:len(white)], r.green[:len(white)]
	for i, rb := range redBlue {
		white[i] = by.quick(both(first*(rb&pairs) + third*(rb>>16&pairs) + lumaG*(green[i]>>8)))
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
