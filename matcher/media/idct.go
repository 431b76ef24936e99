package media

import "github.com/preseal/preseal/matcher/phash"

// zigzag is the place of each frequency in natural order, rows first (ITU-T
// T.81, figure A.6).
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
}

// The transform back (A.3.3), along one axis, is
//
//	pixel(i) = Σ w(u) · cos((2i+1)uπ/16) · F(u)        w(0) = 1/√8, else 1/2
//
// for i and u from 0 to 7. The mean of two neighbours is the same with half as
// many points, each frequency weakened by cos(uπ/16); that of four has a quarter
// as many, weakened by cos(2uπ/16) as well. So one transform serves all scales,
// and all weights are part of the quantisation table. It computes in whole
// numbers, which are the same everywhere.
const (
	cosineBits = 13
	weightBits = 20
	quantBits  = 16
	passBits   = 6 // dropped between the axes, so that no sum leaves 64 bits
	sumBits    = quantBits - passBits + cosineBits
)

// cosines are those of kπ/16.
var cosines = [9]int64{8192, 8035, 7568, 6811, 5793, 4551, 3135, 1598, 0}

// cosine returns that of kπ/16, for any k ≥ 0.
func cosine(k int) int64 {
	switch k %= 32; {
	case k > 24:
		return cosines[32-k]
	case k > 16:
		return -cosines[k-16]
	case k > 8:
		return -cosines[16-k]
	}
	return cosines[k]
}

// bases are the transforms of 1, 2, 4 and 8 points: of each frequency the share
// in every sample.
var bases = func() (all [9][8][8]int64) {
	for side := 1; side <= 8; side *= 2 {
		for u := range side {
			for i := range side {
				all[side][u][i] = cosine((2*i + 1) * u * (8 / side))
			}
		}
	}
	return all
}()

// weights are w(u) with what each scale weakens.
var weights = [9][8]int64{
	1: {370728},
	2: {370728, 475072},
	4: {370728, 514214, 484379, 435930},
	8: {370728, 524288, 524288, 524288, 524288, 524288, 524288, 524288},
}

// kept returns the place of frequency k, in zigzag order, among side × side of
// them, -1 if it is not there.
func kept(k, side int) int {
	if u, v := int(zigzag[k]%8), int(zigzag[k]/8); u < side && v < side {
		return v*side + u
	}
	return -1
}

// scaled returns a quantisation table for side × side samples a block.
func scaled(table *[64]uint16, side int) *[64]int64 {
	out := new([64]int64)
	for k, q := range table {
		if i := kept(k, side); i >= 0 {
			weight := weights[side][i%side] * weights[side][i/side]
			out[i] = int64(q) * weight >> (2*weightBits - quantBits)
		}
	}
	return out
}

// store transforms the side × side coefficients of the block at x, y, and puts
// the samples into their place. Each is rounded once.
func (c *component) store(coefs *[64]int32, x, y, side int) {
	switch side {
	case 2:
		c.store2(coefs, x, y)
	case 4:
		c.store4(coefs, x, y)
	default:
		c.storeAny(coefs, x, y, side)
	}
}

// storeAny is store for any number of samples.
func (c *component) storeAny(coefs *[64]int32, x, y, side int) {
	basis := &bases[side]
	var half [64]int64 // 8 a row: frequencies down, samples across
	for v := range side {
		row := half[8*v : 8*v+8]
		for u := range side {
			if f := coefs[v*side+u]; f != 0 {
				f := int64(f) * c.quant[v*side+u] >> passBits
				for i, share := range &basis[u] {
					row[i] += f * share
				}
			}
		}
	}
	stride := c.strideX * side
	for column := range side {
		var sums [8]int64
		for v := range side {
			if f := half[8*v+column] >> cosineBits; f != 0 {
				for i, share := range &basis[v] {
					sums[i] += f * share
				}
			}
		}
		at := y*side*stride + x*side + column
		for _, sum := range sums[:side] {
			c.plane[at] = c.sample(sum, sumBits)
			at += stride
		}
	}
}

// store2 is store for 2×2 samples.
func (c *component) store2(coefs *[64]int32, x, y int) {
	q := c.quant
	a, b := two(int64(coefs[0])*q[0]>>passBits, int64(coefs[1])*q[1]>>passBits)
	e, f := two(int64(coefs[2])*q[2]>>passBits, int64(coefs[3])*q[3]>>passBits)
	a, e = two(a>>cosineBits, e>>cosineBits)
	b, f = two(b>>cosineBits, f>>cosineBits)
	stride := 2 * c.strideX
	at := 2*y*stride + 2*x
	upper, lower := c.plane[at:at+2], c.plane[at+stride:at+stride+2]
	upper[0], upper[1] = c.sample(a, sumBits), c.sample(b, sumBits)
	lower[0], lower[1] = c.sample(e, sumBits), c.sample(f, sumBits)
}

// store4 is store for 4×4 samples.
func (c *component) store4(coefs *[64]int32, x, y int) {
	var half [16]int64
	for v := 0; v < 16; v += 4 {
		q, f := c.quant[v:v+4], coefs[v:v+4]
		half[v], half[v+1], half[v+2], half[v+3] = four(
			int64(f[0])*q[0]>>passBits, int64(f[1])*q[1]>>passBits,
			int64(f[2])*q[2]>>passBits, int64(f[3])*q[3]>>passBits)
	}
	stride := 4 * c.strideX
	at := 4*y*stride + 4*x
	for i := range 4 {
		a, b, e, f := four(half[i]>>cosineBits, half[i+4]>>cosineBits, half[i+8]>>cosineBits, half[i+12]>>cosineBits)
		c.plane[at+i] = c.sample(a, sumBits)
		c.plane[at+i+stride] = c.sample(b, sumBits)
		c.plane[at+i+2*stride] = c.sample(e, sumBits)
		c.plane[at+i+3*stride] = c.sample(f, sumBits)
	}
}

// two is the transform of 2 points, of which bases has the factors.
func two(f, g int64) (int64, int64) {
	f, g = f*8192, g*5793
	return f + g, f - g
}

// four is the transform of 4 points. The samples mirror each other in the even
// frequencies, and in the odd ones with the other sign.
func four(f, g, h, k int64) (int64, int64, int64, int64) {
	a, b := f*8192+h*5793, f*8192-h*5793
	d, e := g*7568+k*3135, g*3135-k*7568
	return a + d, b + e, b - e, a - d
}

// flat returns the sample of a block of which the lowest frequency is kept.
func (c *component) flat(f int32) uint16 { return c.sample(int64(f)*c.quant[0], quantBits) }

// flatSample is flat with what rounding returns.
func flatSample(f, quant, level int64) uint16 {
	return uint16(min(max((f*quant+level)>>(quantBits-8), 0), phash.White))
}

// rounding returns the level with a half to round, in quantBits.
func (c *component) rounding() int64 { return c.level<<(quantBits-8) + 1<<(quantBits-9) }

// sample makes one of a number with so many fractional bits.
func (c *component) sample(v int64, bits uint) uint16 {
	drop := bits - 8 // phash.Luma has 8
	return uint16(min(max((v+1<<drop>>1)>>drop+c.level, 0), phash.White))
}
