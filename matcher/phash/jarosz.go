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
// 1/65536, with the sum 65536, and up to seven zeros.
type kernel struct {
	first   int
	weights [][8]uint64
}

// spare is how many samples behind the last one a kernel may reach.
const spare = 7

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
		weights, sum, before := make([][8]uint64, (len(exact)+spare)/8), 0.0, uint64(0)
		for k, w := range exact {
			sum += w
			total := uint64(sum*65536 + 0.5)
			weights[k/8][k%8], before = total-before, total
		}
		out[i] = kernel{first, weights}
	}
	return out
}

// A blurring is the memory that blur works in, for the next call as well.
type blurring struct {
	row    []uint16
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
	b.row, b.narrow = grown(b.row, l.W+spare), grown(b.narrow, Side*(l.H+spare))
	row, narrow := b.row, b.narrow
	for y := range l.H {
		copy(row, l.Pix[y*l.W:(y+1)*l.W])
		out := (*[Side]uint32)(narrow[y*Side:])
		for i := range across {
			k, sum := &across[i], uint64(0)
			samples := row[k.first:]
			for n := range k.weights {
				w, v := &k.weights[n], (*[8]uint16)(samples[8*n:])
				sum += w[0]*uint64(v[0]) + w[1]*uint64(v[1]) + w[2]*uint64(v[2]) + w[3]*uint64(v[3]) +
					w[4]*uint64(v[4]) + w[5]*uint64(v[5]) + w[6]*uint64(v[6]) + w[7]*uint64(v[7])
			}
			out[i] = uint32(sum >> 8)
		}
	}
	p := new(plane)
	for i := range down {
		k := &down[i]
		for x := range Side {
			sum := uint64(0)
			for n := range k.weights {
				w, v := &k.weights[n], (*[spare*Side + 1]uint32)(narrow[(k.first+8*n)*Side+x:])
				sum += w[0]*uint64(v[0]) + w[1]*uint64(v[Side]) + w[2]*uint64(v[2*Side]) + w[3]*uint64(v[3*Side]) +
					w[4]*uint64(v[4*Side]) + w[5]*uint64(v[5*Side]) + w[6]*uint64(v[6*Side]) + w[7]*uint64(v[7*Side])
			}
			p[i*Side+x] = uint32((sum + 1<<23) >> 24)
		}
	}
	return p
}
