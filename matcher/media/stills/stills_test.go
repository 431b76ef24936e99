package stills

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/png"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
)

// decoded decodes a file that has to be one.
func decoded(t *testing.T, name string, file []byte) (white phash.Luma, black *phash.Luma) {
	t.Helper()
	info, err := media.Sniff(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	white, black, err = Decode(bytes.NewReader(file), int64(len(file)), info)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return white, black
}

// near fails unless two planes hash nearly alike.
func near(t *testing.T, name string, got, want phash.Luma) {
	t.Helper()
	a, err := phash.Of(got)
	b, err2 := phash.Of(want)
	if err != nil || err2 != nil {
		t.Fatal(name, err, err2)
	}
	if d := bits.OnesCount64(uint64(a.PHash ^ b.PHash)); d > 2 {
		t.Errorf("%s: %d bits apart", name, d)
	}
}

// An animation shows its first frame, on a canvas that is transparent elsewhere.
func TestFirstFrame(t *testing.T) {
	for _, name := range []string{"yellow_rose.lossy.webp", "yellow_rose.lossy-with-alpha.webp", "yellow_rose.lossless.webp"} {
		still, err := os.ReadFile(filepath.Join(xImage(t), "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		want, _ := decoded(t, name, still)
		info, _ := media.Sniff(bytes.NewReader(still), int64(len(still)))
		got, black := decoded(t, name+", animated", animated(still, info.Width, info.Height, 0, 0, info.Width, info.Height))
		near(t, name, got, want)
		if isClear := name != "yellow_rose.lossy.webp"; isClear != (black != nil) {
			t.Errorf("%s: over black %v", name, black != nil)
		}
		_, black = decoded(t, name+", in a corner", animated(still, 2*info.Width, 2*info.Height, 10, 20, info.Width, info.Height))
		if black == nil {
			t.Errorf("%s: nothing is transparent around the frame", name)
		}
		outside := animated(still, info.Width, info.Height, 2, 0, info.Width, info.Height)
		refused(t, name+", outside", outside, media.Undecodable)
	}
}

// refused fails unless a file has the reason.
func refused(t *testing.T, name string, file []byte, reason string) {
	t.Helper()
	info, err := media.Sniff(bytes.NewReader(file), int64(len(file)))
	if err == nil {
		_, _, err = Decode(bytes.NewReader(file), int64(len(file)), info)
	}
	var unfit *media.Error
	if !errors.As(err, &unfit) || unfit.Reason != reason {
		t.Errorf("%s: %v, want %s", name, err, reason)
	}
}

// animated makes an animation of one still picture.
func animated(still []byte, w, h, x, y, frameW, frameH int) []byte {
	var frame []byte
	for _, v := range []int{x / 2, y / 2, frameW - 1, frameH - 1, 100} {
		frame = append(frame, byte(v), byte(v>>8), byte(v>>16))
	}
	frame = append(frame, 0)
	for at := 12; at+8 <= len(still); {
		length := int(binary.LittleEndian.Uint32(still[at+4:]))
		if kind := string(still[at : at+4]); kind == "ALPH" || kind == "VP8 " || kind == "VP8L" {
			frame = append(frame, still[at:at+8+length+length&1]...)
		}
		at += 8 + length + length&1
	}
	head := []byte{0x12, 0, 0, 0, byte(w - 1), byte((w - 1) >> 8), 0, byte(h - 1), byte((h - 1) >> 8), 0}
	body := "WEBP" + riff("VP8X", head) + riff("ANIM", make([]byte, 6)) + riff("ANMF", frame) + riff("ANMF", frame)
	return []byte(riff("RIFF", []byte(body)))
}

func riff(kind string, data []byte) string {
	return kind + string(binary.LittleEndian.AppendUint32(nil, uint32(len(data)))) + string(data) + strings.Repeat("\x00", len(data)&1)
}

func xImage(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "js" {
		t.Skip("needs the go command")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/image").Output()
	if err != nil {
		t.Skip("the sources of golang.org/x/image are not here")
	}
	return strings.TrimSpace(string(dir))
}

// Files that say that they are large, and hold next to nothing.
func TestBombs(t *testing.T) {
	header := func(w, h int, kind byte) []byte {
		ihdr := binary.BigEndian.AppendUint32([]byte("IHDR"), uint32(w))
		ihdr = append(binary.BigEndian.AppendUint32(ihdr, uint32(h)), 16, kind, 0, 0, 0)
		file := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), ihdr...)
		file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(ihdr))
		return append(file, "\x00\x00\x00\x00IDAT\x35\xaf\x06\x1e\x00\x00\x00\x00IEND\xae\x42\x60\x82"...)
	}
	refused(t, "png of too many pixels", header(20000, 20000, 6), media.TooLarge)
	refused(t, "png of too many bytes a pixel", header(10000, 10000, 6), media.TooLarge)
	refused(t, "png without data", header(100, 100, 6), media.Undecodable)

	var b bytes.Buffer
	if err := gif.Encode(&b, image.NewPaletted(image.Rect(0, 0, 8, 8), palette.Plan9), nil); err != nil {
		t.Fatal(err)
	}
	frame := bytes.Clone(b.Bytes())
	at := bytes.IndexByte(frame[13+3*256:], ',') + 13 + 3*256
	copy(frame[at+5:], "\xff\xff\xff\xff")
	refused(t, "gif with a frame that is larger than it", frame, media.Undecodable)
	screen := bytes.Clone(b.Bytes())
	copy(screen[6:], "\xff\xff\xff\xff")
	refused(t, "gif of too many pixels", screen, media.TooLarge)
	copy(screen[6:], "\x00\x20\x00\x20")
	if _, black := decoded(t, "gif with little on it", screen); black == nil {
		t.Error("gif with little on it: nothing is transparent")
	}

	huge := "\x2f\xff\xff\xff\x0f\x00\x00\x00\x00\x00" // 16384×16384 pixels
	small := []byte("\x00\x00\x00\x00\x07\x00\x00\x07\x00\x00")
	refused(t, "webp of too many pixels", []byte(riff("RIFF", []byte("WEBP"+riff("VP8L", []byte(huge))))), media.TooLarge)
	refused(t, "webp that says it is small", []byte(riff("RIFF", []byte("WEBP"+riff("VP8X", small)+riff("VP8L", []byte(huge))))), media.Undecodable)
	inside := []byte(riff("RIFF", []byte("WEBP"+riff("VP8L", []byte(huge)))))
	refused(t, "webp with a large frame that says it is small", animated(inside, 8, 8, 0, 0, 8, 8), media.TooLarge)
}

// What the picture is stored as does not matter.
func TestKinds(t *testing.T) {
	photo := pictures.Photo(3, 320, 240)
	want, _, err := media.FromImage(photo, 1)
	if err != nil {
		t.Fatal(err)
	}
	opaque, deep := image.NewRGBA(photo.Rect), image.NewNRGBA64(photo.Rect)
	for y := range 240 {
		for x := range 320 {
			opaque.Set(x, y, photo.At(x, y))
			deep.Set(x, y, photo.At(x, y))
		}
	}
	for name, img := range map[string]image.Image{"straight alpha": photo, "opaque": opaque, "16 bits": deep} {
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		got, black := decoded(t, name, b.Bytes())
		near(t, name, got, want)
		if black != nil {
			t.Errorf("%s: transparent", name)
		}
	}
	glass := image.NewPaletted(image.Rect(0, 0, 64, 64), color.Palette{color.NRGBA{200, 100, 50, 128}, color.Black})
	var b bytes.Buffer
	if err := png.Encode(&b, glass); err != nil {
		t.Fatal(err)
	}
	white, black := decoded(t, "glass", b.Bytes())
	if black == nil || white.Pix[0] <= black.Pix[0] {
		t.Errorf("a transparent palette: over white %d, over black %v", white.Pix[0], black)
	}
}

// A PNG may say how it is to be turned, as a JPEG does.
func TestTurnedPNG(t *testing.T) {
	file := pictures.PNG(pictures.Photo(3, 320, 240))
	for o, want := range map[byte][2]int{1: {320, 240}, 3: {320, 240}, 6: {240, 320}, 8: {240, 320}, 9: {320, 240}} {
		exif := []byte("eXIfII*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		exif[22] = o
		chunk := binary.BigEndian.AppendUint32(nil, uint32(len(exif)-4))
		chunk = binary.BigEndian.AppendUint32(append(chunk, exif...), crc32.ChecksumIEEE(exif))
		turned := append(append(bytes.Clone(file[:33]), chunk...), file[33:]...)
		if white, _ := decoded(t, "turned", turned); white.W != want[0] || white.H != want[1] {
			t.Errorf("orientation %d: %d×%d, want %v", o, white.W, white.H, want)
		}
	}
}

func TestFullRange(t *testing.T) {
	luma := []uint8{0, 16, 17, 125, 234, 235, 255}
	fullRange(luma)
	if want := []uint8{0, 0, 1, 126, 253, 255, 255}; !bytes.Equal(luma, want) {
		t.Errorf("got %d, want %d", luma, want)
	}
}

func FuzzDecode(f *testing.F) {
	photo := pictures.Photo(1, 16, 16)
	f.Add(pictures.PNG(photo))
	var b bytes.Buffer
	if err := gif.Encode(&b, photo, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(animated([]byte(riff("RIFF", []byte("WEBP"+riff("VP8L", []byte("\x2f\x07\xc0\x01\x00\x88\x88\x08"))))), 8, 8, 0, 0, 8, 8))
	f.Add([]byte("BM" + string(make([]byte, 12)) + "\x28\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x18" + string(make([]byte, 60))))
	f.Fuzz(func(t *testing.T, file []byte) {
		info, err := media.Sniff(bytes.NewReader(file), int64(len(file)))
		if err != nil || info.Width*info.Height > 1<<20 {
			return
		}
		white, black, err := Decode(bytes.NewReader(file), int64(len(file)), info)
		var unfit *media.Error
		if err != nil {
			if !errors.As(err, &unfit) {
				t.Errorf("the error is %T", err)
			}
			return
		}
		for _, l := range []*phash.Luma{&white, black} {
			if l != nil && (len(l.Pix) != l.W*l.H || l.W > media.MaxSide || l.H > media.MaxSide) {
				t.Errorf("%d samples of %d×%d", len(l.Pix), l.W, l.H)
			}
		}
	})
}
