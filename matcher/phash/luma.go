package phash

import "fmt"

const (
	// Side is the edge of the square plane that is hashed, in samples.
	Side = 64
	// White is the brightest sample of a Luma: 255 with eight fractional bits.
	White = 255 << 8
	// MaxEdge is the longest edge of a Luma, in samples.
	MaxEdge = 1 << 14
)

// A Luma is a grey picture: W×H samples in rows from the top, each 0 (black)
// to White. Hashing squeezes it to a square, so its proportions do not matter.
type Luma struct {
	Pix  []uint16
	W, H int
}

func (l Luma) check() error {
	if l.W < 1 || l.H < 1 || l.W > MaxEdge || l.H > MaxEdge {
		return fmt.Errorf("a picture of %d×%d samples cannot be hashed: each edge must have 1 to %d", l.W, l.H, MaxEdge)
	}
	if len(l.Pix) != l.W*l.H {
		return fmt.Errorf("a picture of %d×%d needs %d samples, not %d", l.W, l.H, l.W*l.H, len(l.Pix))
	}
	return nil
}

// plane holds 64×64 samples, 0 to White.
type plane [Side * Side]uint32

// average squeezes l into a plane. Every sample is the exact mean of the area
// that it covers, rounded once: on a grid of W·64 × H·64, a source sample is
// 64×64 and a target sample W×H, so all overlaps are whole numbers.
func (l Luma) average() *plane {
	p, area := new(plane), uint64(l.W)*uint64(l.H)
	across, down := cells(l.W), cells(l.H)
	columns := make([]uint64, l.W)
	for y := range down {
		d := &down[y]
		clear(columns)
		add(columns, l.row(d.first), d.head)
		for whole := d.first + 1; whole < d.last; whole++ {
			add(columns, l.row(whole), Side)
		}
		add(columns, l.row(d.last), d.tail)
		for x := range across {
			c := &across[x]
			sum := c.head*columns[c.first] + c.tail*columns[c.last]
			for whole := c.first + 1; whole < c.last; whole++ {
				sum += Side * columns[whole]
			}
			p[y*Side+x] = uint32((sum + area/2) / area)
		}
	}
	return p
}

func (l Luma) row(y int) []uint16 { return l.Pix[y*l.W : (y+1)*l.W] }

// A cell covers the samples first to last of an axis: those two in part, with
// the weights head and tail, and the ones between them with Side.
type cell struct {
	first, last int
	head, tail  uint64
}

// cells divides an axis of n samples, each of which has the weight Side.
func cells(n int) (out [Side]cell) {
	for i := range out {
		from, to := i*n, (i+1)*n
		c := cell{first: from / Side, last: (to - 1) / Side}
		c.head, c.tail = uint64((c.first+1)*Side-from), uint64(to-c.last*Side)
		if c.first == c.last {
			c.head, c.tail = uint64(n), 0
		}
		out[i] = c
	}
	return out
}

// add adds a row times its weight to the sums of as many columns.
func add(columns []uint64, row []uint16, weight uint64) {
	x := 0
	for ; x+8 <= len(columns); x += 8 {
		sums, v := (*[8]uint64)(columns[x:]), (*[8]uint16)(row[x:])
		sums[4] += weight * uint64(v[4])
		sums[5] += weight * uint64(v[5])
		sums[6] += weight * uint64(v[6])
		sums[7] += weight * uint64(v[7])
		sums[0] += weight * uint64(v[0])
		sums[1] += weight * uint64(v[1])
		sums[2] += weight * uint64(v[2])
		sums[3] += weight * uint64(v[3])
	}
	for ; x < len(columns); x++ {
		columns[x] += weight * uint64(row[x])
	}
}
