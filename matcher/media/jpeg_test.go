package media

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"testing"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
)

// full decodes a file without scaling it down.
func full(t testing.TB, file []byte) phash.Luma {
	t.Helper()
	l, err := decodeAt(file, 8, chunk)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// decodeAt decodes at side/8 of the size, whatever the size, and reads piece
// bytes at a time.
func decodeAt(file []byte, side, piece int) (phash.Luma, error) {
	d := newDecoder(bytes.NewReader(file), int64(len(file)))
	d.side, d.bits.piece = side, piece
	if err := d.decode(); err != nil {
		return phash.Luma{}, err
	}
	return d.luma(), nil
}

// lumaOf is the luma of an image as this package defines it, in floating point.
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

// kinds are files of every sort, of one picture.
func kinds() map[string]pictures.JPEGKind {
	all := map[string]pictures.JPEGKind{}
	for _, progressive := range []bool{false, true} {
		add := func(name string, k pictures.JPEGKind) {
			if k.Progressive = progressive; progressive {
				name += ", progressive"
			}
			all[name] = k
		}
		for _, s := range [][2]int{{1, 1}, {2, 1}, {2, 2}, {4, 1}, {1, 2}, {4, 2}} {
			add(fmt.Sprintf("ycc %d×%d", s[0], s[1]), pictures.JPEGKind{Sampling: [][2]int{s}})
		}
		add("ycc 3×1", pictures.JPEGKind{Sampling: [][2]int{{3, 1}}})
		add("ycc 3×2 and 2×1", pictures.JPEGKind{Sampling: [][2]int{{3, 2}, {2, 1}, {1, 2}}})
		add("ycc with less luma", pictures.JPEGKind{Sampling: [][2]int{{1, 1}, {2, 1}, {1, 2}}})
		add("ycc with restarts", pictures.JPEGKind{Sampling: [][2]int{{2, 2}}, Restart: 3})
		add("grey", pictures.JPEGKind{Colour: "grey"})
		add("grey 2×2 with restarts", pictures.JPEGKind{Colour: "grey", Sampling: [][2]int{{2, 2}}, Restart: 1})
		add("rgb", pictures.JPEGKind{Colour: "rgb"})
		add("rgb by names", pictures.JPEGKind{Colour: "rgb", NoMarkers: true})
		add("rgb with less red", pictures.JPEGKind{Colour: "rgb", Sampling: [][2]int{{1, 1}, {2, 2}, {2, 1}}})
		add("cmyk", pictures.JPEGKind{Colour: "cmyk"})
		add("ycck", pictures.JPEGKind{Colour: "ycck", Sampling: [][2]int{{2, 2}, {1, 1}, {1, 1}, {2, 2}}})
	}
	all["ycc in separate scans"] = pictures.JPEGKind{Separate: true, Sampling: [][2]int{{2, 2}}, Restart: 7}
	all["cmyk in separate scans"] = pictures.JPEGKind{Separate: true, Colour: "cmyk"}
	all["ycc at quality 100"] = pictures.JPEGKind{Quality: 100}
	all["ycc at quality 1"] = pictures.JPEGKind{Quality: 1}
	return all
}

func TestKindsAtFullScale(t *testing.T) {
	photo := pictures.Photo(11, 149, 93)
	for name, kind := range kinds() {
		file := kind.Encode(photo)
		got := full(t, file)
		want, err := jpeg.Decode(bytes.NewReader(file))
		if err != nil {
			t.Logf("%s: %v", name, err)
			continue
		}
		worst := 0.0
		for i, v := range got.Pix {
			d := float64(v)/256 - lumaOf(want, i%got.W, i/got.W)
			worst = max(worst, d, -d)
		}
		t.Logf("%s: %.2f", name, worst)
		limit := 1.5
		if kind.Colour == "ycck" {
			limit = 12 // what is outside of RGB is cut off there, not here
		}
		if got.W != 149 || got.H != 93 || worst > limit {
			t.Errorf("%s: %d×%d, differs by %.2f", name, got.W, got.H, worst)
		}
	}
}
