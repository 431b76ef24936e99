// Package phash computes the perceptual hashes of a picture, together with how
// sure each of their bits is.
//
// One hash is the 64-bit pHash of goimagehash v1.1.0: the 8×8 lowest
// frequencies of the discrete cosine transform of a 64×64 grey picture, each
// compared with their median. Where goimagehash resizes with a triangle filter
// in floating point, this package averages areas in integers. The sums are
// exact, and the transform that follows neither multiplies and adds in one
// expression nor depends on the processor.
//
// The other is PDQ (Facebook, "The TMK+PDQF Video-Hashing Algorithm and the
// PDQ Image-Hashing Algorithm", 2019): the 16×16 lowest frequencies of a
// blurred picture, 256 bits, computed in whole numbers from beginning to end.
// Both are the same bits on every platform.
//
// The margin of a bit is the distance of its coefficient from the median. A
// bit with a small margin is one that a re-encoded copy may have the other way
// round; package probe turns margins into the variants worth testing.
//
// A picture needs structure to be hashed: all flat pictures share one hash.
// Quality measures that structure as PDQ does; below the gate, a picture is
// neither listed nor probed.
package phash

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/corona10/goimagehash/etcs"
	"github.com/corona10/goimagehash/transforms"
)

// The gate: a picture beyond any of these has a hash that others share, or that
// no copy of it keeps. Photographs are far inside: preseal bench recall counts
// those that are not.
const (
	MinQuality   = 50 // of 0 to 100, PDQ's measure of structure
	MinDeviation = 4  // of 0 to 127.5, the standard deviation of the brightness
	MaxUnsure    = 12 // of the 64 lowest PDQ bits, those that hang on half a step of brightness
)

// A PHash is a 64-bit perceptual hash. Its highest bit belongs to the lowest
// frequency, rows first, as in goimagehash.
type PHash uint64

// String returns the hash as 16 hexadecimal digits.
func (h PHash) String() string { return fmt.Sprintf("%016x", uint64(h)) }

// ParsePHash reads 16 hexadecimal digits, with or without the prefix "p:" that
// goimagehash writes.
func ParsePHash(s string) (PHash, error) {
	digits := strings.TrimPrefix(s, "p:")
	if len(digits) != 16 {
		return 0, fmt.Errorf("a phash has 16 hexadecimal digits, not %d", len(digits))
	}
	v, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("phash %.20q is not hexadecimal", digits)
	}
	return PHash(v), nil
}

// An Image is what hashing tells about one picture.
type Image struct {
	PHash     PHash
	Margins   [64]float32 // Margins[i] ≥ 0 belongs to the bit 1<<i of PHash
	PDQ       PDQ
	Spectrum  Spectrum // what PDQ is made of: its margins and other orientations
	Quality   int      // 0 (flat) to 100, PDQ's measure
	Deviation float64  // standard deviation of the brightness, 0 to 127.5
	Unsure    int      // how many of the 64 lowest PDQ bits any noise would flip
}

// Featureless reports whether the picture has too little structure for its
// hashes to mean anything.
func (im *Image) Featureless() bool {
	return im.Quality < MinQuality || im.Deviation < MinDeviation || im.Unsure > MaxUnsure
}

// Of hashes a picture. The error says what is wrong with a malformed l.
func Of(l Luma) (*Image, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	im := new(Image)
	im.PHash, im.Margins = l.average().phash()
	blurred := l.blur()
	im.Spectrum = *blurred.spectrum()
	im.PDQ = im.Spectrum.PDQ()
	im.Quality, im.Deviation, im.Unsure = blurred.quality(), blurred.deviation(), im.Spectrum.unsure()
	return im, nil
}

// phash transforms the plane and compares its 64 lowest frequencies with their
// median. The input values are integers: no rounding happens before the
// transform, and symmetric pictures give coefficients that are zero exactly.
func (p *plane) phash() (PHash, [64]float32) {
	samples := make([]float64, Side*Side)
	for i, v := range p {
		samples[i] = float64(v)
	}
	transforms.DCT2DFast64(&samples)
	low := transforms.FlattenPixelsFast64(samples, 8, 8)
	median := etcs.MedianOfPixelsFast64(low)

	var hash PHash
	var margins [64]float32
	for i, c := range low {
		bit := 63 - i
		if c > median {
			hash |= 1 << bit
		}
		margins[bit] = float32(math.Abs(c - median))
	}
	return hash, margins
}

// quality sums the visible steps between neighbouring samples: PDQ's
// measure, which counts whole percent of the brightness range.
func (p *plane) quality() int {
	sum := 0
	step := func(a, b uint32) {
		d := (int(a) - int(b)) * 100 / White
		sum += max(d, -d)
	}
	for y := range Side {
		for x := range Side {
			if x+1 < Side {
				step(p[y*Side+x], p[y*Side+x+1])
			}
			if y+1 < Side {
				step(p[y*Side+x], p[(y+1)*Side+x])
			}
		}
	}
	return min(sum/90, 100)
}

// deviation returns the standard deviation of the samples, in 8-bit steps. The
// sums are whole numbers: 2^12 · 2^32 at most.
func (p *plane) deviation() float64 {
	var sum, squares uint64
	for _, v := range p {
		sum += uint64(v)
		squares += uint64(v) * uint64(v)
	}
	n := uint64(len(p))
	return math.Sqrt(float64(n*squares-sum*sum)) / float64(n) / (White / 255)
}
