package media

import "encoding/binary"

// addLuma adds a row of one byte a pixel. Of eight columns redBlue has four
// 16-bit sums of even ones and whole of odd ones; or redBlue of both,
// where both lie in one box anyway.
func (r *Reducer) addLuma(row []byte) {
	even, odd := r.redBlue, r.whole[:len(r.redBlue)]
	i := 0
	if r.step == 2 {
		for ; 32*i+32 <= len(row); i++ {
			p, e := (*[32]byte)(row[32*i:]), (*[4]uint64)(even[4*i:])
			a, b := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
			c, d := binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
			e[0] += a&evens + a>>8&evens
			e[1] += b&evens + b>>8&evens
			e[2] += c&evens + c>>8&evens
			e[3] += d&evens + d>>8&evens
		}
		odd = even
	} else {
		for ; 32*i+32 <= len(row); i++ {
			p := (*[32]byte)(row[32*i:])
			e, o := (*[4]uint64)(even[4*i:]), (*[4]uint64)(odd[4*i:])
			a, b := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
			c, d := binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
			e[0] += a & evens
			o[0] += a >> 8 & evens
			e[1] += b & evens
			o[1] += b >> 8 & evens
			e[2] += c & evens
			o[2] += c >> 8 & evens
			e[3] += d & evens
			o[3] += d >> 8 & evens
		}
	}
	for x := 32 * i; x < len(row); x += 8 {
		var eight [8]byte
		copy(eight[:], row[x:])
		a := binary.LittleEndian.Uint64(eight[:])
		even[x/8] += a & evens
		odd[x/8] += a >> 8 & evens
	}
}

// spreadLuma adds what addLuma added to the boxes from number done on.
func (r *Reducer) spreadLuma(done int) {
	for i := done; i < r.boxesX; i++ {
		sum := uint64(0)
		from, to := r.edges[i], r.edges[i+1]
		for x := from; x < to; {
			e, o := r.redBlue[x/8], r.whole[x/8]
			switch {
			case x%8 == 0 && (x+8 <= to || to == r.w):
				sum += both(adjacent(e) + adjacent(o))
				x += 8
			case x%4 == 0 && (x+4 <= to || to == r.w):
				sum += (adjacent(e) + adjacent(o)) >> (x % 8 * 8) & 0xffffffff
				x += 4
			default: // a column, which has a sum of its own
				if x%2 == 1 {
					e = o
				}
				sum += e >> (x % 8 / 2 * 16) & 0xffff
				x++
			}
		}
		pixels := uint64((to - from) * r.packed)
		r.luma[i] += r.layout.stretched(sum, pixels)
		r.cover[i] += 255 * pixels
	}
}

// lumaBand makes samples of boxes of 1, 2, 4 or 8 columns, and returns how
// many.
func (r *Reducer) lumaBand(white []uint16, width, rows int) int {
	pixels := uint64(width * rows)
	by := divisorOf(pixels)
	boxes := 8 / width // of a word
	n := len(white) / boxes
	even, odd := r.redBlue[:n], r.whole[:n]
	sample := func(sum uint64) uint16 { return by.quick(r.layout.stretched(sum, pixels)) }
	switch width {
	case 8:
		for i, e := range even {
			white[i] = sample(both(adjacent(e)))
		}
	case 4:
		for i, e := range even {
			out := (*[2]uint16)(white[2*i:])
			out[0], out[1] = sample(adjacent(e)&0xffffffff), sample(adjacent(e)>>32)
		}
	case 2:
		for i, e := range even {
			o, out := odd[i], (*[4]uint16)(white[4*i:])
			low, high := e&pairs+o&pairs, e>>16&pairs+o>>16&pairs
			out[0], out[1] = sample(low&0xffffffff), sample(high&0xffffffff)
			out[2], out[3] = sample(low>>32), sample(high>>32)
		}
	case 1:
		for i, e := range even {
			o, out := odd[i], (*[8]uint16)(white[8*i:])
			out[0], out[1] = sample(e&0xffff), sample(o&0xffff)
			out[2], out[3] = sample(e>>16&0xffff), sample(o>>16&0xffff)
			out[4], out[5] = sample(e>>32&0xffff), sample(o>>32&0xffff)
			out[6], out[7] = sample(e>>48), sample(o>>48)
		}
	}
	return n * boxes
}

// adjacent adds the two sums beside each other in each half of a word.
func adjacent(sums uint64) uint64 { return sums&pairs + sums>>16&pairs }

// stretched returns the sum of luma in 1/65536, 0 to 255 a pixel.
func (l Layout) stretched(sum, pixels uint64) uint64 {
	if l != VideoLuma {
		return sum << 16
	}
	return 255 << 16 * (min(max(sum, 16*pixels), 235*pixels) - 16*pixels) / 219
}
