package media

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

// resample averages the samples of every box, down and then across.
func resample(pix []uint16, stride int, across, down []overlap) []uint16 {
	out := make([]uint16, len(across)*len(down))
	end := across[len(across)-1]
	narrow := make([]uint64, end.first+len(end.shares)) // a row, times 65536
	for y, rows := range down {
		for k, share := range rows.shares {
			row := pix[(rows.first+k)*stride:][:len(narrow)]
			if k == 0 {
				for i, v := range row {
					narrow[i] = uint64(share) * uint64(v)
				}
				continue
			}
			for i, v := range row {
				narrow[i] += uint64(share) * uint64(v)
			}
		}
		line := out[y*len(across):][:len(across)]
		for x := range across {
			o := &across[x]
			sum := uint64(1 << 31)
			if len(o.shares) == 1 {
				sum += narrow[o.first] << 16
			} else {
				for k, share := range o.shares {
					sum += uint64(share) * narrow[o.first+k]
				}
			}
			line[x] = uint16(sum >> 32)
		}
	}
	return out
}
