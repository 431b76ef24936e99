package corpus

import (
	"fmt"
	"image"
	"image/color"
	"math/rand/v2"
	"strings"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// A Drawing is a common picture without a photograph: text on a plain ground,
// pages, chats, slides. Many look alike to a perceptual hash.
type Drawing struct {
	Name  string
	Image *image.RGBA
}

// Drawings returns n of them, the same each time.
func Drawings(n int) []Drawing {
	kinds := []struct {
		name string
		draw func(*rand.Rand) *image.RGBA
	}{{"word", bigWord}, {"quote", quote}, {"page", page}, {"chat", chat}, {"slide", slide}}
	out := make([]Drawing, n)
	for i := range out {
		kind := kinds[i%len(kinds)]
		out[i] = Drawing{fmt.Sprintf("%s-%d", kind.name, i/len(kinds)+1), kind.draw(rand.New(rand.NewPCG(uint64(i), 0)))}
	}
	return out
}

// Words returns n words that nobody knows.
func Words(chance *rand.Rand, n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = word(chance, 1+chance.IntN(4))
	}
	return strings.Join(words, " ")
}

func word(chance *rand.Rand, syllables int) string {
	const first, second = "bdfghklmnprstvw", "aeiou"
	var b strings.Builder
	for range syllables {
		b.WriteByte(first[chance.IntN(len(first))])
		b.WriteByte(second[chance.IntN(len(second))])
	}
	return b.String()
}

// Letter writes a line of text into a rectangle, as large as fits, centred.
func Letter(img *image.RGBA, into image.Rectangle, text string, c color.Color, opacity uint8) {
	face := basicfont.Face7x13
	mask := image.NewAlpha(image.Rect(0, 0, face.Advance*len(text), face.Height))
	(&font.Drawer{Dst: mask, Src: image.Opaque, Face: face, Dot: fixed.P(0, face.Ascent)}).DrawString(text)
	w, h := into.Dx(), into.Dx()*face.Height/mask.Rect.Dx()
	if h > into.Dy() {
		w, h = into.Dy()*mask.Rect.Dx()/face.Height, into.Dy()
	}
	at := into.Min.Add(image.Pt((into.Dx()-w)/2, (into.Dy()-h)/2))
	large := image.NewAlpha(image.Rect(0, 0, w, h))
	draw.ApproxBiLinear.Scale(large, large.Bounds(), mask, mask.Bounds(), draw.Src, nil)
	for i, v := range large.Pix {
		large.Pix[i] = uint8(int(v) * int(opacity) / 255)
	}
	draw.DrawMask(img, image.Rect(at.X, at.Y, at.X+w, at.Y+h), image.NewUniform(c), image.Point{}, large, image.Point{}, draw.Over)
}

func sheet(w, h int, c color.Color) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(img, img.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	return img
}

func fill(img *image.RGBA, x0, y0, x1, y1 int, c color.Color) {
	draw.Draw(img, image.Rect(x0, y0, x1, y1), image.NewUniform(c), image.Point{}, draw.Src)
}

var (
	grounds = []color.Color{color.White, color.White, color.Black, color.RGBA{0x1d, 0x6f, 0xb8, 255}, color.RGBA{0xf2, 0xc1, 0x2e, 255}, color.RGBA{0x2b, 0x2b, 0x36, 255}}
	pale    = color.RGBA{0xe4, 0xf7, 0xd2, 255}
	shade   = color.RGBA{0xec, 0xe5, 0xdd, 255}
	teal    = color.RGBA{0x07, 0x5e, 0x54, 255}
)

// ground returns a colour and one that can be read on it.
func ground(chance *rand.Rand) (back, ink color.Color) {
	back = grounds[chance.IntN(len(grounds))]
	if y := color.GrayModel.Convert(back).(color.Gray).Y; y > 128 {
		return back, color.Black
	}
	return back, color.White
}

func bigWord(chance *rand.Rand) *image.RGBA {
	back, ink := ground(chance)
	img := sheet(1000, 750, back)
	Letter(img, image.Rect(100, 150, 900, 600), word(chance, 3), ink, 255) // all of one length, in one place
	return img
}

func quote(chance *rand.Rand) *image.RGBA {
	back, ink := ground(chance)
	img := sheet(1080, 1080, back)
	lines := 3 + chance.IntN(4)
	for i := range lines {
		Letter(img, image.Rect(120, 540-60*lines+120*i, 960, 640-60*lines+120*i), Words(chance, 2+chance.IntN(2)), ink, 255)
	}
	return img
}

func page(chance *rand.Rand) *image.RGBA {
	img := sheet(1000, 1414, color.White)
	Letter(img, image.Rect(100, 90, 900, 140), Words(chance, 4), color.Black, 255)
	for y := 200; y < 1300; {
		for range 3 + chance.IntN(8) {
			Letter(img, image.Rect(100, y, 900-chance.IntN(60), y+20), Words(chance, 14), color.Black, 255)
			y += 26
		}
		y += 26
	}
	return img
}

func chat(chance *rand.Rand) *image.RGBA {
	img := sheet(720, 1440, shade)
	fill(img, 0, 0, 720, 130, teal)
	Letter(img, image.Rect(110, 60, 400, 100), Words(chance, 2), color.White, 255)
	for y := 160; y < 1250; {
		lines, wide := 1+chance.IntN(4), 250+chance.IntN(300)
		x, bubble := 20, color.Color(color.White)
		if chance.IntN(2) == 1 {
			x, bubble = 700-wide, pale
		}
		fill(img, x, y, x+wide, y+30+34*lines, bubble)
		for i := range lines {
			Letter(img, image.Rect(x+15, y+15+34*i, x+wide-15, y+41+34*i), Words(chance, wide/90), color.Black, 255)
		}
		y += 55 + 34*lines
	}
	fill(img, 0, 1340, 720, 1440, color.White)
	return img
}

func slide(chance *rand.Rand) *image.RGBA {
	back, ink := ground(chance)
	img := sheet(1280, 720, back)
	Letter(img, image.Rect(80, 60, 900, 150), Words(chance, 3), ink, 255)
	for i := range 3 + chance.IntN(3) {
		fill(img, 100, 240+90*i, 120, 260+90*i, ink)
		Letter(img, image.Rect(150, 225+90*i, 1100, 275+90*i), Words(chance, 4+chance.IntN(4)), ink, 255)
	}
	return img
}
