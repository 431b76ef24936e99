package pictures

import (
	"bytes"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
)

// Scale returns img resized to w×h pixels with a triangle filter as wide as
// the reduction asks for, so that nothing aliases.
func Scale(img image.Image, w, h int) *image.NRGBA {
	src := nrgba(img)
	sw, sh := src.Rect.Dx(), src.Rect.Dy()
	// Colours are weighted with their alpha: v[3] is 255·alpha, v[0…2] colour·alpha.
	rows := make([][4]int64, w*sh)
	for x, taps := range triangle(sw, w) {
		for y := range sh {
			var v [4]int64
			for _, t := range taps {
				p := src.Pix[y*src.Stride+4*t.at:]
				a := int64(p[3]) * t.weight
				v[0] += int64(p[0]) * a
				v[1] += int64(p[1]) * a
				v[2] += int64(p[2]) * a
				v[3] += 255 * a
			}
			for i := range v {
				v[i] >>= weightBits
			}
			rows[y*w+x] = v
		}
	}
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y, taps := range triangle(sh, h) {
		for x := range w {
			var v [4]int64
			for _, t := range taps {
				for i, c := range rows[t.at*w+x] {
					v[i] += c * t.weight
				}
			}
			p := out.Pix[y*out.Stride+4*x:]
			if alpha := v[3]; alpha > 0 {
				for i := range 3 {
					p[i] = uint8(min(255, (v[i]*255+alpha/2)/alpha))
				}
				p[3] = uint8(min(255, (alpha>>weightBits+127)/255))
			}
		}
	}
	return out
}

const weightBits = 16

// tap is one source pixel and its share; the shares of a target pixel add up
// to 1<<weightBits.
type tap struct {
	at     int
	weight int64
}

// triangle returns the taps of each of n target pixels from size source ones.
func triangle(size, n int) [][]tap {
	taps := make([][]tap, n)
	reach := int64(2 * max(size, n)) // in units of a half target pixel's n-th
	for i := range taps {
		centre := int64(2*i+1) * int64(size)
		var sum int64
		first := max(0, (centre-reach)/int64(2*n))
		for at := first; at < int64(size) && at*int64(2*n)+int64(n) < centre+reach; at++ {
			off := at*int64(2*n) + int64(n) - centre
			if weight := reach - max(off, -off); weight > 0 {
				taps[i] = append(taps[i], tap{int(at), weight})
				sum += weight
			}
		}
		var given int64
		for j := range taps[i] {
			t := &taps[i][j]
			t.weight = t.weight << weightBits / sum
			given += t.weight
		}
		taps[i][len(taps[i])/2].weight += 1<<weightBits - given
	}
	return taps
}

// Crop returns img without percent of its width on the left and on the right,
// and percent of its height above and below. At least one pixel is left.
func Crop(img image.Image, percent float64) *image.NRGBA {
	cut := func(size int) int {
		return clamp(int(float64(size)*percent/100+0.5), 0, (size-1)/2)
	}
	b := img.Bounds()
	x, y := cut(b.Dx()), cut(b.Dy())
	out := image.NewNRGBA(image.Rect(0, 0, b.Dx()-2*x, b.Dy()-2*y))
	draw.Draw(out, out.Rect, img, b.Min.Add(image.Pt(x, y)), draw.Src)
	return out
}

// Mirror returns img with left and right exchanged.
func Mirror(img image.Image) *image.NRGBA {
	src := nrgba(img)
	w, h := src.Rect.Dx(), src.Rect.Dy()
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			copy(out.Pix[y*out.Stride+4*(w-1-x):][:4], src.Pix[y*src.Stride+4*x:])
		}
	}
	return out
}

// JPEG returns img as a baseline JPEG of quality 1 to 100.
func JPEG(img image.Image, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		panic(err) // only a picture without pixels, or too large for the format
	}
	return b.Bytes()
}

// PNG returns img as a PNG.
func PNG(img image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // only a picture without pixels, or too large for the format
	}
	return b.Bytes()
}

// nrgba returns img with its origin at (0, 0), itself if it is so already.
func nrgba(img image.Image) *image.NRGBA {
	if n, ok := img.(*image.NRGBA); ok && n.Rect.Min == (image.Point{}) {
		return n
	}
	b := img.Bounds()
	out := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(out, out.Rect, img, b.Min, draw.Src)
	return out
}
