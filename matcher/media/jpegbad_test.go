package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image/jpeg"
	"io"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
)

// verdict returns "" or the reason, and fails if there is neither.
func verdict(t testing.TB, l phash.Luma, err error) string {
	t.Helper()
	var e *Error
	switch {
	case err == nil && (l.W < 1 || l.H < 1 || len(l.Pix) != l.W*l.H):
		t.Errorf("a picture of %d×%d with %d samples", l.W, l.H, len(l.Pix))
	case err == nil:
	case errors.As(err, &e):
		return e.Reason
	default:
		t.Errorf("an error without a reason: %v", err)
	}
	return ""
}

func decode(file []byte) (phash.Luma, error) {
	return FromJPEG(bytes.NewReader(file), int64(len(file)), 1)
}

// A file that breaks off is refused, or has the picture of the whole one.
func TestJPEGTruncated(t *testing.T) {
	photo, all := pictures.Photo(15, 60, 45), kinds()
	for _, name := range sortedKinds() {
		file := all[name].Encode(photo)
		for _, side := range []int{1, 2, 8} {
			whole, err := decodeAt(file, side, chunk)
			if err != nil {
				t.Fatal(err)
			}
			refused := 0
			for percent := range 100 {
				l, err := decodeAt(file[:len(file)*percent/100], side, chunk)
				switch reason := verdict(t, l, err); {
				case reason == Undecodable:
					refused++
				case reason != "" || !slices.Equal(l.Pix, whole.Pix):
					t.Errorf("%s at %d/8, %d %% of it: %q, or another picture", name, side, percent, reason)
				}
			}
			if refused < 4 || side == 8 && all[name].Progressive && refused < 98 {
				t.Errorf("%s at %d/8: %d of 100 parts are refused", name, side, refused)
			}
		}
	}
}

// Of a progressive picture that is scaled down only the first scans are read.
func TestJPEGReadsNoFurther(t *testing.T) {
	file := pictures.JPEGKind{Progressive: true, Quality: 95, Sampling: [][2]int{{2, 2}}}.Encode(pictures.Photo(16, 2048, 640))
	r := &watched{r: bytes.NewReader(file)}
	d := new(JPEG).decoder(r, int64(len(file)))
	d.bits.piece = 4 << 10
	if err := d.decode(); err != nil {
		t.Fatal(err)
	}
	if r.read > len(file)/4 {
		t.Errorf("%d of %d bytes were read", r.read, len(file))
	}
	if got, err := decode(file[:r.read]); err != nil || !slices.Equal(got.Pix, d.luma().Pix) {
		t.Errorf("the part that was read is another picture: %v", err)
	}
}

// One bit of the lowest frequency may be missing, more may not: else the first
// pass could show another picture than the whole file.
func TestJPEGWaitsForDC(t *testing.T) {
	photo := pictures.Photo(22, 200, 150)
	file := pictures.JPEGKind{Progressive: true, Late: 6}.Encode(photo)
	for side := 1; side <= 8; side *= 2 {
		want, err := decodeAt(pictures.JPEGKind{Progressive: true}.Encode(photo), side, chunk)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeAt(file, side, chunk); err != nil || !slices.Equal(got.Pix, want.Pix) {
			t.Errorf("at %d/8: another picture, %v", side, err)
		}
		if _, err := decodeAt(file[:len(file)/3], side, chunk); err == nil {
			t.Errorf("at %d/8: a third of the file is enough", side)
		}
	}
}

type watched struct {
	r    io.ReaderAt
	read int
}

func (w *watched) ReadAt(p []byte, at int64) (int, error) {
	w.read += len(p)
	return w.r.ReadAt(p, at)
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, io.ErrClosedPipe }

func TestJPEGPassesReadErrorsOn(t *testing.T) {
	if _, err := FromJPEG(broken{}, 100, 1); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
	file := pictures.JPEG(pictures.Photo(1, 200, 150), 90)
	if _, err := FromJPEG(bytes.NewReader(file[:400]), int64(len(file)), 1); err == nil {
		t.Error("a file that shrinks while it is read has a picture")
	}
}

// Every segment with a wrong length, and bytes with a wrong bit.
func TestJPEGMangled(t *testing.T) {
	photo, all := pictures.Photo(17, 20, 12), kinds()
	accepted, tried := 0, 0
	try := func(file []byte) {
		tried++
		l, err := decode(file)
		if verdict(t, l, err) == "" {
			accepted++
		}
	}
	for i, name := range sortedKinds() {
		file := all[name].Encode(photo)
		for at := 2; at+4 < len(file); at++ {
			if file[at] != 0xff || file[at+1] < 0xc0 || file[at+1] >= 0xd0 && file[at+1] <= 0xd9 {
				continue
			}
			length := binary.BigEndian.Uint16(file[at+2:])
			for _, wrong := range []uint16{0, 1, 2, 3, length - 1, length + 1, length / 2, 2 * length, math.MaxUint16} {
				binary.BigEndian.PutUint16(file[at+2:], wrong)
				try(file)
			}
			binary.BigEndian.PutUint16(file[at+2:], length)
		}
		for at := i % 3; at < len(file); at += 3 { // other bytes in other kinds
			file[at] ^= 1 << (at % 8)
			try(file)
			file[at] ^= 1 << (at % 8)
		}
	}
	t.Logf("%d of %d mangled files have a picture", accepted, tried)
	if accepted == 0 || accepted == tried {
		t.Errorf("%d of %d mangled files have a picture", accepted, tried)
	}
}

// segment appends a segment.
func segment(file []byte, marker byte, payload ...byte) []byte {
	file = append(file, 0xff, marker)
	file = binary.BigEndian.AppendUint16(file, uint16(2+len(payload)))
	return append(file, payload...)
}

// after puts bytes behind the segment with the marker.
func after(t *testing.T, file []byte, marker byte, more []byte) []byte {
	t.Helper()
	at := bytes.Index(file, []byte{0xff, marker})
	if at < 0 {
		t.Fatalf("no marker %#x", marker)
	}
	at += 2 + int(binary.BigEndian.Uint16(file[at+2:]))
	return slices.Concat(file[:at], more, file[at:])
}

// replaced changes bytes of the segment with the marker, behind its length.
func replaced(t *testing.T, file []byte, marker byte, at int, by ...byte) []byte {
	t.Helper()
	file = bytes.Clone(file)
	start := bytes.Index(file, []byte{0xff, marker})
	if start < 0 {
		t.Fatalf("no marker %#x", marker)
	}
	copy(file[start+4+at:], by)
	return file
}

func TestJPEGRejects(t *testing.T) {
	photo := pictures.Photo(18, 64, 48)
	plain := pictures.JPEGKind{}.Encode(photo)
	progressive := pictures.JPEGKind{Progressive: true}.Encode(photo)
	wide := pictures.JPEGKind{Sampling: [][2]int{{4, 3}}}.Encode(photo)
	restarts := pictures.JPEGKind{Restart: 2}.Encode(photo)
	first := bytes.Index(restarts, []byte{0xff, 0xd0})
	passes := bytes.Index(progressive, []byte{0xff, markerSOS})
	for _, c := range []struct {
		name   string
		file   []byte
		reason string
	}{
		{"no start", plain[2:], Undecodable},
		{"no frame", segment([]byte{0xff, 0xd8}, markerSOS, 1, 1, 0, 0, 63, 0), Undecodable},
		{"only the end", []byte{0xff, 0xd8, 0xff, 0xd9}, Undecodable},
		{"no scan", append(bytes.Clone(plain[:bytes.Index(plain, []byte{0xff, markerSOS})]), 0xff, 0xd9), Undecodable},
		{"no height", replaced(t, plain, markerSOF1, 1, 0, 0), Undecodable},
		{"as large as can be", replaced(t, plain, markerSOF1, 1, 255, 255, 255, 255), TooLarge},
		{"larger than its data", replaced(t, plain, markerSOF1, 1, 0x20, 0, 0x20, 0), Undecodable},
		{"12 bits", replaced(t, plain, markerSOF1, 0, 12), Format},
		{"two components", replaced(t, plain, markerSOF1, 5, 2), Format},
		{"sampling of 0", replaced(t, plain, markerSOF1, 7, 0x01), Undecodable},
		{"sampling of 5", replaced(t, plain, markerSOF1, 7, 0x51), Undecodable},
		{"groups of 14 blocks", wide, Undecodable},
		{"components of one name", replaced(t, plain, markerSOF1, 9, 1), Undecodable},
		{"two frames", after(t, plain, markerSOF1, segment(nil, markerSOF1, 8, 0, 8, 0, 8, 1, 1, 0x11, 0)), Undecodable},
		{"arithmetic codes", append([]byte{0xff, 0xd8}, segment(nil, 0xc9, 8, 0, 8, 0, 8, 1, 1, 0x11, 0)...), Format},
		{"lossless", append([]byte{0xff, 0xd8}, segment(nil, 0xc3, 8, 0, 8, 0, 8, 1, 1, 0x11, 0)...), Format},
		{"a table of codes that do not fit", after(t, plain, markerDQT, segment(nil, markerDHT, append([]byte{0, 3}, make([]byte, 18)...)...)), Undecodable},
		{"257 codes", after(t, plain, markerDQT, segment(nil, markerDHT, slices.Concat([]byte{0}, make([]byte, 14), []byte{255, 2}, make([]byte, 257))...)), Undecodable},
		{"a fifth table", after(t, plain, markerDQT, segment(nil, markerDHT, append([]byte{4}, make([]byte, 16)...)...)), Undecodable},
		{"a symbol that DC has not", replaced(t, plain, markerDHT, 17, 16), Undecodable},
		{"a quantisation table too short", after(t, plain, markerDQT, segment(nil, markerDQT, 0x10, 1, 2, 3)), Undecodable},
		{"no such quantisation table", replaced(t, plain, markerSOF1, 8, 3), Undecodable},
		{"no such component", replaced(t, plain, markerSOS, 1, 9), Undecodable},
		{"no such Huffman table", replaced(t, plain, markerSOS, 2, 0x30), Undecodable},
		{"a scan of a component twice", replaced(t, plain, markerSOS, 3, 1), Undecodable},
		{"a band that ends before it begins", replaced(t, progressive[passes:], markerSOS, 7, 5, 4), Undecodable},
		{"the wrong restart marker", replaced(t, restarts, 0xd0, -3, 0xd1), Undecodable},
		{"restart markers without end", slices.Concat(restarts[:first], bytes.Repeat([]byte{0xff, 0xd0}, 1<<20)), Undecodable},
		{"segments without end", append([]byte{0xff, 0xd8}, bytes.Repeat([]byte{0xff, 0xe0, 0, 2}, 1<<20)...), TooComplex},
		{"fill bytes without end", append([]byte{0xff, 0xd8}, bytes.Repeat([]byte{0xff}, 1<<20)...), Undecodable},
		{"1,000 scans", after(t, progressive, markerSOF2, bytes.Repeat(segment(nil, markerSOS, 1, 2, 0, 0, 0, 0x10), 1000)), TooComplex},
	} {
		if c.name == "a band that ends before it begins" {
			c.file = slices.Concat(progressive[:passes], c.file)
		}
		var before, behind runtime.MemStats
		runtime.ReadMemStats(&before)
		l, err := decode(c.file)
		runtime.ReadMemStats(&behind)
		if got := verdict(t, l, err); got != c.reason {
			t.Errorf("%s: %v, want %s", c.name, err, c.reason)
		}
		if n := behind.TotalAlloc - before.TotalAlloc; n > 2<<20 {
			t.Errorf("%s: %d bytes of memory", c.name, n)
		}
	}
	if _, err := FromJPEG(bytes.NewReader(nil), MaxBytes+1, 1); verdict(t, phash.Luma{}, err) != TooLarge {
		t.Errorf("a huge file: %v", err)
	}
}

// What lies around a picture does not matter: other files may follow, and fill
// bytes and unknown segments come between its own.
func TestJPEGWithMore(t *testing.T) {
	plain := pictures.JPEG(pictures.Photo(19, 64, 48), 80)
	want, err := decode(plain)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"no end":           plain[:len(plain)-2],
		"an archive":       append(bytes.Clone(plain), "PK\x03\x04 a polyglot"...),
		"a second picture": append(bytes.Clone(plain), pictures.JPEG(pictures.Photo(20, 64, 48), 80)...),
		"fill bytes":       slices.Concat(plain[:2], []byte{0xff, 0xff, 0xff}, plain[2:]),
		"other segments":   slices.Concat(plain[:2], segment(nil, 0xe5, make([]byte, 60000)...), segment(nil, 0xfe), plain[2:]),
		"a wide table":     after(t, plain, markerDQT, segment(nil, markerDQT, append([]byte{0x13}, make([]byte, 128)...)...)),
	} {
		if got, err := decode(file); err != nil || !slices.Equal(got.Pix, want.Pix) {
			t.Errorf("%s: another picture, %v", name, err)
		}
	}
}

// What image/jpeg and this package both accept is the same picture, within 2
// steps. Left out is where image/jpeg does otherwise with files that no encoder
// makes: samples that leave their range, and runs of one progressive scan that
// go on in another.
func FuzzJPEG(f *testing.F) {
	photo, all := pictures.Photo(21, 24, 20), kinds()
	for _, name := range sortedKinds() {
		f.Add(all[name].Encode(photo))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		l, err := decode(file)
		verdict(t, l, err)
		d := new(JPEG).decoder(bytes.NewReader(file), int64(len(file)))
		d.side = 8
		if err != nil || d.decode() != nil || max(d.width, d.height) > 255 ||
			d.colour != lumaFirst || d.progressive && len(d.components) > 1 {
			return
		}
		want, err := jpeg.Decode(bytes.NewReader(file))
		if l = d.luma(); err != nil || slices.Contains(l.Pix, 0) || slices.Contains(l.Pix, phash.White) {
			return
		}
		for i, v := range l.Pix {
			if diff := float64(v)/256 - lumaOf(want, i%l.W, i/l.W); diff > 2 || diff < -2 {
				t.Fatalf("%d×%d, sample %d: %.2f, image/jpeg has %.2f", l.W, l.H, i, float64(v)/256, float64(v)/256-diff)
			}
		}
	})
}
