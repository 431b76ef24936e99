package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/png"
	"math/bits"
	"testing"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
)

// same fails unless a file hashes nearly like want.
func same(t *testing.T, name string, file []byte, want *phash.Image) {
	t.Helper()
	p := read(t, file)
	if p.Reason != "" {
		t.Errorf("%s: %s, %v", name, p.Reason, p.Detail)
		return
	}
	im, err := phash.Of(p.Planes[0])
	if err != nil {
		t.Fatal(err)
	}
	if d := bits.OnesCount64(uint64(im.PHash ^ want.PHash)); d > 4 || im.PDQ.Distance(want.PDQ) > 16 {
		t.Errorf("%s: distance %d, and %d by PDQ", name, d, im.PDQ.Distance(want.PDQ))
	}
}

// stored turns img so that the EXIF orientation o shows it upright.
func stored(img *image.NRGBA, o int) *image.NRGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	if o >= 5 {
		out = image.NewNRGBA(image.Rect(0, 0, h, w))
	}
	W, H := out.Rect.Dx(), out.Rect.Dy()
	for y := range h {
		for x := range w {
			at := [9][2]int{
				1: {x, y}, 2: {W - 1 - x, y}, 3: {W - 1 - x, H - 1 - y}, 4: {x, H - 1 - y},
				5: {y, x}, 6: {y, H - 1 - x}, 7: {W - 1 - y, H - 1 - x}, 8: {W - 1 - y, x},
			}[o]
			out.SetNRGBA(at[0], at[1], img.NRGBAAt(x, y))
		}
	}
	return out
}

// oriented puts an EXIF segment into a JPEG file.
func oriented(file []byte, o int) []byte {
	tiff := []byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00")
	tiff = append(tiff, byte(o), 0, 0, 0, 0, 0, 0, 0)
	out := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xe1}, uint16(2+len(tiff)))
	return append(append(out, tiff...), file[2:]...)
}

func TestKindsOfOnePicture(t *testing.T) {
	photo := pictures.Photo(5, 640, 480)
	white, _, err := media.FromImage(photo, 1)
	if err != nil {
		t.Fatal(err)
	}
	want, err := phash.Of(white)
	if err != nil {
		t.Fatal(err)
	}
	for o := 1; o <= 8; o++ {
		same(t, "orientation "+string(rune('0'+o)), oriented(pictures.JPEG(stored(photo, o), 80), o), want)
	}
	encode := func(img image.Image) []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	deep, grey, deepGrey := image.NewNRGBA64(photo.Rect), image.NewGray(photo.Rect), image.NewGray16(photo.Rect)
	paletted := image.NewPaletted(photo.Rect, palette.Plan9)
	for _, img := range []draw.Image{deep, grey, deepGrey} {
		draw.Draw(img, photo.Rect, photo, image.Point{}, draw.Src)
	}
	draw.FloydSteinberg.Draw(paletted, photo.Rect, photo, image.Point{})
	for name, img := range map[string]image.Image{"16 bits": deep, "grey": grey, "16-bit grey": deepGrey, "palette": paletted} {
		same(t, name, encode(img), want)
	}

	// The first frame of an animation counts.
	var b bytes.Buffer
	blank := image.NewPaletted(photo.Rect, color.Palette{color.White})
	if err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{paletted, blank}, Delay: []int{10, 10}}); err != nil {
		t.Fatal(err)
	}
	same(t, "animation", b.Bytes(), want)

	// Grey with transparency is seen over white and over black.
	glass := image.NewNRGBA(photo.Rect)
	draw.Draw(glass, photo.Rect, grey, image.Point{}, draw.Src)
	for i := 3; i < len(glass.Pix); i += 4 {
		glass.Pix[i] = 128
	}
	if p := read(t, encode(glass)); len(p.Planes) != 2 {
		t.Errorf("grey with alpha has %d planes, want 2", len(p.Planes))
	}
	for _, size := range [][2]int{{1, 1}, {1, 20000}, {20000, 1}} {
		p := read(t, encode(pictures.Photo(1, size[0], size[1])))
		if p.Reason != "" || len(p.Planes) != 1 {
			t.Errorf("%v: %s, %d planes", size, p.Reason, len(p.Planes))
		}
	}
}
