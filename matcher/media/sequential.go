package media

// zeroRun is the symbol for sixteen coefficients that are zero.
const zeroRun = 0xf0

// whole decodes n groups of a sequential scan, from group x of row y on (ITU-T
// T.81, F.2.2).
func (d *decoder) whole(s *scan, x, y, n int) {
	if d.side == 1 && d.colour == lumaFirst {
		d.skim(s, x, y, n)
	} else {
		d.each(s, x, y, n)
	}
}

// A lane is a block of every group, with all that is needed to decode it.
type lane struct {
	*block
	diffs        *[1 << diffBits]int32
	runs         *[1 << runBits]run
	plane        []uint16
	at           int // where the next sample is put
	quant, level int64
	next         int // lane
}

// lanesOf makes them for the groups from x of row y on.
func (s *scan) lanesOf(x, y int) (lanes [16]lane) {
	for i := range s.blocks {
		u := &s.blocks[i]
		lanes[i] = lane{block: u, diffs: u.codes.diffs, runs: u.band.runs, next: (i + 1) % len(s.blocks)}
		if l := &lanes[i]; u.kept {
			l.plane, l.at = u.plane, (y*u.ny+u.y)*u.strideX+x*u.nx+u.x
			l.quant, l.level = u.quant[0], u.rounding()
		}
	}
	return lanes
}

// skim is for the scale that keeps the lowest frequency alone. Most of the time
// goes by here, so the state is in local variables, of which there are no more
// than registers; and within a loop of WebAssembly that Go makes, every jump
// costs as much as some steps of work: the way of most blocks has one, back to
// the start.
func (d *decoder) skim(s *scan, x, y, n int) {
	b, c := &d.bits, d.components[0]
	data, lanes := &b.window, s.lanesOf(x, y)
	acc, have, at := b.open()
	l, next, dc := &lanes[0], 0, int64(c.dc)
	// How far the block before has come, and the last run, not yet taken.
	k, r := uint(runEnds), uint(0)
blocks:
	for left := n * len(s.blocks); ; left-- {
		if k&runStops != runEnds {
			b.close(have, at)
			if b.rest(l.band, int(k-r>>runTakes)); b.wrong {
				return
			}
			acc, have, at = b.open()
			r = 0
		}
		acc <<= r & mostTaken
		have -= r & mostTaken
		if left == 0 {
			break
		}
		if at < near/8 {
			b.close(have, at)
			b.fill()
			if acc, have, at = b.open(); at < near/8 {
				return
			}
		}
		l = &lanes[next&15]
		next = l.next
		acc |= word(data, at) >> (have & 63)
		at -= int((63 - have) >> 3)
		have |= 56
		e := int64(l.diffs[acc>>(64-diffBits)])
		if e&(diffLong|diffLost) != 0 {
			if e = l.codes.diff(acc); e&diffTakes == 0 {
				b.wrong = true
				return
			}
			acc <<= e & diffTakes
			have -= uint(e & diffTakes)
			e &^= diffTakes
			acc |= word(data, at) >> (have & 63)
			at -= int((63 - have) >> 3)
			have |= 56
		}
		acc <<= e & diffTakes
		have -= uint(e & diffTakes)
		if l.kept {
			dc += e >> diffShift
			l.plane[l.at] = flatSample(int64(int32(dc)), l.quant, l.level)
			l.at += l.nx
		}
		runs := l.runs
		r = uint(runs[acc>>(64-runBits)])
		if k = 1 + r>>runTakes; k&runStops != 0 {
			continue
		}
		acc <<= r & mostTaken
		have -= r & mostTaken
		r = uint(runs[acc>>(64-runBits)])
		if k += r >> runTakes; k&runStops != 0 {
			continue
		}
		acc <<= r & mostTaken
		have -= r & mostTaken
		for {
			acc |= word(data, at) >> (have & 63)
			at -= int((63 - have) >> 3)
			have |= 56
			r = uint(runs[acc>>(64-runBits)])
			if k += r >> runTakes; k&runStops != 0 {
				continue blocks
			}
			acc <<= r & mostTaken
			have -= r & mostTaken
			r = uint(runs[acc>>(64-runBits)])
			if k += r >> runTakes; k&runStops != 0 {
				continue blocks
			}
			acc <<= r & mostTaken
			have -= r & mostTaken
			r = uint(runs[acc>>(64-runBits)])
			if k += r >> runTakes; k&runStops != 0 {
				continue blocks
			}
			acc <<= r & mostTaken
			have -= r & mostTaken
		}
	}
	c.dc = int32(dc)
	b.close(have, at)
}

// each decodes block by block: for scales that keep more, and for pictures that
// keep more components than one.
func (d *decoder) each(s *scan, x, y, n int) {
	for end := x + n; x < end; x++ {
		for i := range s.blocks {
			if d.block(&s.blocks[i], x, y); d.bits.wrong {
				return
			}
		}
	}
}

// block decodes a block of group x, y, and stores it if it is kept.
func (d *decoder) block(u *block, x, y int) {
	b := &d.bits
	if b.bit < near {
		b.fill()
	}
	data := &b.window
	acc, have, at := b.open()
	e := int64(u.codes.diffs[acc>>(64-diffBits)])
	if e&(diffLong|diffLost) != 0 {
		if e = u.codes.diff(acc); e&diffTakes == 0 {
			b.wrong = true
			return
		}
	}
	acc <<= e & diffTakes
	have -= uint(e & diffTakes)
	k, r := uint(1), uint(0)
	if u.kept {
		u.dc += int32(e >> diffShift)
		x, y = x*u.nx+u.x, y*u.ny+u.y
		if d.side == 1 {
			u.plane[y*u.strideX+x] = u.flat(u.dc)
		} else {
			b.close(have, at)
			if k = d.keep(u, x, y); k > 63 || b.wrong {
				return
			}
			acc, have, at = b.open()
		}
	}
	for runs := u.band.runs; ; {
		acc |= word(data, at) >> (have & 63)
		at -= int((63 - have) >> 3)
		have |= 56
		r = uint(runs[acc>>(64-runBits)])
		if k += r >> runTakes; k&runStops != 0 {
			break
		}
		acc <<= r & mostTaken
		have -= r & mostTaken
		r = uint(runs[acc>>(64-runBits)])
		if k += r >> runTakes; k&runStops != 0 {
			break
		}
		acc <<= r & mostTaken
		have -= r & mostTaken
	}
	if k&runStops == runEnds {
		b.close(have-r&mostTaken, at)
	} else {
		b.close(have, at)
		b.rest(u.band, int(k-r>>runTakes))
	}
}

// keep decodes the frequencies of a block that are kept, and stores the block at
// x, y. It returns the first of the others, 64 if there are none to come.
func (d *decoder) keep(u *block, x, y int) uint {
	b := &d.bits
	acc, have, at := b.open()
	coefs := [64]int32{u.dc}
	k := 1
	for k <= d.last {
		acc |= word(&b.window, at) >> (have & 63)
		at -= int((63 - have) >> 3)
		have |= 56
		length, symbol := u.band.find(acc)
		size := uint(symbol & 15)
		acc <<= length & 63
		have -= length + size
		if length > 0 && size == 0 && symbol != zeroRun {
			k = 64
			break
		}
		v := extended(acc, size)
		acc <<= size & 63
		if k += int(symbol >> 4); length == 0 || k > 63 {
			b.wrong = true
			return 64
		}
		coefs[d.place[k]] = v
		k++
	}
	b.close(have, at)
	u.store(&coefs, x, y, d.side)
	return uint(k)
}

// rest passes over the frequencies of a block from k on, one by one.
func (b *bitReader) rest(h *huffman, k int) {
	for k < 64 {
		symbol := b.symbol(h)
		if symbol&15 == 0 && symbol != zeroRun {
			return
		}
		b.bit -= int(symbol & 15)
		k += int(symbol>>4) + 1
	}
	if k > 64 {
		b.wrong = true
	}
}
