package media

import (
	"bytes"
	"go/build"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"maps"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
)

// decodeAt decodes at side/8 of the size, whatever the size, and reads piece
// bytes at a time.
func decodeAt(file []byte, side, piece int) (phash.Luma, error) {
	d := new(JPEG).decoder(bytes.NewReader(file), int64(len(file)))
	d.side, d.bits.piece = side, piece
	if err := d.decode(); err != nil {
		return phash.Luma{}, err
	}
	return d.luma(), nil
}

func full(t testing.TB, file []byte) phash.Luma {
	t.Helper()
	l, err := decodeAt(file, 8, chunk)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// lumaOf is the luma of a decoded image as this package defines it.
func lumaOf(img image.Image, x, y int) float64 {
	switch img := img.(type) {
	case *image.Gray:
		return float64(img.GrayAt(x, y).Y)
	case *image.YCbCr:
		return float64(img.YCbCrAt(x, y).Y)
	}
	c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
	return 0.299*float64(c.R) + 0.587*float64(c.G) + 0.114*float64(c.B)
}

func hash(t testing.TB, l phash.Luma) *phash.Image {
	t.Helper()
	im, err := phash.Of(l)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// kinds are files of every sort. Names that differ after a comma only are of
// the same coefficients of luma.
func kinds() map[string]pictures.JPEGKind {
	all := map[string]pictures.JPEGKind{
		"ycc":                    {},
		"ycc, 2×1":               {Sampling: [][2]int{{2, 1}}},
		"ycc, 2×2":               {Sampling: [][2]int{{2, 2}}},
		"ycc, 4×1":               {Sampling: [][2]int{{4, 1}}},
		"ycc, 1×2":               {Sampling: [][2]int{{1, 2}}},
		"ycc, 4×2":               {Sampling: [][2]int{{4, 2}}},
		"ycc, 3×1":               {Sampling: [][2]int{{3, 1}}},
		"ycc, 3×2, 2×1 and 1×2":  {Sampling: [][2]int{{3, 2}, {2, 1}, {1, 2}}},
		"ycc, restarts":          {Sampling: [][2]int{{2, 2}}, Restart: 3},
		"ycc, names":             {NoMarkers: true},
		"ycc, scans":             {Separate: true, Sampling: [][2]int{{2, 2}}},
		"ycc, scans, restarts":   {Separate: true, Sampling: [][2]int{{2, 2}}, Restart: 7},
		"ycc with less luma":     {Sampling: [][2]int{{1, 1}, {2, 1}, {1, 2}}},
		"ycc of quality 100":     {Quality: 100},
		"ycc of quality 1":       {Quality: 1},
		"grey":                   {Colour: "grey"},
		"grey, 2×2, restarts":    {Colour: "grey", Sampling: [][2]int{{2, 2}}, Restart: 1},
		"rgb":                    {Colour: "rgb"},
		"rgb, names":             {Colour: "rgb", NoMarkers: true},
		"rgb with less red":      {Colour: "rgb", Sampling: [][2]int{{1, 1}, {2, 2}, {2, 1}}},
		"cmyk":                   {Colour: "cmyk"},
		"cmyk, scans, restarts":  {Colour: "cmyk", Separate: true, Restart: 5},
		"ycck":                   {Colour: "ycck"},
		"ycck, 2×2":              {Colour: "ycck", Sampling: [][2]int{{2, 2}, {1, 1}, {1, 1}, {2, 2}}},
		"ycck with less of inks": {Colour: "ycck", Sampling: [][2]int{{1, 1}, {1, 1}, {1, 1}, {2, 2}}},
	}
	for name, k := range maps.Clone(all) {
		if !k.Separate {
			k.Progressive = true
			all[name+", progressive"] = k
		}
	}
	return all
}

func sortedKinds() []string { return slices.Sorted(maps.Keys(kinds())) }

// At full scale samples are those of image/jpeg, but for its rounding to whole
// steps, and cutting off what is outside of RGB before luma is made.
func TestJPEGLikeImageJPEG(t *testing.T) {
	photo, all := pictures.Photo(11, 149, 93), kinds()
	compared := 0
	for _, name := range sortedKinds() {
		file := all[name].Encode(photo)
		want, err := jpeg.Decode(bytes.NewReader(file))
		if err != nil {
			t.Logf("%s: image/jpeg: %v", name, err)
			continue
		}
		compared++
		got, worst, sum := full(t, file), 0.0, 0.0
		for i, v := range got.Pix {
			d := float64(v)/256 - lumaOf(want, i%got.W, i/got.W)
			d = max(d, -d)
			worst, sum = max(worst, d), sum+d
		}
		limit := map[string]float64{"cmyk": 2, "ycck": 12}[all[name].Colour]
		if mean := sum / (149 * 93); got.W != 149 || got.H != 93 || worst > max(limit, 0.6) || mean > 0.5 {
			t.Errorf("%s: %d×%d samples, at most %.2f from image/jpeg's, %.2f in the mean", name, got.W, got.H, worst, mean)
		}
	}
	if compared < 30 {
		t.Errorf("image/jpeg decodes %d kinds", compared)
	}
}

// What files of the same coefficients decode to does not depend on how they are
// coded, nor on how they are read.
func TestJPEGCodings(t *testing.T) {
	photo, all := pictures.Photo(12, 131, 77), kinds()
	for _, name := range sortedKinds() {
		k := all[name]
		file := k.Encode(photo)
		plain, _, _ := strings.Cut(name, ",")
		if want := full(t, all[plain].Encode(photo)); !slices.Equal(full(t, file).Pix, want.Pix) {
			t.Errorf("%s: not the same picture as %s", name, plain)
		}
		for _, side := range []int{1, 2, 4, 8} {
			want, err := decodeAt(file, side, chunk)
			if err != nil {
				t.Fatal(err)
			}
			for _, piece := range []int{1, 2, 61, 1000} {
				if got, err := decodeAt(file, side, piece); err != nil || !slices.Equal(got.Pix, want.Pix) {
					t.Errorf("%s at %d/8, read %d bytes at a time: another picture, %v", name, side, piece, err)
				}
			}
		}
	}
}

// Samples of a scaled block are the means of the pixels that they stand for, as
// far as the kept frequencies tell.
func TestJPEGScalesAreMeans(t *testing.T) {
	state := uint32(1)
	random := func(n int32) int32 {
		state = state*1664525 + 1013904223
		return int32(state>>8)%n - n/2
	}
	for side := 1; side <= 4; side *= 2 {
		table := new([64]uint16)
		for i := range table {
			table[i] = uint16(1 + i%7)
		}
		small := &component{plane: make([]uint16, side*side), strideX: 1, quant: scaled(table, side), level: 128 << 8}
		whole := &component{plane: make([]uint16, 64), strideX: 1, quant: scaled(table, 8), level: 128 << 8}
		for range 500 {
			var kept, all [64]int32
			for i := range side * side {
				kept[i] = random(40)
				all[i/side*8+i%side] = kept[i]
			}
			if whole.store(&all, 0, 0, 8); side == 1 {
				small.plane[0] = small.flat(kept[0])
			} else {
				small.store(&kept, 0, 0, side)
			}
			for i, got := range small.plane {
				n, sum, cut := 8/side, 0, false
				for p := range n * n {
					v := whole.plane[(i/side*n+p/n)*8+i%side*n+p%n]
					cut = cut || v == 0 || v == phash.White
					sum += int(v)
				}
				if d := int(got) - sum/(n*n); !cut && max(d, -d) > 16 {
					t.Fatalf("sample %d of %d×%d is %d, the mean is %d", i, side, side, got, sum/(n*n))
				}
			}
		}
	}
}

// All kinds of one picture hash alike, at every scale that is chosen.
func TestJPEGKindsHashAlike(t *testing.T) {
	all := kinds()
	for _, c := range []struct{ w, h, step int }{{200, 150, 1}, {600, 450, 7}, {1030, 520, 11}, {2050, 520, 13}} {
		photo := pictures.Photo(14, c.w, c.h)
		white, _, err := FromImage(photo, 1)
		if err != nil {
			t.Fatal(err)
		}
		want := hash(t, white)
		for i, name := range sortedKinds() {
			if i%c.step != 0 || all[name].Quality == 1 {
				continue
			}
			file := all[name].Encode(photo)
			l, err := FromJPEG(bytes.NewReader(file), int64(len(file)), 1)
			if err != nil {
				t.Fatal(err)
			}
			got := hash(t, l)
			if d := bits.OnesCount64(uint64(got.PHash ^ want.PHash)); d > 4 || got.PDQ.Distance(want.PDQ) > 20 {
				t.Errorf("%s, %d×%d: distance %d, by PDQ %d", name, c.w, c.h, d, got.PDQ.Distance(want.PDQ))
			}
		}
	}
}

// The scale loses little of what the hashes see.
func TestJPEGScaleAgrees(t *testing.T) {
	n, sum, sumPDQ, far := 0, 0, 0, 0
	for seed := range uint64(15) {
		w := []int{512, 600, 1024, 1300, 2048}[seed%5]
		k := pictures.JPEGKind{Progressive: seed%3 == 0, Quality: 70 + 2*int(seed), Sampling: [][2]int{{2, 2}}}
		file := k.Encode(pictures.Photo(seed+30, w, w*3/8))
		img, err := jpeg.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		white, _, err := FromImage(img, 1)
		if err != nil {
			t.Fatal(err)
		}
		l, err := FromJPEG(bytes.NewReader(file), int64(len(file)), 1)
		if err != nil {
			t.Fatal(err)
		}
		got, want := hash(t, l), hash(t, white)
		if want.Featureless() {
			continue
		}
		d, pdq := bits.OnesCount64(uint64(got.PHash^want.PHash)), got.PDQ.Distance(want.PDQ)
		t.Logf("photo %d, %d pixels wide: %d bits, %d of PDQ", seed+30, w, d, pdq)
		n, sum, sumPDQ = n+1, sum+d, sumPDQ+pdq
		if pdq > 10 {
			far++
		}
	}
	t.Logf("in the mean %.2f bits, %.2f of PDQ", float64(sum)/float64(n), float64(sumPDQ)/float64(n))
	if sum > n || sumPDQ > 4*n || far > 0 || n < 10 {
		t.Errorf("%d pictures: %d bits and %d of PDQ from a full decode, %d are farther than 10", n, sum, sumPDQ, far)
	}
}

// The pictures that image/jpeg is tested with.
func TestJPEGOfGo(t *testing.T) {
	dir := filepath.Join(build.Default.GOROOT, "src", "image", "testdata")
	names, err := filepath.Glob(filepath.Join(dir, "video-00*.jpeg"))
	if err != nil || len(names) == 0 {
		t.Skip("the toolchain's sources are not there")
	}
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		l, err := FromJPEG(bytes.NewReader(file), int64(len(file)), 1)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		original := "video-001.png"
		switch {
		case strings.Contains(name, "gray"):
			original = "video-005.gray.png"
		case strings.Contains(name, "truncated"): // passes are missing, but it ends as it should
			original = "video-001.progressive.truncated.png"
		}
		f, err := os.Open(filepath.Join(dir, original))
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		white, _, err := FromImage(img, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, want := hash(t, l), hash(t, white)
		if d := bits.OnesCount64(uint64(got.PHash ^ want.PHash)); d > 4 {
			t.Errorf("%s: distance %d, by PDQ %d", filepath.Base(name), d, got.PDQ.Distance(want.PDQ))
		} else {
			t.Logf("%s: distance %d, by PDQ %d", filepath.Base(name), d, got.PDQ.Distance(want.PDQ))
		}
	}
}

// The photograph of golang.org/x/image, if the module is at hand.
func TestJPEGOfXImage(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/image").Output()
	if err != nil {
		t.Skip("the go command is not there")
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "testdata", "*.jpeg"))
	if err != nil || len(files) == 0 {
		t.Skip("the module's sources are not there")
	}
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		white, _, err := FromImage(img, 1)
		if err != nil {
			t.Fatal(err)
		}
		l, err := FromJPEG(bytes.NewReader(file), int64(len(file)), 1)
		if err != nil {
			t.Fatal(err)
		}
		got, want := hash(t, l), hash(t, white)
		if d := bits.OnesCount64(uint64(got.PHash ^ want.PHash)); d > 2 || got.PDQ.Distance(want.PDQ) > 10 {
			t.Errorf("%s: distance %d, by PDQ %d", filepath.Base(name), d, got.PDQ.Distance(want.PDQ))
		}
	}
}
