package phash_test

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"math/bits"
	"testing"

	"github.com/corona10/goimagehash"

	"github.com/preseal/preseal/matcher/internal/vectors"
	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
)

func hash(t testing.TB, img image.Image) *phash.Image {
	t.Helper()
	white, _, err := media.FromImage(img, 1)
	if err != nil {
		t.Fatal(err)
	}
	im, err := phash.Of(white)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func distance(a, b phash.PHash) int { return bits.OnesCount64(uint64(a ^ b)) }

// The reference resizes with another filter, so the hashes of photographs
// differ a little; flat and synthetic pictures have coefficients of zero, whose
// bits are noise in the reference and defined here.
func TestDistanceToGoimagehash(t *testing.T) {
	sum, photos := 0, 0
	for seed := range uint64(40) {
		size := []int{64, 200, 333, 640, 1000}[seed%5]
		img := pictures.Photo(seed, size, size*3/4)
		im := hash(t, img)
		want, err := goimagehash.PerceptionHash(img)
		if err != nil {
			t.Fatal(err)
		}
		d := distance(im.PHash, phash.PHash(want.GetHash()))
		t.Logf("photo %2d, %4d×%3d: distance %d, quality %d", seed, size, size*3/4, d, im.Quality)
		if im.Featureless() {
			t.Errorf("photo %d has quality %d", seed, im.Quality)
		}
		if d > 8 {
			t.Errorf("photo %d is at distance %d from goimagehash", seed, d)
		}
		sum, photos = sum+d, photos+1
	}
	if mean := float64(sum) / float64(photos); mean > 2 {
		t.Errorf("the mean distance to goimagehash is %.2f bits, want ≤ 2", mean)
	}
	for seed := range uint64(40) {
		img := pictures.Synthetic(seed, 300, 200)
		im := hash(t, img)
		want, err := goimagehash.PerceptionHash(img)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("synthetic %2d: distance %d, quality %d", seed, distance(im.PHash, phash.PHash(want.GetHash())), im.Quality)
		if again := hash(t, img); *again != *im {
			t.Errorf("synthetic %d hashes to %s, then to %s", seed, im.PHash, again.PHash)
		}
	}
}

// On a grey picture of 64×64 nothing is resized: the hashes are the same.
func TestSameTransformAsGoimagehash(t *testing.T) {
	for seed := range uint64(64) {
		photo, img := pictures.Photo(seed, 64, 64), image.NewGray(image.Rect(0, 0, 64, 64))
		for i := range img.Pix {
			img.Pix[i] = photo.Pix[4*i]
		}
		want, err := goimagehash.PerceptionHash(img)
		if err != nil {
			t.Fatal(err)
		}
		if got := hash(t, img).PHash; got != phash.PHash(want.GetHash()) {
			t.Errorf("seed %d: got %s, want %016x", seed, got, want.GetHash())
		}
	}
}

// The same bits on every CPU, with and without fused multiply-add, and in
// WebAssembly: this test runs in all of them.
func TestVectors(t *testing.T) {
	type vector struct {
		Name    string   `json:"name"`
		Width   int      `json:"width"`
		Height  int      `json:"height"`
		RGBA    []byte   `json:"rgba"`
		PHash   string   `json:"phash"`
		PDQ     string   `json:"pdq"`
		Quality int      `json:"quality"`
		Margins []string `json:"margins"` // float32 bits
	}
	var all []vector
	add := func(name string, img *image.NRGBA) {
		im := hash(t, img)
		v := vector{name, img.Rect.Dx(), img.Rect.Dy(), img.Pix, im.PHash.String(), im.PDQ.String(), im.Quality, nil}
		for _, m := range im.Margins {
			v.Margins = append(v.Margins, fmt.Sprintf("%08x", math.Float32bits(m)))
		}
		all = append(all, v)
	}
	add("photograph", pictures.Photo(1, 48, 36))
	add("photograph, upright", pictures.Photo(2, 33, 47))
	add("photograph, mirrored", pictures.Mirror(pictures.Photo(1, 48, 36)))
	glass := pictures.Photo(3, 40, 40)
	for i := 3; i < len(glass.Pix); i += 4 {
		glass.Pix[i] = uint8(i / 4 % 256)
	}
	add("transparent", glass)
	add("flat", pictures.Synthetic(0, 20, 20))
	add("one pixel", pictures.Photo(4, 1, 1))
	vectors.Check(t, "../..", "phash.json", all)
}

func TestFlatPicturesAreFeatureless(t *testing.T) {
	for _, level := range []uint8{0, 1, 127, 254, 255} {
		img := image.NewGray(image.Rect(0, 0, 300, 200))
		for i := range img.Pix {
			img.Pix[i] = level
		}
		im := hash(t, img)
		if im.Quality != 0 || !im.Featureless() {
			t.Errorf("a flat picture of level %d has quality %d", level, im.Quality)
		}
	}
}

// Symmetric patterns have plenty of structure and hardly a bit that is sure.
func TestPatternsAreFeatureless(t *testing.T) {
	for name, level := range map[string]func(x, y int) uint8{
		"checkerboard": func(x, y int) uint8 { return uint8((x/16 + y/16) % 2 * 200) },
		"stripes":      func(x, y int) uint8 { return uint8(x / 8 % 2 * 255) },
		"a gradient":   func(x, y int) uint8 { return uint8(x * 255 / 320) },
	} {
		img := image.NewGray(image.Rect(0, 0, 320, 320))
		for i := range img.Pix {
			img.Pix[i] = level(i%320, i/320)
		}
		if im := hash(t, img); !im.Featureless() {
			t.Errorf("%s: quality %d, deviation %.1f, %d bits unsure", name, im.Quality, im.Deviation, im.Unsure)
		}
	}
}

// Traps of the reference that this package does not share.
func TestTraps(t *testing.T) {
	if _, err := phash.Of(phash.Luma{}); err == nil {
		t.Error("a picture without samples has a hash")
	}
	for _, l := range []phash.Luma{
		{Pix: make([]uint16, 3), W: 2, H: 2},
		{Pix: nil, W: -1, H: -1},
		{Pix: make([]uint16, 4), W: 1 << 40, H: 1 << 40},
		{Pix: nil, W: 0, H: 5},
	} {
		if _, err := phash.Of(l); err == nil {
			t.Errorf("a picture of %d×%d with %d samples has a hash", l.W, l.H, len(l.Pix))
		}
	}

	// A SubImage of 64×64 away from the origin is hashed at its place.
	whole := pictures.Photo(7, 200, 200)
	part := whole.SubImage(image.Rect(50, 60, 114, 124))
	moved := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	for y := range 64 {
		for x := range 64 {
			moved.Set(x, y, whole.At(50+x, 60+y))
		}
	}
	if a, b := hash(t, part), hash(t, moved); *a != *b {
		t.Errorf("a part hashes to %s, its copy to %s", a.PHash, b.PHash)
	}

	// Extreme proportions give a hash and no panic.
	for _, size := range [][2]int{{1, 1}, {1, 20000}, {20000, 1}, {63, 65}, {2, 3}} {
		img := image.NewGray(image.Rect(0, 0, size[0], size[1]))
		for i := range img.Pix {
			img.Pix[i] = uint8(i * 37)
		}
		hash(t, img)
	}
}

func TestAverageIsExact(t *testing.T) {
	// A picture whose columns rise evenly keeps its mean in every cell.
	for _, w := range []int{64, 128, 100, 1000, 63, 1} {
		l := phash.Luma{Pix: make([]uint16, w*w), W: w, H: w}
		for i := range l.Pix {
			l.Pix[i] = phash.White / 2
		}
		im, err := phash.Of(l)
		if err != nil || im.Quality != 0 {
			t.Errorf("%d: quality %d, %v", w, im.Quality, err)
		}
		for bit, m := range im.Margins[:63] {
			if m > 1e-6 {
				t.Errorf("%d: bit %d has a margin of %g in a flat picture", w, bit, m)
			}
		}
	}
}

func TestReencodedPhotographsStayNear(t *testing.T) {
	for seed := range uint64(6) {
		img := pictures.Photo(seed, 400, 300)
		small := pictures.Scale(img, 200, 150)
		if d := distance(hash(t, img).PHash, hash(t, small).PHash); d > 4 {
			t.Errorf("photo %d at half its size is at distance %d", seed, d)
		}
		other := pictures.Photo(seed+100, 400, 300)
		if d := distance(hash(t, img).PHash, hash(t, other).PHash); d < 8 {
			t.Errorf("photos %d and %d are at distance %d", seed, seed+100, d)
		}
	}
}

func TestParsePHash(t *testing.T) {
	for _, s := range []string{"00ff00ff12345678", "p:00FF00ff12345678"} {
		h, err := phash.ParsePHash(s)
		if err != nil || h.String() != "00ff00ff12345678" {
			t.Errorf("%q: got %s, %v", s, h, err)
		}
	}
	for _, s := range []string{"", "p:", "12345", "+0ff00ff12345678", "00ff00ff1234567g", "a:00ff00ff12345678"} {
		if h, err := phash.ParsePHash(s); err == nil {
			t.Errorf("%q: got %s, want an error", s, h)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, 2, 2)
	f.Fuzz(func(t *testing.T, data []byte, w, h int) {
		pix := make([]uint16, len(data))
		for i, b := range data {
			pix[i] = uint16(b)<<8 | uint16(b)
		}
		im, err := phash.Of(phash.Luma{Pix: pix, W: w, H: h})
		if err != nil {
			return
		}
		if im.Quality < 0 || im.Quality > 100 {
			t.Errorf("quality %d", im.Quality)
		}
		for _, m := range im.Margins {
			if !(m >= 0) || math.IsInf(float64(m), 0) {
				t.Errorf("margin %g", m)
			}
		}
	})
}

// The whole path from decoded pixels to the hash, and the reference's.
func BenchmarkPHash(b *testing.B) {
	img := image.NewRGBA(image.Rect(0, 0, 4000, 3000))
	small := pictures.Photo(1, 400, 300)
	for y := range 3000 {
		for x := range 4000 {
			img.Set(x, y, color.RGBAModel.Convert(small.At(x/10, y/10)))
		}
	}
	b.Run("preseal", func(b *testing.B) {
		for b.Loop() {
			white, _, err := media.FromRGBA(img.Pix, 4000, 3000)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := phash.Of(white); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("goimagehash", func(b *testing.B) {
		for b.Loop() {
			if _, err := goimagehash.PerceptionHash(img); err != nil {
				b.Fatal(err)
			}
		}
	})
}
