package media

import "encoding/binary"

// A Layout says what the bytes of a Reducer's rows are.
type Layout int

const (
	RGBA      Layout = iota // straight alpha, four bytes a pixel
	BGRA                    // the same with blue first
	BGRX                    // opaque, whatever its fourth bytes are
	Luma                    // opaque luma of 0 to 255, one byte a pixel
	VideoLuma               // opaque luma of 16 to 235, as video has it
)

// Size returns how many bytes a pixel has.
func (l Layout) Size() int {
	if l.isLuma() {
		return 1
	}
	return 4
}

func (l Layout) isLuma() bool { return l == Luma || l == VideoLuma }

func (l Layout) isOpaque() bool { return l == BGRX || l.isLuma() }

// addLuma adds a row of one byte a pixel, eight of them at a time.
func (r *Reducer) addLuma(row []byte) {
	even, odd := r.redBlue, r.greenAlpha[:len(r.redBlue)]
	i := 0
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
	for x := 32 * i; x < len(row); x += 8 {
		var eight [8]byte
		copy(eight[:], row[x:])
		a := binary.LittleEndian.Uint64(eight[:])
		even[x/8] += a & evens
		odd[x/8] += a >> 8 & evens
	}
}

// spreadLuma does for rows of luma what spread does.
func (r *Reducer) spreadLuma() {
	const pairs = 0x0000ffff_0000ffff
	for i := range r.luma {
		sum := uint64(0)
		from, to := r.edges[i], r.edges[i+1]
		for x := from; x < to; {
			e, o := r.redBlue[x/8], r.greenAlpha[x/8]
			switch {
			case x%8 == 0 && x+8 <= to:
				sum += both(e&pairs + e>>16&pairs + o&pairs + o>>16&pairs)
				x += 8
			case x%4 == 0 && x+4 <= to:
				four := (e&pairs + e>>16&pairs + o&pairs + o>>16&pairs) >> (x % 8 * 8)
				sum += four & 0xffffffff
				x += 4
			default:
				if x%2 == 1 {
					e = o
				}
				sum += e >> (x % 8 / 2 * 16) & 0xffff
				x++
			}
		}
		if r.layout == VideoLuma {
			pixels := uint64((to - from) * r.packed)
			sum = min(max(sum, 16*pixels), 235*pixels) - 16*pixels
			r.luma[i] += 255 * 255 << 16 * sum / 219
		} else {
			r.luma[i] += 255 << 16 * sum
		}
	}
	clear(r.redBlue)
	clear(r.greenAlpha)
	r.packed = 0
}
