package pictures

// All arithmetic is on integers in 12-bit fixed point: one is 1.0, for
// colours, mixing weights and lengths alike. Every product fits 32 bits, so
// neither the width of int nor fused multiply-add can change a picture.
const (
	shift = 12
	one   = 1 << shift
)

// splitmix64 scrambles x; consecutive values give independent results.
func splitmix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// rng is a splitmix64 generator.
type rng uint64

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return splitmix64(uint64(*r))
}

// in returns a number from lo to hi, both included.
func (r *rng) in(lo, hi int) int {
	return lo + int(r.next()>>33%uint64(hi-lo+1))
}

// oneIn is true once in n times.
func (r *rng) oneIn(n int) bool { return r.in(1, n) == 1 }

func clamp(v, lo, hi int) int { return max(lo, min(v, hi)) }

// smooth is the cubic that joins 0 to one with flat ends.
func smooth(t int) int {
	return t * t >> shift * (3*one - 2*t) >> shift
}

// noise is value noise with one lattice point per one, from 0 to one-1.
func noise(seed uint64, x, y int) int {
	const right, down = 0x8cb92ba72f3d8dd7, 0xd6e8feb86659fd93
	at := func(h uint64) int {
		h = (h ^ h>>32) * 0xbf58476d1ce4e5b9
		return int((h ^ h>>29) * 0x94d049bb133111eb >> (64 - shift))
	}
	h := seed + uint64(x>>shift)*right + uint64(y>>shift)*down
	tx, ty := smooth(x&(one-1)), smooth(y&(one-1))
	a, b := at(h), at(h+right)
	c, d := at(h+down), at(h+right+down)
	a += (b - a) * tx >> shift
	c += (d - c) * tx >> shift
	return a + (c-a)*ty>>shift
}

// fbm adds octaves of noise, each at twice the frequency and half the
// amplitude of the one before, which gives the 1/f spectrum of photographs.
// From 0 to one, around one/2.
func fbm(seed uint64, x, y, octaves int) int {
	sum, amp := 0, one/2
	for range octaves {
		sum += (noise(seed, x, y) - one/2) * amp >> shift
		amp /= 2
		seed += 0x9e3779b97f4a7c15
		// Doubling with a turn (3-4-5 triangle) hides the lattice.
		x, y = (8*x+6*y)/5+977, (8*y-6*x)/5-1409
	}
	return clamp(one/2+sum, 0, one)
}

// colour is red, green and blue, each from 0 to one.
type colour struct{ r, g, b int }

// hex reads 0xRRGGBB.
func hex(v int) colour {
	c := func(b int) int { return b & 255 * one / 255 }
	return colour{c(v >> 16), c(v >> 8), c(v)}
}

func mix(a, b colour, t int) colour {
	t = clamp(t, 0, one)
	return colour{a.r + (b.r-a.r)*t>>shift, a.g + (b.g-a.g)*t>>shift, a.b + (b.b-a.b)*t>>shift}
}

// times scales the brightness of c.
func (c colour) times(k int) colour {
	return colour{c.r * k >> shift, c.g * k >> shift, c.b * k >> shift}
}

// plus adds k to every channel.
func (c colour) plus(k int) colour { return colour{c.r + k, c.g + k, c.b + k} }

// jitter moves every channel at random, by amount at most.
func (c colour) jitter(r *rng, amount int) colour {
	j := func(v int) int { return clamp(v+r.in(-amount, amount), 0, one) }
	return colour{j(c.r), j(c.g), j(c.b)}
}
