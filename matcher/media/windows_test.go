package media_test

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math/bits"
	"testing"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
)

// framed puts img on a larger ground: so much is added on each side.
func framed(img image.Image, ground color.Color, left, top, right, bottom int) *image.NRGBA {
	b := img.Bounds()
	out := image.NewNRGBA(image.Rect(0, 0, b.Dx()+left+right, b.Dy()+top+bottom))
	draw.Draw(out, out.Rect, image.NewUniform(ground), image.Point{}, draw.Src)
	draw.Draw(out, b.Add(image.Pt(left, top)), img, b.Min, draw.Src)
	return out
}

// write draws rows of word-like blocks.
func write(img *image.NRGBA, area image.Rectangle, ink color.Color, size int) {
	state := uint32(7)
	for y := area.Min.Y + size/2; y+size <= area.Max.Y; y += size * 3 / 2 {
		for x := area.Min.X + size; x < area.Max.X-4*size; {
			state = state*1664525 + 1013904223
			word := size + int(state>>24)*size/64
			for at := x; at < x+word; at += size * 2 / 3 {
				draw.Draw(img, image.Rect(at, y, at+size/3, y+size), image.NewUniform(ink), image.Point{}, draw.Src)
			}
			x += word + size/2
		}
	}
}

func luma(t testing.TB, img image.Image) phash.Luma {
	t.Helper()
	decoded, err := jpeg.Decode(bytes.NewReader(pictures.JPEG(img, 75)))
	if err != nil {
		t.Fatal(err)
	}
	l, _, err := media.FromImage(decoded, 1)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// nearest returns the smallest distance of a window's hash to the picture's.
func nearest(t testing.TB, img, whole image.Image) int {
	t.Helper()
	want, err := phash.Of(luma(t, img))
	if err != nil {
		t.Fatal(err)
	}
	best := 64
	windows := media.Windows(luma(t, whole))
	if len(windows) > media.MaxWindows {
		t.Errorf("%d windows", len(windows))
	}
	for _, w := range windows {
		got, err := phash.Of(w)
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, bits.OnesCount64(uint64(got.PHash^want.PHash)))
	}
	return best
}

func TestWindowsFindThePictureInside(t *testing.T) {
	edits := map[string]func(*image.NRGBA) image.Image{
		"white border": func(p *image.NRGBA) image.Image { return framed(p, color.White, 40, 40, 40, 40) },
		"black border": func(p *image.NRGBA) image.Image { return framed(p, color.Black, 30, 50, 30, 50) },
		"letterbox":    func(p *image.NRGBA) image.Image { return framed(p, color.Black, 0, 90, 0, 90) },
		"pillars":      func(p *image.NRGBA) image.Image { return framed(p, color.Gray{40}, 120, 0, 120, 0) },
		"caption above": func(p *image.NRGBA) image.Image {
			out := framed(p, color.White, 0, 80, 0, 0)
			write(out, image.Rect(0, 0, out.Rect.Dx(), 80), color.Black, 24)
			return out
		},
		"caption below": func(p *image.NRGBA) image.Image {
			out := framed(p, color.Black, 0, 0, 0, 90)
			write(out, image.Rect(0, out.Rect.Dy()-90, out.Rect.Dx(), out.Rect.Dy()), color.White, 30)
			return out
		},
		"screenshot": func(p *image.NRGBA) image.Image {
			out := framed(framed(p, color.Gray{235}, 0, 60, 0, 70), color.Gray{250}, 0, 30, 0, 0)
			write(out, image.Rect(0, 0, out.Rect.Dx(), 30), color.Gray{60}, 14)
			write(out, image.Rect(0, 30, out.Rect.Dx()/2, 90), color.Gray{60}, 20)
			return out
		},
	}
	var photos []*image.NRGBA
	for seed := range uint64(5) {
		photos = append(photos, pictures.Photo(seed, 480, 360))
	}
	for name, edit := range edits {
		far := 0
		for seed := range uint64(5) {
			photo := photos[seed]
			if d := nearest(t, photo, edit(photo)); d > 8 {
				far++
				t.Logf("%s: photo %d is at distance %d", name, seed, d)
			}
		}
		if far > 1 { // a picture whose own edge is as bright as the bar can hide it
			t.Errorf("%s: %d of 5 photos are not found", name, far)
		}
	}
}

func TestWindowsOfOddPictures(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {2, 700}, {700, 2}, {5, 5}} {
		l := luma(t, pictures.Photo(1, size[0], size[1]))
		for i, w := range media.Windows(l) {
			if _, err := phash.Of(w); err != nil {
				t.Errorf("%v, window %d: %v", size, i, err)
			}
		}
	}
	if n := len(media.Windows(luma(t, image.NewGray(image.Rect(0, 0, 300, 300))))); n != 1 {
		t.Errorf("a flat picture has %d windows", n)
	}
}
