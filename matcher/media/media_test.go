package media_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math/bits"
	"testing"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
)

func sniff(b []byte) (media.Info, error) { return media.Sniff(bytes.NewReader(b), int64(len(b))) }

func reason(err error) string {
	var e *media.Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return fmt.Sprint(err)
}

// withExif puts an EXIF segment with an orientation behind the first marker.
func withExif(file []byte, order binary.AppendByteOrder, orientation int) []byte {
	mark := "MM\x00*"
	if order.String() == "LittleEndian" {
		mark = "II*\x00"
	}
	tiff := order.AppendUint32([]byte("Exif\x00\x00"+mark), 8)
	tiff = order.AppendUint16(tiff, 2)
	for _, tag := range []uint16{0x010f, 0x0112} {
		tiff = order.AppendUint16(tiff, tag)
		tiff = order.AppendUint16(tiff, 3)
		tiff = order.AppendUint32(tiff, 1)
		tiff = order.AppendUint16(tiff, uint16(orientation))
		tiff = order.AppendUint16(tiff, 0)
	}
	out := []byte{0xff, 0xd8, 0xff, 0xff, 0xe1}
	out = binary.BigEndian.AppendUint16(out, uint16(2+len(tiff)))
	return append(append(out, tiff...), file[2:]...)
}

func TestSniff(t *testing.T) {
	img := pictures.Photo(1, 40, 30)
	var g, p bytes.Buffer
	if err := gif.Encode(&g, img, nil); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&p, img); err != nil {
		t.Fatal(err)
	}
	jpg := pictures.JPEG(img, 80)
	ispe := "\x00\x00\x00\x14ispe\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x80"
	ipco := "\x00\x00\x00\x1cipco" + ispe
	iprp := "\x00\x00\x00\x24iprp" + ipco
	avif := "\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif" + "\x00\x00\x00\x30meta\x00\x00\x00\x00" + iprp
	for _, c := range []struct {
		name, file string
		want       media.Info
		reason     string
	}{
		{"jpeg", string(jpg), media.Info{Format: "jpeg", Width: 40, Height: 30, Orientation: 1}, ""},
		{"jpeg, progressive", string(pictures.JPEGKind{Progressive: true}.Encode(img)), media.Info{Format: "jpeg", Width: 40, Height: 30, Orientation: 1, Progressive: true}, ""},
		{"jpeg, turned", string(withExif(jpg, binary.BigEndian, 6)), media.Info{Format: "jpeg", Width: 40, Height: 30, Orientation: 6}, ""},
		{"jpeg, little-endian", string(withExif(jpg, binary.LittleEndian, 3)), media.Info{Format: "jpeg", Width: 40, Height: 30, Orientation: 3}, ""},
		{"jpeg, no such orientation", string(withExif(jpg, binary.LittleEndian, 9)), media.Info{Format: "jpeg", Width: 40, Height: 30, Orientation: 1}, ""},
		{"png", p.String(), media.Info{Format: "png", Width: 40, Height: 30, Orientation: 1}, ""},
		{"gif", g.String(), media.Info{Format: "gif", Width: 40, Height: 30, Orientation: 1}, ""},
		{"bmp", "BM" + string(make([]byte, 12)) + "\x28\x00\x00\x00\x28\x00\x00\x00\xe2\xff\xff\xff" + string(make([]byte, 30)), media.Info{Format: "bmp", Width: 40, Height: 30, Orientation: 1}, ""},
		{"webp, lossy", "RIFF\x00\x00\x00\x00WEBPVP8 \x00\x00\x00\x00\x10\x00\x00\x9d\x01\x2a\x28\x00\x1e\x00", media.Info{Format: "webp", Width: 40, Height: 30, Orientation: 1}, ""},
		{"webp, lossless", "RIFF\x00\x00\x00\x00WEBPVP8L\x00\x00\x00\x00\x2f\x27\x40\x07\x00\x00\x00\x00\x00\x00", media.Info{Format: "webp", Width: 40, Height: 30, Orientation: 1}, ""},
		{"webp, extended", "RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x27\x00\x00\x1d\x00\x00", media.Info{Format: "webp", Width: 40, Height: 30, Orientation: 1}, ""},
		{"avif", avif, media.Info{Format: "avif", Width: 256, Height: 128, Orientation: 1}, ""},
		{"avif without dimensions", avif[:24], media.Info{Format: "avif", Orientation: 1}, media.Undecodable},
		{"heic", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", media.Info{Format: "heic", Orientation: 1}, ""},
		{"mp4", "\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42", media.Info{Format: "mp4", Orientation: 1}, ""},
		{"matroska", "\x1a\x45\xdf\xa3\x01\x00\x00\x00", media.Info{Format: "webm", Orientation: 1}, ""},
		{"avi", "RIFF\x00\x00\x00\x00AVI LIST", media.Info{Format: "avi", Orientation: 1}, ""},
		{"tiff", "II*\x00\x08\x00\x00\x00", media.Info{Format: "tiff", Orientation: 1}, ""},
		{"pdf", "%PDF-1.7\n", media.Info{Format: "pdf", Orientation: 1}, ""},
		{"svg", "\xef\xbb\xbf\n<?xml version='1.0'?>\n<svg xmlns='…'/>", media.Info{Format: "svg", Orientation: 1}, ""},
		{"text", "hello, world", media.Info{Orientation: 1}, media.NotAnImage},
		{"text called BM", "BMW is a car and a motorcycle", media.Info{Orientation: 1}, media.NotAnImage},
		{"nothing", "", media.Info{Orientation: 1}, media.Empty},
		{"jpeg, cut", string(jpg[:20]), media.Info{Format: "jpeg", Orientation: 1}, media.Undecodable},
		{"png, cut", p.String()[:18], media.Info{Format: "png", Orientation: 1}, media.Undecodable},
		{"jpeg, cut within the image", string(jpg[:len(jpg)-200]), media.Info{Format: "jpeg", Width: 40, Height: 30, Orientation: 1}, ""},
		{"jpeg, more behind it", string(jpg) + "MotionPhoto", media.Info{Format: "jpeg", Width: 40, Height: 30, Orientation: 1}, ""},
		{"png, cut within the image", p.String()[:p.Len()-5], media.Info{Format: "png", Width: 40, Height: 30, Orientation: 1}, media.Undecodable},
		{"webp, cut", "RIFF\x40\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x27\x00\x00\x1d\x00\x00", media.Info{Format: "webp", Orientation: 1}, media.Undecodable},
		{"png, huge", p.String()[:16] + "\x00\x00\x4e\x20\x00\x00\x4e\x20", media.Info{Format: "png", Width: 20000, Height: 20000, Orientation: 1}, media.TooLarge},
		{"png, absurd", p.String()[:16] + "\xff\xff\xff\xff\xff\xff\xff\xff", media.Info{Format: "png", Orientation: 1}, media.Undecodable},
		{"png, empty", p.String()[:16] + "\x00\x00\x00\x00\x00\x00\x00\x01", media.Info{Format: "png", Height: 1, Orientation: 1}, media.Undecodable},
	} {
		got, err := sniff([]byte(c.file))
		if got != c.want || (err == nil) != (c.reason == "") || err != nil && reason(err) != c.reason {
			t.Errorf("%s: got %+v, %v; want %+v, %q", c.name, got, err, c.want, c.reason)
		}
	}
}

func TestSniffEndlessSegments(t *testing.T) {
	file := append([]byte{0xff, 0xd8}, bytes.Repeat([]byte{0xff, 0xe0, 0x00, 0x02}, 1<<20)...)
	if _, err := sniff(file); reason(err) != media.TooComplex {
		t.Errorf("got %v", err)
	}
	if _, err := media.Sniff(bytes.NewReader(nil), media.MaxBytes+1); reason(err) != media.TooLarge {
		t.Errorf("a huge file: %v", err)
	}
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, io.ErrClosedPipe }

func TestSniffPassesReadErrorsOn(t *testing.T) {
	if _, err := media.Sniff(failing{}, 10); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

func FuzzSniff(f *testing.F) {
	img := pictures.Photo(1, 16, 16)
	f.Add(pictures.JPEG(img, 50))
	f.Add(withExif(pictures.JPEG(img, 50), binary.LittleEndian, 5))
	f.Add(pictures.PNG(img))
	f.Add([]byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif\x00\x00\x00\x00meta"))
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := sniff(b)
		if info.Orientation < 1 || info.Orientation > 8 {
			t.Errorf("orientation %d", info.Orientation)
		}
		var e *media.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("error %v", err)
		}
		if err == nil && info.Width > 0 && info.Width > media.MaxPixels/info.Height {
			t.Errorf("%d×%d pixels are accepted", info.Width, info.Height)
		}
	})
}

// slow is what FromRGBA does, one pixel at a time in floating point.
func slow(pix []byte, w, h, x0, x1, y0, y1 int, ground float64) float64 {
	sum := 0.0
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			p := pix[4*(y*w+x):]
			luma := 0.299*float64(p[0]) + 0.587*float64(p[1]) + 0.114*float64(p[2])
			a := float64(p[3]) / 255
			sum += a*luma + (1-a)*ground
		}
	}
	return 256 * sum / float64((x1-x0)*(y1-y0))
}

func TestFromRGBAAveragesAreas(t *testing.T) {
	for _, c := range []struct {
		w, h  int
		alpha func(i int) uint8
	}{
		{1, 1, func(int) uint8 { return 255 }},
		{511, 3, func(int) uint8 { return 255 }},
		{1024, 1025, func(int) uint8 { return 255 }},
		{1601, 1100, func(int) uint8 { return 255 }},
		{2600, 530, func(i int) uint8 { return uint8(255 - i/2600%3) }}, // opaque rows between others
		{1537, 700, func(i int) uint8 { return uint8(i) }},
		{2309, 20, func(int) uint8 { return 255 }},
		{4001, 300, func(int) uint8 { return 255 }},
		{4095, 5, func(i int) uint8 { return uint8(255 - i/4095%2) }},
		{8191, 300, func(int) uint8 { return 255 }},
		{200_001, 2, func(int) uint8 { return 255 }},
		{3, 70_003, func(int) uint8 { return 255 }},
	} {
		pix := make([]byte, 4*c.w*c.h)
		state := uint32(1)
		for i := range pix {
			state = state*1664525 + 1013904223
			pix[i] = byte(state >> 24)
			if i%4 == 3 {
				pix[i] = c.alpha(i / 4)
			}
			if i/4%c.w < c.w/3 && i%4 != 3 {
				pix[i] = 255 // as bright as can be: sums must not overflow
			}
		}
		white, black, err := media.FromRGBA(pix, c.w, c.h)
		if err != nil {
			t.Fatal(err)
		}
		if (black != nil) != (c.alpha(77) < 254 || c.alpha(2600) < 255 || c.alpha(4095) < 255) {
			t.Errorf("%d×%d: over black: %v", c.w, c.h, black != nil)
		}
		for i := 0; i < len(white.Pix); i += 1 + len(white.Pix)/5000 {
			x, y := i%white.W, i/white.W
			edge := func(i, n, of int) int { return i * n / of }
			x0, x1 := edge(x, c.w, white.W), edge(x+1, c.w, white.W)
			if width := c.w / white.W; width >= 4 { // whole grains, and the rest
				width = map[bool]int{true: 4, false: (width + 1) &^ 7}[width < 7]
				if x0, x1 = x*width, (x+1)*width; x+1 == white.W {
					x1 = c.w
				}
			}
			y0, y1 := edge(y, c.h, white.H), edge(y+1, c.h, white.H)
			if got, want := float64(white.Pix[i]), slow(pix, c.w, c.h, x0, x1, y0, y1, 255); got-want > 1 || want-got > 1 {
				t.Fatalf("%d×%d, sample %d,%d over white: got %g, want %g", c.w, c.h, x, y, got, want)
			}
			if black == nil {
				continue
			}
			if got, want := float64(black.Pix[i]), slow(pix, c.w, c.h, x0, x1, y0, y1, 0); got-want > 1 || want-got > 1 {
				t.Fatalf("%d×%d, sample %d,%d over black: got %g, want %g", c.w, c.h, x, y, got, want)
			}
		}
	}
}

func TestFromRGBARejects(t *testing.T) {
	for _, c := range []struct {
		n, w, h int
		reason  string
	}{
		{0, 0, 0, media.Undecodable},
		{4, -1, -1, media.Undecodable},
		{4, 2, 1, media.Undecodable},
		{4, 1 << 31, 1 << 31, media.TooLarge},
		{4, 20000, 20000, media.TooLarge},
	} {
		if _, _, err := media.FromRGBA(make([]byte, c.n), c.w, c.h); reason(err) != c.reason {
			t.Errorf("%d bytes as %d×%d: %v, want %s", c.n, c.w, c.h, err, c.reason)
		}
	}
}

// turned stores img so that the EXIF orientation o shows it upright.
func turned(img image.Image, o int) *image.NRGBA {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	if o >= 5 {
		w, h = h, w
	}
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range b.Dy() {
		for x := range b.Dx() {
			// Where the upright pixel x, y is stored (Exif 2.32, table 6).
			at := map[int][2]int{
				1: {x, y}, 2: {w - 1 - x, y}, 3: {w - 1 - x, h - 1 - y}, 4: {x, h - 1 - y},
				5: {y, x}, 6: {y, h - 1 - x}, 7: {w - 1 - y, h - 1 - x}, 8: {w - 1 - y, x},
			}[o]
			out.Set(at[0], at[1], img.At(x, y))
		}
	}
	return out
}

func TestAllOrientationsAreOnePicture(t *testing.T) {
	img := pictures.Photo(5, 600, 450)
	upright, _, err := media.FromImage(img, 1)
	if err != nil {
		t.Fatal(err)
	}
	want, err := phash.Of(upright)
	if err != nil {
		t.Fatal(err)
	}
	for o := 1; o <= 8; o++ {
		l, _, err := media.FromImage(turned(img, o), o)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := phash.Of(l); err != nil || got.PHash != want.PHash || l.W != upright.W {
			t.Errorf("orientation %d: %s, %v; want %s", o, got.PHash, err, want.PHash)
		}
	}
}

// Every representation of the same pixels hashes alike.
func TestFromImageTypes(t *testing.T) {
	photo := pictures.Photo(6, 300, 200)
	images := []draw.Image{
		image.NewRGBA(photo.Rect), image.NewGray(photo.Rect), image.NewNRGBA64(photo.Rect), image.NewRGBA64(photo.Rect),
		image.NewGray16(photo.Rect), image.NewCMYK(photo.Rect),
	}
	for _, img := range images {
		draw.Draw(img, photo.Rect, photo, image.Point{}, draw.Src)
	}
	paletted := image.NewPaletted(photo.Rect, palette.Plan9)
	draw.FloydSteinberg.Draw(paletted, photo.Rect, photo, image.Point{})
	ycc, err := jpeg.Decode(bytes.NewReader(pictures.JPEG(photo, 100)))
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := media.FromImage(photo, 1)
	if err != nil {
		t.Fatal(err)
	}
	wantHash, err := phash.Of(want)
	if err != nil {
		t.Fatal(err)
	}
	all := []image.Image{paletted, ycc, photo.SubImage(photo.Rect)}
	for _, img := range images {
		all = append(all, img)
	}
	for _, img := range all {
		got, black, err := media.FromImage(img, 0)
		if err != nil || black != nil || got.W != want.W || got.H != want.H {
			t.Fatalf("%T: %v", img, err)
		}
		hash, err := phash.Of(got)
		if err != nil {
			t.Fatal(err)
		}
		if d := bits.OnesCount64(uint64(hash.PHash ^ wantHash.PHash)); d > 2 || hash.PDQ.Distance(wantHash.PDQ) > 8 {
			t.Errorf("%T is at distance %d, and %d by PDQ", img, d, hash.PDQ.Distance(wantHash.PDQ))
		}
	}
}
