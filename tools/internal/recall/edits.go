package recall

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"

	"golang.org/x/image/draw"
	"golang.org/x/image/math/f64"

	"github.com/preseal/preseal/tools/internal/corpus"
)

// Pictures in this file are opaque and begin at 0, 0.

func blank(w, h int) *image.RGBA { return image.NewRGBA(image.Rect(0, 0, max(w, 1), max(h, 1))) }

func opaque(img image.Image) *image.RGBA {
	if m, ok := img.(*image.RGBA); ok {
		return m
	}
	b := img.Bounds()
	out := blank(b.Dx(), b.Dy())
	draw.Draw(out, out.Bounds(), img, b.Min, draw.Src)
	return out
}

func clone(img *image.RGBA) *image.RGBA {
	out := blank(img.Rect.Dx(), img.Rect.Dy())
	draw.Draw(out, out.Bounds(), img, image.Point{}, draw.Src)
	return out
}

// shrink makes the longer side that many pixels long; nil if it is no longer.
func shrink(img *image.RGBA, side int) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	long := max(w, h)
	if long <= side {
		return nil
	}
	out := blank((w*side+long/2)/long, (h*side+long/2)/long)
	draw.BiLinear.Scale(out, out.Bounds(), img, img.Bounds(), draw.Src, nil)
	return out
}

// screenshot scales to the width of a viewport as screens do: each pixel from
// the four nearest ones, even where that skips some.
func screenshot(img *image.RGBA, width int) *image.RGBA {
	out := blank(width, img.Rect.Dy()*width/img.Rect.Dx())
	draw.ApproxBiLinear.Scale(out, out.Bounds(), img, img.Bounds(), draw.Src, nil)
	return out
}

func pow(x, y float64) float64 { return math.Pow(x, y) }

// tone changes each colour of each pixel by itself.
func tone(img *image.RGBA, curve func(float64) float64) *image.RGBA {
	var table [256]uint8
	for i := range table {
		table[i] = level(255 * curve(float64(i)/255))
	}
	out := clone(img)
	for i := range out.Pix {
		if i%4 != 3 {
			out.Pix[i] = table[out.Pix[i]]
		}
	}
	return out
}

func level(v float64) uint8 { return uint8(min(max(v, 0), 255) + 0.5) }

func grey(img *image.RGBA) *image.RGBA {
	out := clone(img)
	for i := 0; i < len(out.Pix); i += 4 {
		p := out.Pix[i : i+3]
		y, _, _ := color.RGBToYCbCr(p[0], p[1], p[2])
		p[0], p[1], p[2] = y, y, y
	}
	return out
}

func noise(img *image.RGBA, chance *rand.Rand) *image.RGBA {
	const deviation = 12
	out := clone(img)
	for i, v := range out.Pix {
		if i%4 != 3 {
			out.Pix[i] = level(float64(v) + deviation*chance.NormFloat64())
		}
	}
	return out
}

// blur is three box filters in each direction, nearly a Gaussian: its standard
// deviation is 1/400 of the longer side.
func blur(img *image.RGBA) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	radius := max(1, max(w, h)/400)
	out := clone(img)
	line := make([]uint8, max(w, h))
	for range 3 {
		for channel := range 3 {
			for y := range h {
				box(out.Pix[y*out.Stride+channel:], 4, line[:w], radius)
			}
			for x := range w {
				box(out.Pix[4*x+channel:], out.Stride, line[:h], radius)
			}
		}
	}
	return out
}

// box averages len(line) samples, each step bytes from the last, over 2·radius+1.
func box(pix []uint8, step int, line []uint8, radius int) {
	n := len(line)
	for i := range line {
		line[i] = pix[i*step]
	}
	at := func(i int) int { return int(line[min(max(i, 0), n-1)]) }
	sum := 0
	for i := -radius; i <= radius; i++ {
		sum += at(i)
	}
	for i := range line {
		pix[i*step] = uint8((sum + radius) / (2*radius + 1))
		sum += at(i+radius+1) - at(i-radius)
	}
}

// crop cuts percents of the width and height away.
func crop(img *image.RGBA, left, top, right, bottom float64) *image.RGBA {
	w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	part := image.Rect(int(w*left/100+0.5), int(h*top/100+0.5), int(w*(1-right/100)+0.5), int(h*(1-bottom/100)+0.5))
	out := blank(part.Dx(), part.Dy())
	draw.Draw(out, out.Bounds(), img, part.Min, draw.Src)
	return out
}

// rotate turns by degrees and cuts away the corners, as photo editors do when
// they straighten: the proportions stay.
func rotate(img *image.RGBA, degrees float64) *image.RGBA {
	w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	zoom := cos + max(w/h, h/w)*sin
	out := blank(img.Rect.Dx(), img.Rect.Dy())
	a, b := zoom*cos, zoom*sin
	draw.ApproxBiLinear.Transform(out, f64.Aff3{a, -b, w/2 - a*w/2 + b*h/2, b, a, h/2 - b*w/2 - a*h/2}, img, img.Bounds(), draw.Src, nil)
	return out
}

// turn mirrors left and right, then turns clockwise.
func turn(img *image.RGBA, mirrored bool, quarters int) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := blank(w, h)
	if quarters%2 == 1 {
		out = blank(h, w)
	}
	for y := range h {
		for x := range w {
			tx, ty := x, y
			if mirrored {
				tx = w - 1 - x
			}
			switch quarters {
			case 1:
				tx, ty = h-1-ty, tx
			case 2:
				tx, ty = w-1-tx, h-1-ty
			case 3:
				tx, ty = ty, w-1-tx
			}
			copy(out.Pix[ty*out.Stride+4*tx:][:4], img.Pix[y*img.Stride+4*x:][:4])
		}
	}
	return out
}

// border adds 6 % of the shorter side on all sides.
func border(img *image.RGBA, c color.Color) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	wide := min(w, h) * 6 / 100
	out := blank(w+2*wide, h+2*wide)
	draw.Draw(out, out.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	draw.Draw(out, image.Rect(wide, wide, wide+w, wide+h), img, image.Point{}, draw.Src)
	return out
}

// caption adds a white bar, 12 to 20 % of the height, with one or two lines of
// black text.
func caption(img *image.RGBA, chance *rand.Rand, above bool) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	tall := h * (12 + chance.IntN(9)) / 100
	out := blank(w, h+tall)
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src)
	bar, rest := image.Rect(0, h, w, h+tall), image.Rect(0, 0, w, h)
	if above {
		bar, rest = image.Rect(0, 0, w, tall), image.Rect(0, tall, w, tall+h)
	}
	draw.Draw(out, rest, img, image.Point{}, draw.Src)
	lines := 1 + chance.IntN(2)
	for i := range lines {
		line := image.Rect(bar.Min.X+w/30, bar.Min.Y+i*tall/lines+tall/8/lines, bar.Max.X-w/30, bar.Min.Y+(i+1)*tall/lines-tall/8/lines)
		corpus.Letter(out, line, corpus.Words(chance, 3+chance.IntN(4)), color.Black, 255)
	}
	return out
}

// watermark writes half-transparent white text into a corner, a third of the
// width.
func watermark(img *image.RGBA, chance *rand.Rand) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := clone(img)
	corpus.Letter(out, image.Rect(w*62/100, h*88/100, w*97/100, h*97/100), corpus.Words(chance, 2), color.White, 128)
	return out
}
