package pictures

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/corona10/goimagehash"
)

// The same bytes on every processor and under js/wasm: the tests run there too.
func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		name string
		img  *image.NRGBA
		want string
	}{
		{"photo 1", Photo(1, 320, 240), "f800a1e9b6aaeca22acfffb0a00a811a59f73458b1b59e220b94e167dabbe194"},
		{"photo 2", Photo(2, 320, 240), "c9b970836c201984b31b226b75e614f76b44ad24ba8c8b4988041838229003be"},
		{"photo 7 upright", Photo(7, 120, 200), "4cb8935ccd6db2210ee3c3c369c959f5edadee9a500374e6e0dcf3d0eb8dd87c"},
		{"synthetic 5", Synthetic(5, 320, 240), "ddf130a71c440575fe2988651e90827c6249bea585ffd5af76222fad71399055"},
		{"scaled", Scale(Photo(3, 200, 150), 77, 91), "f127443c4033e08bbb22a0f35ef8a045612b6e96fb3f510973c43df881ad545c"},
	} {
		got := fmt.Sprintf("%x", sha256.Sum256(tt.img.Pix))
		if got != tt.want {
			t.Errorf("%s: got SHA-256 %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Photographs have structure, and unrelated ones have unrelated hashes.
func TestPhotosDiffer(t *testing.T) {
	const n = 80
	var hashes []*goimagehash.ImageHash
	for seed := range uint64(n) {
		img := Photo(seed, 160, 120)
		if got := gradients(img); got < 50 {
			t.Errorf("photo %d: got gradient quality %d, want 50 or more", seed, got)
		}
		h, err := goimagehash.PerceptionHash(img)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h)
	}
	sum, pairs := 0, 0
	for i, a := range hashes {
		for j, b := range hashes[:i] {
			d, err := a.Distance(b)
			if err != nil {
				t.Fatal(err)
			}
			if d < 10 {
				t.Errorf("photos %d and %d: got pHash distance %d, want 10 or more", j, i, d)
			}
			sum, pairs = sum+d, pairs+1
		}
	}
	if mean := float64(sum) / float64(pairs); mean < 29 || mean > 35 {
		t.Errorf("mean pHash distance: got %.1f, want 32 within 3", mean)
	}
}

// gradients is PDQ's quality measure on a plain 64×64 reduction.
func gradients(img image.Image) int {
	small := Scale(img, 64, 64)
	luma := func(x, y int) int {
		p := small.Pix[y*small.Stride+4*x:]
		return (299*int(p[0]) + 587*int(p[1]) + 114*int(p[2])) / 1000
	}
	sum := 0
	for y := range 63 {
		for x := range 63 {
			d, e := luma(x, y)-luma(x+1, y), luma(x, y)-luma(x, y+1)
			sum += max(d, -d)*100/255 + max(e, -e)*100/255
		}
	}
	return min(100, sum/90)
}

func TestSizes(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {1, 40}, {40, 1}, {3, 5}, {200, 17}} {
		for seed := range uint64(12) {
			for _, img := range []*image.NRGBA{Photo(seed, size.X, size.Y), Synthetic(seed, size.X, size.Y)} {
				if got := img.Rect.Size(); got != size {
					t.Errorf("seed %d: got %v, want %v", seed, got, size)
				}
				if !img.Opaque() {
					t.Errorf("seed %d, %v: not opaque", seed, size)
				}
			}
		}
	}
}

func TestScale(t *testing.T) {
	grey := color.NRGBA{90, 120, 150, 200}
	img := image.NewNRGBA(image.Rect(5, 7, 38, 40))
	for y := 7; y < 40; y++ {
		for x := 5; x < 38; x++ {
			img.SetNRGBA(x, y, grey)
		}
	}
	for _, size := range []image.Point{{33, 33}, {1, 1}, {10, 50}, {100, 7}} {
		got := Scale(img, size.X, size.Y)
		if got.Rect.Size() != size {
			t.Fatalf("got size %v, want %v", got.Rect.Size(), size)
		}
		for y := range size.Y {
			for x := range size.X {
				if c := got.NRGBAAt(x, y); c != grey {
					t.Fatalf("%v: got %v at %d, %d, want %v", size, c, x, y, grey)
				}
			}
		}
	}
	photo := Photo(4, 60, 40)
	if same := Scale(photo, 60, 40); !bytes.Equal(same.Pix, photo.Pix) {
		t.Error("scaling to its own size changed a picture")
	}
}

func TestCropAndMirror(t *testing.T) {
	photo := Photo(5, 200, 100)
	crop := Crop(photo, 5)
	if got, want := crop.Rect, image.Rect(0, 0, 180, 90); got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
	if got, want := crop.NRGBAAt(0, 0), photo.NRGBAAt(10, 5); got != want {
		t.Errorf("got corner %v, want %v", got, want)
	}
	if got := Crop(photo, 80).Rect; got.Empty() {
		t.Error("a large crop left nothing")
	}
	mirrored := Mirror(photo)
	if got, want := mirrored.NRGBAAt(0, 3), photo.NRGBAAt(199, 3); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if again := Mirror(mirrored); !bytes.Equal(again.Pix, photo.Pix) {
		t.Error("mirroring twice changed a picture")
	}
}

func TestEncode(t *testing.T) {
	photo := Photo(6, 64, 48)
	img, err := png.Decode(bytes.NewReader(PNG(photo)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(nrgba(img).Pix, photo.Pix) {
		t.Error("PNG changed a picture")
	}
	cfg, err := jpeg.DecodeConfig(bytes.NewReader(JPEG(photo, 50)))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Width != 64 || cfg.Height != 48 {
		t.Errorf("got %d×%d, want 64×48", cfg.Width, cfg.Height)
	}
}

func BenchmarkPhoto(b *testing.B) {
	for seed := uint64(0); b.Loop(); seed++ {
		Photo(seed, 640, 480)
	}
}
