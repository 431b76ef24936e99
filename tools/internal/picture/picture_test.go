package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"math/bits"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/bmp"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
)

func read(t *testing.T, b []byte) *Picture {
	t.Helper()
	p, err := Read(context.Background(), bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func hash(t *testing.T, p *Picture) phash.PHash {
	t.Helper()
	if p.Reason != "" {
		t.Fatalf("reason %q: %v", p.Reason, p.Detail)
	}
	im, err := phash.Of(p.Planes[0])
	if err != nil {
		t.Fatal(err)
	}
	return im.PHash
}

func TestFormats(t *testing.T) {
	img := pictures.Photo(3, 320, 240)
	want := hash(t, read(t, pictures.PNG(img)))
	var g, b bytes.Buffer
	if err := gif.Encode(&g, img, nil); err != nil {
		t.Fatal(err)
	}
	if err := bmp.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	for format, file := range map[string][]byte{"jpeg": pictures.JPEG(img, 90), "gif": g.Bytes(), "bmp": b.Bytes()} {
		p := read(t, file)
		if p.Info.Format != format || p.Info.Width != 320 || p.Info.Height != 240 {
			t.Errorf("%s: %+v", format, p.Info)
		}
		if d := bits.OnesCount64(uint64(hash(t, p) ^ want)); d > 6 {
			t.Errorf("%s: %d bits from the PNG's hash", format, d)
		}
	}
}

// A first frame that covers a part of the canvas counts in its place.
func TestPartialFrame(t *testing.T) {
	frame := image.NewPaletted(image.Rect(10, 20, 30, 40), color.Palette{color.Black, color.White})
	var b bytes.Buffer
	err := gif.EncodeAll(&b, &gif.GIF{
		Image: []*image.Paletted{frame}, Delay: []int{0},
		Config: image.Config{ColorModel: frame.Palette, Width: 100, Height: 50},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := read(t, b.Bytes())
	if p.Reason != "" || p.Planes[0].W != 100 || p.Planes[0].H != 50 || len(p.Planes) != 2 {
		t.Fatalf("reason %q, %d planes of %d×%d; want 2 of 100×50", p.Reason, len(p.Planes), p.Planes[0].W, p.Planes[0].H)
	}
	if got := p.Planes[0].Pix[25*100+15]; got != 0 {
		t.Errorf("the frame is %d, want black", got)
	}
	if got := p.Planes[0].Pix[0]; got != phash.White {
		t.Errorf("beside the frame it is %d, want white", got)
	}
}

func TestReasons(t *testing.T) {
	photo := pictures.JPEG(pictures.Photo(3, 320, 240), 90)
	for _, tc := range []struct {
		name, want string
		file       []byte
	}{
		{"no bytes", media.Empty, nil},
		{"text", media.NotAnImage, []byte("a text file named .jpg")},
		{"truncated JPEG", media.Undecodable, photo[:len(photo)/2]},
		{"huge PNG", media.TooLarge, pngHeader(20000, 20000)},
		{"PNG header alone", media.Undecodable, pngHeader(20, 20)},
		{"PDF", media.Format, []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n")},
		{"animated WebP without frames", media.Undecodable, []byte("RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x0f\x00\x00\x0f\x00\x00ANIM\x00\x00\x00\x00")},
	} {
		p := read(t, tc.file)
		if p.Reason != tc.want || len(p.Planes) != 0 || p.Detail == nil {
			t.Errorf("%s: reason %q (%v), %d planes, want %q", tc.name, p.Reason, p.Detail, len(p.Planes), tc.want)
		}
		if p.SHA256 == [32]byte{} {
			t.Errorf("%s: no digest", tc.name)
		}
	}
}

func pngHeader(w, h uint32) []byte {
	chunk := []byte("IHDR")
	chunk = binary.BigEndian.AppendUint32(chunk, w)
	chunk = binary.BigEndian.AppendUint32(chunk, h)
	chunk = append(chunk, 8, 2, 0, 0, 0)
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d")
	b = append(b, chunk...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(chunk))
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadFile(context.Background(), dir); err == nil {
		t.Error("a folder can be read")
	}
	name := filepath.Join(dir, "a")
	if err := os.WriteFile(name, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := ReadFile(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", p.MD5); got != "900150983cd24fb0d6963f7d28e17f72" {
		t.Errorf("md5 %s", got)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ReadFile(ended, name); err != context.Canceled {
		t.Errorf("error %v, want that of the context", err)
	}
}
