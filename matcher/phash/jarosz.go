package phash

import (
	"slices"
	"sync"
)

// PDQ blurs a picture with a box filter, twice in each direction (Jarosz), and
// takes 64×64 points of the result. Only those points are computed here: two
// boxes one after the other are a weighted sum of neighbours, the same for all
// rows, and then for all columns.

// A kernel is the weights of one point: of the samples from first on, in
// 1/65536, with the sum 65536, and zeros up to a whole number of blocks.
type kernel struct {
	first   int
	weights [][block]uint64
}

const (
	block = 8         // of which a point of an axis of up to 512 samples has one
	spare = block - 1 // how many samples behind the last one a kernel may reach
)

// kernels returns the weights of the 64 points of an axis of n samples.
func kernels(n int) [Side]kernel {
	// The reference's window has n/128 samples, rounded up, and reaches one
	// further to the right than to the left where it is even.
	window := (n + 2*Side - 1) / (2 * Side)
	right := (window+2)/2 - 1
	left := window - 1 - right
	span := func(at int) (from, to int) { return max(0, at-left), min(n, at+right+1) }

	var out [Side]kernel
	for i := range out {
		from, to := span((2*i + 1) * n / (2 * Side))
		first, _ := span(from)
		_, end := span(to - 1)
		exact := make([]float64, end-first)
		for at := from; at < to; at++ {
			a, b := span(at)
			for k := a; k < b; k++ {
				exact[k-first] += 1 / float64((to-from)*(b-a))
			}
		}
		// Rounding the running sum keeps the sum of the weights.
		weights, sum, before := make([][block]uint64, (len(exact)+spare)/block), 0.0, uint64(0)
		for k, w := range exact {
			sum += w
			total := uint64(sum*65536 + 0.5)
			weights[k/block][k%block], before = total-before, total
		}
		out[i] = kernel{first, weights}
	}
	return out
}

// A blurring is the memory that blur works in, for the next call as well.
type blurring struct {
	rows   []uint64 // two, in halves of words: sums of weighted samples have 32 bits
	narrow []uint32 // 64 points of each row, times 256
}

var blurs = sync.Pool{New: func() any { return new(blurring) }}

// grown returns n elements, in the memory of buf if it has enough. Behind what is
// written to they only have to be there: kernels weigh them with zeros.
func grown[E any](buf []E, n int) []E { return slices.Grow(buf[:0], n)[:n] }

// blur returns the points that PDQ hashes.
func (l Luma) blur() *plane {
	across, down := kernels(l.W), kernels(l.H)
	b := blurs.Get().(*blurring)
	defer blurs.Put(b)
	b.rows, b.narrow = grown(b.rows, l.W+spare), grown(b.narrow, Side*(l.H+spare))
	rows, narrow := b.rows, b.narrow
	for y := 0; y < l.H; y += 2 {
		pair(rows, l.row(y), l.row(min(y+1, l.H-1)))
		out := (*[2 * Side]uint32)(narrow[y*Side:])
		for i := range across {
			k, sum := &across[i], uint64(0)
			samples := rows[k.first:]
			for n := range k.weights {
				w, v := &k.weights[n], (*[block]uint64)(samples[block*n:])
				sum += w[0]*v[0] + w[1]*v[1] + w[2]*v[2] + w[3]*v[3] + w[4]*v[4] + w[5]*v[5] + w[6]*v[6] + w[7]*v[7]
			}
			out[i], out[Side+i] = uint32(sum)>>8, uint32(sum>>40)
		}
	}
	p := new(plane)
	for i := range down {
		k := &down[i]
		for x := range Side {
			sum := uint64(0)
			for n := range k.weights {
				w, v := &k.weights[n], (*[spare*Side + 1]uint32)(narrow[(k.first+block*n)*Side+x:])
				sum += w[0]*uint64(v[0]) + w[1]*uint64(v[Side]) + w[2]*uint64(v[2*Side]) + w[3]*uint64(v[3*Side]) +
					w[4]*uint64(v[4*Side]) + w[5]*uint64(v[5*Side]) + w[6]*uint64(v[6*Side]) + w[7]*uint64(v[7*Side])
			}
			p[i*Side+x] = uint32((sum + 1<<23) >> 24)
		}
	}
	return p
}

// pair puts the samples of two rows into rows.
func pair(rows []uint64, upper, lower []uint16) {
	for len(upper) >= 8 && len(lower) >= 8 && len(rows) >= 8 {
		p, u, l := (*[8]uint64)(rows), (*[8]uint16)(upper), (*[8]uint16)(lower)
		p[0], p[1] = uint64(u[0])|uint64(l[0])<<32, uint64(u[1])|uint64(l[1])<<32
		p[2], p[3] = uint64(u[2])|uint64(l[2])<<32, uint64(u[3])|uint64(l[3])<<32
		p[4], p[5] = uint64(u[4])|uint64(l[4])<<32, uint64(u[5])|uint64(l[5])<<32
		p[6], p[7] = uint64(u[6])|uint64(l[6])<<32, uint64(u[7])|uint64(l[7])<<32
		rows, upper, lower = rows[8:], upper[8:], lower[8:]
	}
	for i, v := range upper {
		rows[i] = uint64(v) | uint64(lower[i])<<32
	}
}
