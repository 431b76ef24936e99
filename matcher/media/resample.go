package media

import (
	"slices"

	"github.com/preseal/preseal/matcher/internal/halves"
)

// An overlap is what a box of the grid takes of the samples that it covers, from
// the first one on: shares in 1/65536, with the sum 65536.
type overlap struct {
	first  int
	shares []uint32
}

// overlaps returns what each box takes. The boxes lie between the edges, and
// the last of these is the end of the picture, which is n/per samples long.
func overlaps(edges []int, n, per int) []overlap {
	whole := edges[len(edges)-1]
	out := make([]overlap, len(edges)-1)
	for i := range out {
		// One unit divides boxes and samples: a sample is size units long.
		from, to, size := edges[i]*n, edges[i+1]*n, per*whole
		first, last := from/size, (to-1)/size
		o := overlap{first, make([]uint32, last-first+1)}
		given := uint32(0)
		for k := range o.shares { // rounding the running sum keeps the whole
			end := min(to, (first+k+1)*size)
			sum := uint32((uint64(end-from)<<16 + uint64(to-from)/2) / uint64(to-from))
			o.shares[k], given = sum-given, sum
		}
		out[i] = o
	}
	return out
}

// resample averages the samples of every box, down and then across. It reuses
// the memory of out.
func resample(out, pix []uint16, stride int, across, down []overlap) []uint16 {
	boxes := len(across) * len(down)
	out = slices.Grow(out[:0], boxes)[:boxes]
	end := across[len(across)-1]
	n := end.first + len(end.shares)
	sums := make([]uint64, halves.Len(n)) // a row, times 65536
	narrow := make([]uint32, len(sums)*2)
	same := 0 // boxes that are samples
	for same < len(across) && across[same].first == same && len(across[same].shares) == 1 {
		same++
	}
	same &^= 3
	for y := range down {
		line := out[y*len(across):][:len(across)]
		if o := down[y]; y > 0 && len(o.shares) == 1 && len(down[y-1].shares) == 1 && o.first == down[y-1].first {
			copy(line, out[(y-1)*len(across):])
			continue
		}
		clear(sums)
		for k, share := range down[y].shares {
			halves.Add(sums, pix[(down[y].first+k)*stride:][:n], uint64(share))
		}
		rounded(line[:same], sums)
		if same < len(line) {
			spread(narrow, sums)
			mean(line[same:], across[same:], narrow)
		}
	}
	return out
}

// mean averages the samples of boxes, of which few have more than two.
func mean(line []uint16, boxes []overlap, narrow []uint32) {
	for x := range line {
		o := &boxes[x]
		row := narrow[o.first:]
		sum := 1<<31 + uint64(o.shares[0])*uint64(row[0])
		for k, share := range o.shares[1:] {
			sum += uint64(share) * uint64(row[k+1])
		}
		line[x] = uint16(sum >> 32)
	}
}

// rounded makes samples of as many sums.
func rounded(line []uint16, sums []uint64) {
	const half = 0x0000800000008000
	for len(line) >= 4 && len(sums) >= 2 {
		p, s := (*[4]uint16)(line), (*[2]uint64)(sums)
		v := (s[0]+half)>>16&halves.EveryOther | (s[1]+half)&^halves.EveryOther
		p[0], p[1], p[2], p[3] = uint16(v), uint16(v>>16), uint16(v>>32), uint16(v>>48)
		line, sums = line[4:], sums[2:]
	}
}

// spread puts sums one after the other.
func spread(narrow []uint32, sums []uint64) {
	for len(narrow) >= 4 && len(sums) >= 2 {
		p, s := (*[4]uint32)(narrow), (*[2]uint64)(sums)
		p[0], p[1], p[2], p[3] = uint32(s[0]), uint32(s[1]), uint32(s[0]>>32), uint32(s[1]>>32)
		narrow, sums = narrow[4:], sums[2:]
	}
}
