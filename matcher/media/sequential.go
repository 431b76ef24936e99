package media

import "math/bits"

// zeroRun is the symbol for sixteen coefficients that are zero.
const zeroRun = 0xf0

// first decodes n groups of a sequential scan, or of the first pass over the
// lowest frequency, from group x of row y on (ITU-T T.81, F.2.2 and G.1.2.1).
// Most of the time goes by here: the bits are in local variables, and what
// nobody wants is passed over several coefficients at once.
func (d *decoder) first(s *scan, x, y, n int) {
	b := &d.bits
	acc, have, buf, pos := b.acc, b.n, b.buf, b.pos
	var coefs [64]int32 // of a block, as d.place has them
	for end := x + n; x < end; x++ {
		for i := range s.blocks {
			u := &s.blocks[i]
			last, codes := 0, u.codes
			if u.wanted {
				last = d.last
			}
			for k := 0; k <= s.to; {
				if have < 32 {
					if word, ok := plainWord(buf, pos); ok {
						acc |= uint64(bits.ReverseBytes32(word)) << (32 - have)
						have += 32
						pos += 4
					} else {
						b.acc, b.n, b.pos = acc, have, pos
						b.refill()
						acc, have, buf, pos = b.acc, b.n, b.buf, b.pos
					}
				}
				if k > last {
					r := u.band.runs[acc>>(64-runBits)]
					if next := k + int(r&0xff); next <= 64 && r != 0 {
						used := uint(r >> 16)
						acc <<= used & 63
						have -= used
						k = next
						if r&runEnds != 0 {
							break
						}
						continue
					}
				}
				// One code, and the bits that follow it.
				e := uint(codes.look[acc>>(64-lookBits)])
				length, size, run := e>>8, e&15, int(e>>4&15)
				if e == 0 {
					l, symbol := codes.find(acc)
					if l == 0 {
						b.wrong = true
						return
					}
					length, size, run = l, uint(symbol&15), int(symbol>>4)
				}
				acc <<= length & 63
				if k == 0 {
					codes, run = u.band, 0
				} else if size == 0 && run != 15 {
					have -= length
					break
				}
				if k += run; k > 63 {
					b.wrong = true
					return
				}
				if k <= last {
					v := int32(acc >> 1 >> (63 - size))
					if acc>>63 == 0 { // F.2.2.1, EXTEND
						v -= 1<<size - 1
					}
					if k == 0 {
						v += u.dc
						u.dc = v
					}
					coefs[d.place[k&63]&63] = v
				}
				acc <<= size & 63
				have -= length + size
				k++
			}
			switch bx, by := x*u.nx+u.x, y*u.ny+u.y; {
			case !u.wanted:
			case d.progressive:
				u.coefs[(by*u.strideX+bx)*d.side*d.side] = int16(coefs[0] << s.low)
			case d.side == 1:
				u.plane[by*u.strideX+bx] = u.flat(coefs[0])
			default:
				u.store(&coefs, bx, by, d.side)
			}
		}
	}
	b.acc, b.n, b.pos = acc, have, pos
}
