package media

// lowest decodes n groups of the first pass over the lowest frequency, from
// group x of row y on (ITU-T T.81, G.1.2.1). Large progressive pictures are
// decoded by it alone: groups of the usual kinds in a straight line.
func (d *decoder) lowest(s *scan, x, y, n int) {
	switch s.kind {
	case quads:
		d.quads(s, x, y, n)
	case singles:
		d.singles(s, x, y, n)
	default:
		d.blocks(s, x, y, n)
	}
}

// A kind of groups.
type kind int

const (
	others  kind = iota
	quads        // four blocks of luma, 2×2, and two that nobody wants
	singles      // one, and two
)

// kindOf says what groups of a first pass are made of.
func (s *scan) kindOf() kind {
	n := len(s.blocks)
	if n < 3 || s.blocks[n-2].kept || s.blocks[n-1].kept || !s.blocks[0].kept || s.blocks[0].plane == nil {
		return others
	}
	switch b := &s.blocks[n-3]; {
	case n == 6 && b.component == s.blocks[0].component && b.nx == 2 && b.ny == 2:
		return quads
	case n == 3:
		return singles
	}
	return others
}

// blocks decodes groups of any kind, block by block.
func (d *decoder) blocks(s *scan, x, y, n int) {
	b := &d.bits
	for end := x + n; x < end; x++ {
		for i := range s.blocks {
			u := &s.blocks[i]
			v := b.peek()
			e := int64(u.codes.diffs[v>>(64-diffBits)])
			if e&(diffLong|diffLost) != 0 {
				if e = u.codes.diff(v); e&diffTakes == 0 {
					b.wrong = true
					return
				}
			}
			b.bit -= int(e & diffTakes)
			if u.kept {
				u.dc += int32(e >> diffShift)
				at := (y*u.ny+u.y)*u.strideX + x*u.nx + u.x
				if v := int16(u.dc << s.low); u.plane != nil {
					u.plane[at] = u.flat(int32(v))
				} else {
					u.coefs[at*d.side*d.side] = v
				}
			}
		}
	}
}

// quads decodes groups of that kind: all codes are looked up, and if one of them
// could not be, the group is decoded block by block instead. Sums of differences
// have in their lower bits what these take. Those that nobody wants may be
// longer than what is looked up.
func (d *decoder) quads(s *scan, x, y, n int) {
	b, c := &d.bits, s.blocks[0].component
	luma, blue, red := s.blocks[0].codes.diffs, s.blocks[4].codes.diffs, s.blocks[5].codes.diffs
	data, bit, dc, low := &b.window, b.bit, int64(c.dc)<<diffShift, s.low&15
	quant, level := c.quant[0], c.rounding()
	upper, lower := c.plane[2*y*c.strideX:], c.plane[(2*y+1)*c.strideX:]
	upper, lower = upper[2*x:][:2*n], lower[2*x:][:2*n]
	for i := 0; i+1 < len(upper) && i+1 < len(lower); i += 2 {
		if bit < near {
			b.bit = bit
			b.fill()
			if bit = b.bit; bit < near {
				return
			}
		}
		v := bitsAt(data, bit)
		e := int64(luma[v>>(64-diffBits)])
		v <<= e & diffTakes
		dc0 := dc + e
		e = int64(luma[v>>(64-diffBits)])
		v <<= e & diffTakes
		dc1 := dc0 + e
		e = int64(luma[v>>(64-diffBits)])
		v <<= e & diffTakes
		dc2 := dc1 + e
		e = int64(luma[v>>(64-diffBits)])
		dc3 := dc2 + e
		next := bit - int(dc3&diffSum)
		v = bitsAt(data, next)
		e = int64(blue[v>>(64-diffBits)])
		v <<= e & diffTakes
		e += int64(red[v>>(64-diffBits)])
		next -= int(e & diffSum)
		if dc3&diffUnknown|e&diffUnread != 0 {
			c.dc, b.bit = int32(dc>>diffShift), bit
			d.blocks(s, x+i/2, y, 1)
			if dc, bit = int64(c.dc)<<diffShift, b.bit; b.wrong {
				return
			}
			continue
		}
		bit = next
		upper[i] = flatSample(int64(int16(dc0>>diffShift<<low)), quant, level)
		upper[i+1] = flatSample(int64(int16(dc1>>diffShift<<low)), quant, level)
		lower[i] = flatSample(int64(int16(dc2>>diffShift<<low)), quant, level)
		lower[i+1] = flatSample(int64(int16(dc3>>diffShift<<low)), quant, level)
		dc = dc3 &^ diffLower
	}
	c.dc, b.bit = int32(dc>>diffShift), bit
}

// singles is quads for groups of that kind, of which it takes two at a time.
func (d *decoder) singles(s *scan, x, y, n int) {
	b, c := &d.bits, s.blocks[0].component
	luma, blue, red := s.blocks[0].codes.diffs, s.blocks[1].codes.diffs, s.blocks[2].codes.diffs
	data, bit, dc, low := &b.window, b.bit, int64(c.dc)<<diffShift, s.low&15
	quant, level := c.quant[0], c.rounding()
	row := c.plane[y*c.strideX+x:][:n]
	i := 0
	for ; i+1 < len(row); i += 2 {
		if bit < near {
			b.bit = bit
			b.fill()
			if bit = b.bit; bit < near {
				return
			}
		}
		v := bitsAt(data, bit)
		e := int64(luma[v>>(64-diffBits)])
		v <<= e & diffTakes
		dc0 := dc + e
		e = int64(blue[v>>(64-diffBits)])
		v <<= e & diffTakes
		e += int64(red[v>>(64-diffBits)])
		next := bit - int(dc0&diffSum) - int(e&diffSum)
		v = bitsAt(data, next)
		f := int64(luma[v>>(64-diffBits)])
		v <<= f & diffTakes
		dc1 := dc0 + f
		f = int64(blue[v>>(64-diffBits)])
		v <<= f & diffTakes
		e += f + int64(red[v>>(64-diffBits)])
		next = bit - int(dc1&diffSum) - int(e&diffSum)
		if dc1&diffUnknown|e&diffUnread != 0 {
			c.dc, b.bit = int32(dc>>diffShift), bit
			d.blocks(s, x+i, y, 2)
			if dc, bit = int64(c.dc)<<diffShift, b.bit; b.wrong {
				return
			}
			continue
		}
		bit = next
		row[i] = flatSample(int64(int16(dc0>>diffShift<<low)), quant, level)
		row[i+1] = flatSample(int64(int16(dc1>>diffShift<<low)), quant, level)
		dc = dc1 &^ diffLower
	}
	c.dc, b.bit = int32(dc>>diffShift), bit
	d.blocks(s, x+i, y, n-i)
}
