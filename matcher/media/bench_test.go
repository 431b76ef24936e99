package media

import (
	"bytes"
	"image"
	"image/draw"
	"image/jpeg"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
)

// stitched returns a picture of many photographs beside each other.
func stitched(w, h int) *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	const tw, th = 1000, 750
	for y := 0; y < h; y += th {
		for x := 0; x < w; x += tw {
			seed := uint64(y/th*10+x/tw) + 1
			draw.Draw(out, image.Rect(x, y, x+tw, y+th), pictures.Photo(seed, tw, th), image.Point{}, draw.Src)
		}
	}
	return out
}

// BenchmarkJPEG decodes files, most of 12 megapixels, as hashing does, interleaved
// with image/jpeg, and prints the ratio of the medians.
func BenchmarkJPEG(b *testing.B) {
	img := stitched(4000, 3000)
	files := map[string][]byte{
		"baseline 4:2:0 q85": pictures.JPEG(img, 85),
		"baseline 4:2:0 q95": pictures.JPEG(img, 95),
		"2 megapixels":       pictures.JPEG(stitched(1600, 1200), 85),
	}
	if runtime.GOARCH != "wasm" {
		files["progressive 4:2:0"] = pictures.JPEGKind{Progressive: true, Sampling: [][2]int{{2, 2}}}.Encode(img)
		files["progressive 4:4:4"] = pictures.JPEGKind{Progressive: true}.Encode(img)
		files["baseline 4:4:4"] = pictures.JPEGKind{}.Encode(img)
	}
	for name, file := range files {
		b.Run(name, func(b *testing.B) {
			var own, whole, hash []float64
			measured := func(into *[]float64, f func() error) {
				start := time.Now()
				if err := f(); err != nil {
					b.Fatal(err)
				}
				*into = append(*into, float64(time.Since(start).Microseconds())/1000)
			}
			var l phash.Luma
			for b.Loop() {
				measured(&own, func() (err error) { l, err = FromJPEG(bytes.NewReader(file), int64(len(file)), 1); return err })
				measured(&hash, func() error { _, err := phash.Of(l); return err })
				measured(&whole, func() error { _, err := jpeg.Decode(bytes.NewReader(file)); return err })
			}
			for _, v := range [][]float64{own, whole, hash} {
				slices.Sort(v)
			}
			m := len(own) / 2
			b.ReportMetric(own[m], "ms")
			b.ReportMetric(own[m]/whole[m], "of-image/jpeg")
			b.ReportMetric(hash[m], "hash-ms")
			b.Logf("%d bytes, %d×%d samples", len(file), l.W, l.H)
		})
	}
}
