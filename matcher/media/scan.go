package media

// A scan is a pass over some components (ITU-T T.81, B.2.3): over all of a
// sequential picture; else over a band of frequencies, of which it brings all
// bits but the low ones, or if high is not 0, one more bit.
type scan struct {
	components       []*component
	blocks           []block
	groupsX, groupsY int
	from, to         int // the band, in zigzag order
	high, low        uint
	skip             int  // blocks whose band has ended already
	kind             kind // of its groups
}

// A block is one of a group (minimum coded unit). A component that is alone has
// one in each, else it has h × v of them.
type block struct {
	*component
	codes  *huffman // of the lowest frequency
	band   *huffman // of the others
	x, y   int      // in its group
	nx, ny int      // how many its component has beside and below each other
	kept   bool     // it is wanted, and has not all come
}

// scan reads a scan, or passes over it if there is nothing in it to be kept. It
// reports whether everything that is wanted has come.
func (d *decoder) scan() (done bool, err error) {
	if d.scans++; d.scans > maxScans {
		return false, fail(TooComplex, "the file has more than %d scans", maxScans)
	}
	p, err := d.bits.payload()
	if err != nil {
		return false, err
	}
	s, err := d.scanHeader(p)
	if err != nil || !d.wants(s) {
		return false, err
	}
	if err := d.prepare(s); err != nil {
		return false, err
	}
	if err := d.groups(s); err != nil {
		return false, err
	}
	done = true
	for _, c := range s.components {
		c.pass(s, d)
	}
	for _, c := range d.components {
		done = done && (c.done || !c.wanted)
	}
	return done, nil
}

func (d *decoder) scanHeader(p []byte) (*scan, error) {
	if d.components == nil {
		return nil, damaged("a scan comes before the frame header")
	}
	if len(p) < 1 || len(p) < 4+2*int(p[0]) {
		return nil, damaged("a scan header is too short")
	}
	n := int(p[0])
	if n < 1 || n > len(d.components) {
		return nil, damaged("a scan has no components, or too many")
	}
	end := p[1+2*n:]
	s := &scan{from: int(end[0]), to: int(end[1]), high: uint(end[2] >> 4), low: uint(end[2] & 15)}
	if !d.progressive {
		s.from, s.to, s.high, s.low = 0, 63, 0, 0
	}
	if s.from > s.to || s.to > 63 || s.low > 13 || s.high > 0 && s.high != s.low+1 ||
		d.progressive && (s.from == 0) != (s.to == 0) || s.from > 0 && n > 1 {
		return nil, damaged("a scan brings frequencies or bits that do not exist")
	}
	for i := range n {
		if err := d.inScan(s, p[1+2*i:], n == 1); err != nil {
			return nil, err
		}
	}
	if len(s.blocks) > 10 {
		return nil, damaged("a group has more than 10 blocks")
	}
	return s, nil
}

// inScan adds the component and the tables that two bytes name.
func (d *decoder) inScan(s *scan, p []byte, alone bool) error {
	var b block
	for _, c := range s.components {
		if c.id == p[0] {
			return damaged("a scan has a component twice")
		}
	}
	for _, c := range d.components {
		if c.id == p[0] {
			b.component = c
		}
	}
	if b.component == nil {
		return damaged("a scan has a component that the frame has not")
	}
	first, second := p[1]>>4, p[1]&15
	if first > 3 || second > 3 {
		return damaged("a scan names a Huffman table that cannot be")
	}
	if s.from == 0 && s.high == 0 {
		if b.codes = d.dc[first]; b.codes == nil || b.codes.most > 15 {
			return damaged("a Huffman table for DC is missing")
		}
	}
	if s.to > 0 {
		if b.band = d.ac[second]; b.band == nil {
			return damaged("a Huffman table for AC is missing")
		}
	}
	c := b.component
	s.components = append(s.components, c)
	b.nx, b.ny, s.groupsX, s.groupsY = c.h, c.v, c.strideX/c.h, c.strideY/c.v
	if alone {
		b.nx, b.ny, s.groupsX, s.groupsY = 1, 1, c.blocksX, c.blocksY
	}
	for i := range b.nx * b.ny {
		b.x, b.y = i%b.nx, i/b.nx
		s.blocks = append(s.blocks, b)
	}
	return nil
}

// wants reports whether something in the scan is to be kept.
func (d *decoder) wants(s *scan) bool {
	for _, c := range s.components {
		if !c.wanted || c.done {
			continue
		}
		switch {
		case s.high == 0 && s.from <= d.last, d.side == 8:
			return true
		case s.from == 0 && c.coming[0] > 1:
			return true
		}
	}
	return false
}

// prepare makes room for what the scan brings.
func (d *decoder) prepare(s *scan) error {
	// A block has one bit at least.
	if s.from == 0 && int64(s.groupsX*s.groupsY*len(s.blocks)) > 8*d.bits.left() {
		return damaged("the file is too short for its picture")
	}
	for i := range s.blocks {
		b := &s.blocks[i]
		b.kept = b.wanted && !b.done
		if b.codes != nil {
			b.codes.lookUpDiffs()
		}
		if !d.progressive {
			b.band.lookUpRuns()
		}
	}
	for _, c := range s.components {
		c.dc = 0
		if !c.wanted {
			continue
		}
		for k := s.from; k <= s.to; k++ {
			if s.high > 0 && c.coming[k] != int8(s.high) || s.from > 0 && c.coefs == nil {
				return damaged("a pass comes before its turn")
			}
		}
		if c.quant != nil {
			continue
		}
		table := d.quants[c.table]
		if table == nil {
			return damaged("a quantisation table is missing")
		}
		c.quant, c.level = scaled(table, d.side), 128<<8
		samples := c.strideX * c.strideY * d.side * d.side
		switch {
		case !d.progressive:
			c.plane = d.samples(c, samples)
		case d.side == 1 && s.low <= 1: // nothing more is to come
			c.plane = d.samples(c, samples)
			c.await(s.low)
		default:
			c.coefs = make([]int16, samples)
		}
	}
	s.kind = s.kindOf()
	return nil
}

// samples returns memory for as many samples of a component.
func (d *decoder) samples(c *component, n int) []uint16 {
	buf := &d.memory.samples[c.number]
	*buf = zeros(*buf, n)
	return *buf
}

// pass notes what the scan has brought.
func (c *component) pass(s *scan, d *decoder) {
	if !c.wanted || c.done {
		return
	}
	if !d.progressive {
		c.done = true
		return
	}
	for k := s.from; k <= s.to; k++ {
		c.coming[k] = int8(s.low)
	}
	c.done = true
	for k, bits := range c.coming[:d.last+1] {
		if bits < 0 || d.side == 8 && bits > 0 || k == 0 && bits > 1 {
			c.done = false
		}
	}
}

// groups reads all groups of blocks, and the restart markers between them.
func (d *decoder) groups(s *scan) error {
	d.bits.restart()
	left, restarts := d.interval, 0
	for y := range s.groupsY {
		for x := 0; x < s.groupsX; {
			n := s.groupsX - x
			if d.interval > 0 {
				if left == 0 {
					if err := d.restart(s, restarts); err != nil {
						return err
					}
					left, restarts = d.interval, restarts+1
				}
				n = min(n, left)
				left -= n
			}
			switch {
			case !d.progressive:
				d.whole(s, x, y, n)
			case s.from == 0 && s.high == 0:
				d.lowest(s, x, y, n)
			case s.from == 0:
				d.lower(s, x, y, n)
			case s.high == 0:
				d.band(s, x, y, n)
			default:
				d.refined(s, x, y, n)
			}
			if err := d.bits.check(); err != nil {
				return err
			}
			x += n
		}
	}
	if s.skip > 0 {
		return damaged("a band ends in blocks that are not there")
	}
	return nil
}

// restart passes over a restart marker: what follows depends on nothing before.
func (d *decoder) restart(s *scan, number int) error {
	marker, err := d.bits.marker()
	if err != nil {
		return err
	}
	if int(marker) != markerRST0+number%8 {
		return damaged("a restart marker is missing")
	}
	d.bits.restart()
	s.skip = 0
	for _, c := range s.components {
		c.dc = 0
	}
	return nil
}
