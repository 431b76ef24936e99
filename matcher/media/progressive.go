package media

// lower decodes n groups of a pass that brings one more bit of the lowest
// frequency (ITU-T T.81, G.1.2.1).
func (d *decoder) lower(s *scan, x, y, n int) {
	for end := x + n; x < end; x++ {
		for i := range s.blocks {
			if bit := d.bits.take(1); s.blocks[i].kept {
				s.blocks[i].of(x, y, d.side)[0] |= int16(bit << s.low)
			}
		}
	}
}

// band decodes n blocks of the first pass over other frequencies (G.1.2.2).
func (d *decoder) band(s *scan, x, y, n int) {
	b, u := &d.bits, &s.blocks[0]
	for end := x + n; x < end; x++ {
		if s.skip > 0 {
			s.skip--
			continue
		}
		coefs := u.of(x, y, d.side)
		for k := s.from; k <= s.to; k++ {
			symbol := b.symbol(u.band)
			run, size := int(symbol>>4), uint(symbol&15)
			if size == 0 && run < 15 {
				s.skip = 1<<run - 1 + int(b.take(uint(run)))
				break
			}
			v := b.extended(size) << s.low
			if k += run; k > s.to {
				b.wrong = true
				return
			}
			if i := int(d.place[k]); i < len(coefs) {
				coefs[i] = int16(v)
			}
		}
	}
}

// refined decodes n blocks of a pass that brings one more bit (G.1.2.3). It is
// for pictures that are not scaled: others lack the frequencies to do it.
func (d *decoder) refined(s *scan, x, y, n int) {
	b, u := &d.bits, &s.blocks[0]
	for end := x + n; x < end; x++ {
		coefs := u.of(x, y, d.side)
		k := s.from
		for s.skip == 0 && k <= s.to {
			symbol := b.symbol(u.band)
			run, size := int(symbol>>4), symbol&15
			if size == 0 && run < 15 {
				s.skip = 1<<run + int(b.take(uint(run)))
				break
			}
			var v int16 // the bit of a coefficient that was zero so far
			if size > 0 {
				if v = -1 << s.low; b.take(1) == 1 {
					v = 1 << s.low
				}
			}
			if k = d.correct(s, coefs, k, run); v != 0 {
				if k > s.to {
					b.wrong = true
					return
				}
				coefs[zigzag[k]] = v
			}
			k++
		}
		if s.skip > 0 {
			d.correct(s, coefs, k, 64)
			s.skip--
		}
	}
}

// correct adds a bit to every coefficient from k on that is not zero, up to the
// first zero behind as many as zeros. It returns the place of that.
func (d *decoder) correct(s *scan, coefs []int16, k, zeros int) int {
	for ; k <= s.to; k++ {
		c := &coefs[zigzag[k]]
		switch {
		case *c == 0:
			if zeros--; zeros < 0 {
				return k
			}
		case d.bits.take(1) == 0:
		case *c > 0:
			*c += 1 << s.low
		default:
			*c -= 1 << s.low
		}
	}
	return k
}

// of returns the coefficients of the block in a group.
func (b *block) of(groupX, groupY, side int) []int16 {
	at := (groupY*b.ny+b.y)*b.strideX + groupX*b.nx + b.x
	return b.coefs[at*side*side : (at+1)*side*side]
}

// render makes samples of coefficients.
func (d *decoder) render(c *component) {
	side := d.side
	c.plane = d.samples(c, len(c.coefs))
	c.await(uint(c.coming[0]))
	if side == 1 {
		for i, v := range c.coefs {
			c.plane[i] = c.flat(int32(v))
		}
	} else {
		var coefs [64]int32
		for i := range c.strideX * c.strideY {
			for k, v := range c.coefs[i*side*side : (i+1)*side*side] {
				coefs[k] = int32(v)
			}
			c.store(&coefs, i%c.strideX, i/c.strideX, side)
		}
	}
	c.coefs = nil
}

// await shifts all samples to the middle of what so many bits to come of the
// lowest frequency can add.
func (c *component) await(low uint) {
	c.level += c.quant[0] * (1<<low - 1) >> (quantBits - 8 + 1)
}
