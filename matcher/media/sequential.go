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
	for end := x + n; x < end; x++ {
		for i := range s.blocks {
			u := &s.blocks[i]
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
			e := uint(u.codes.look[acc>>(64-lookBits)])
			length, size := e>>8, e&15
			if e == 0 {
				l, symbol := u.codes.find(acc)
				if l == 0 {
					b.wrong = true
					return
				}
				length, size = l, uint(symbol)
			}
			acc <<= length & 63
			v := extended(acc, size)
			acc <<= size & 63
			have -= length + size
			k := 1
			if u.wanted {
				u.dc += v
				at := (y*u.ny+u.y)*u.strideX + x*u.nx + u.x
				switch {
				case d.progressive:
					u.coefs[at*d.side*d.side] = int16(u.dc << s.low)
				case d.side == 1:
					u.plane[at] = u.flat(u.dc)
				default:
					b.acc, b.n, b.pos = acc, have, pos
					k = d.kept(u, at)
					acc, have, buf, pos = b.acc, b.n, b.buf, b.pos
				}
			}
			for k <= s.to {
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
				length, symbol := u.band.find(acc)
				size := uint(symbol & 15)
				acc <<= (length + size) & 63
				have -= length + size
				if length > 0 && size == 0 && symbol != zeroRun {
					break
				}
				if k += int(symbol>>4) + 1; length == 0 || k > 64 {
					b.wrong = true
					return
				}
			}
		}
	}
	b.acc, b.n, b.pos = acc, have, pos
}

// kept decodes the frequencies of a block that are kept, stores it, and returns
// the first of the others, 64 if there are none to come.
func (d *decoder) kept(u *block, at int) int {
	b, k := &d.bits, 1
	coefs := [64]int32{u.dc}
	for k <= d.last {
		symbol := b.symbol(u.band)
		size := uint(symbol & 15)
		if size == 0 && symbol != zeroRun {
			k = 64
			break
		}
		v := b.extended(size)
		if k += int(symbol >> 4); k > 63 {
			b.wrong = true
			break
		}
		coefs[d.place[k]] = v
		k++
	}
	u.store(&coefs, at%u.strideX, at/u.strideX, d.side)
	return k
}
