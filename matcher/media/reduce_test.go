package media_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
)

// Strips of any height give the bits of the whole, in memory that is reused.
func TestReducerInStrips(t *testing.T) {
	var r media.Reducer
	for i, size := range [][2]int{{600, 450}, {1, 1}, {2100, 530}, {37, 1200}, {511, 512}} {
		w, h := size[0], size[1]
		pix := pictures.Photo(uint64(i), w, h).Pix
		if i%2 == 0 { // transparent
			for j := 3; j < len(pix); j += 4 {
				pix[j] = uint8(j / 4)
			}
		}
		white, black, err := media.FromRGBA(pix, w, h)
		if err != nil {
			t.Fatal(err)
		}
		for _, rows := range []int{1, 7, h} {
			if err := r.Reset(media.RGBA, w, h); err != nil {
				t.Fatal(err)
			}
			for strip := range slices.Chunk(pix, 4*w*rows) {
				if err := r.Write(strip); err != nil {
					t.Fatal(err)
				}
			}
			gotWhite, gotBlack, err := r.Luma()
			if err != nil || !samePlane(&gotWhite, &white) || !samePlane(gotBlack, black) {
				t.Errorf("%d×%d in strips of %d rows: not the same picture, %v", w, h, rows, err)
			}
		}
	}
}

// All rows of a box at once give the bits that they give one by one, also where some
// are transparent.
func TestReducerBands(t *testing.T) {
	for _, size := range [][2]int{{1536, 1024}, {1543, 1030}, {2301, 1728}, {1601, 1541}, {3583, 2049}, {1602, 2570}} {
		w, h := size[0], size[1]
		pix, random := make([]byte, 4*w*h), uint32(1)
		for i := range pix {
			random = random*1664525 + 1013904223
			pix[i] = byte(random >> 24)
			if i%4 == 3 {
				pix[i] = 255
			}
		}
		var rows []int // a third of them
		for i := 4*w*(h/3) + 3; i < 4*w*(2*h/3); i += 4 {
			rows = append(rows, i)
		}
		for n, clear := range [][]int{nil, {3}, {4*w - 1}, {4*w*h - 1}, {2*w - w%2*2 + 3, 4*w*7 - 1, 4*w*(h/2) + 7, 4*w*(h-2) - 1}, rows} {
			for _, i := range clear {
				pix[i] = 100
			}
			for _, layout := range []media.Layout{media.RGBA, media.BGRA, media.BGRX} {
				want, wantBlack, wantOpaque := reduce(t, layout, pix, w, h, 1)
				for _, rows := range []int{13, h} {
					got, black, opaque := reduce(t, layout, pix, w, h, rows)
					if !samePlane(&got, &want) || !samePlane(black, wantBlack) || opaque != wantOpaque ||
						opaque != (n == 0 || layout == media.BGRX) || (black != nil) != (n == 5 && !opaque) {
						t.Errorf("%d×%d, layout %d, %d rows at a time, clear %d: not the same picture", w, h, layout, rows, n)
					}
				}
			}
			for _, i := range clear {
				pix[i] = 255
			}
		}
	}
}

// A single pixel that one can see through a little is found, wherever it is.
func TestReducerSeesEveryPixel(t *testing.T) {
	const w = 1543
	var r media.Reducer
	for rows, h := range map[int]int{2: 1024, 3: 1536, 4: 2048} {
		band := bytes.Repeat([]byte{255}, 4*w*rows)
		for i := 3; i < len(band); i += 4 {
			band[i] = 254
			if err := r.Reset(media.RGBA, w, h); err != nil {
				t.Fatal(err)
			}
			if err := r.Write(band); err != nil || r.Opaque() {
				t.Fatalf("byte %d of %d rows: opaque, %v", i, rows, err)
			}
			band[i] = 255
		}
	}
}

func reduce(t *testing.T, layout media.Layout, pix []byte, w, h, rows int) (white phash.Luma, black *phash.Luma, opaque bool) {
	t.Helper()
	var r media.Reducer
	if err := r.Reset(layout, w, h); err != nil {
		t.Fatal(err)
	}
	for strip := range slices.Chunk(pix, layout.Size()*w*rows) {
		if err := r.Write(strip); err != nil {
			t.Fatal(err)
		}
	}
	white, black, err := r.Luma()
	if err != nil {
		t.Fatal(err)
	}
	return white, black, r.Opaque()
}

// samePlane says whether both are missing or show the same.
func samePlane(a, b *phash.Luma) bool {
	return (a == nil) == (b == nil) && (a == nil || slices.Equal(a.Pix, b.Pix))
}

// Whatever order its bytes are in, a picture gives the same planes.
func TestReducerLayouts(t *testing.T) {
	reduced := func(layout media.Layout, pix []byte, w, h, rows int) (white phash.Luma, black *phash.Luma) {
		t.Helper()
		white, black, opaque := reduce(t, layout, pix, w, h, rows)
		if want := layout != media.BGRA; opaque != want {
			t.Errorf("%d×%d, layout %d: opaque is %v", w, h, layout, opaque)
		}
		return white, black
	}
	// Boxes of 1, 2, 3, 4, 8 and 16 columns, and of a row and of several.
	for i, size := range [][2]int{{1, 1}, {7, 3}, {37, 1200}, {511, 512}, {1030, 33}, {1601, 530}, {2100, 20}, {3001, 9}, {4003, 1100}, {8204, 2}} {
		w, h := size[0], size[1]
		rgba := pictures.Photo(uint64(i), w, h).Pix
		grey, greyRGBA := make([]byte, w*h), make([]byte, 4*w*h)
		for j := range grey {
			grey[j] = rgba[4*j+1]
			copy(greyRGBA[4*j:], []byte{grey[j], grey[j], grey[j], 255})
		}
		glass := bytes.Clone(rgba)
		for j := 3; j < len(glass); j += 4 {
			glass[j] = uint8(j / 4)
		}
		for _, pair := range []struct {
			layout      media.Layout
			pix, asRGBA []byte
		}{
			{media.BGRA, blueFirst(glass), glass},
			{media.BGRX, blueFirst(glass), rgba},
			{media.Luma, grey, greyRGBA},
		} {
			want, wantBlack, err := media.FromRGBA(pair.asRGBA, w, h)
			if err != nil {
				t.Fatal(err)
			}
			for _, rows := range []int{1, 7, h} {
				got, black := reduced(pair.layout, pair.pix, w, h, rows)
				if !samePlane(&got, &want) || got.W != want.W || !samePlane(black, wantBlack) {
					t.Errorf("%d×%d, layout %d, in strips of %d rows: not the same picture", w, h, pair.layout, rows)
				}
			}
		}
		video := make([]byte, len(grey))
		for j, y := range grey {
			video[j] = uint8(16 + (int(y)*219+127)/255)
		}
		want, _ := reduced(media.Luma, grey, w, h, 5)
		for j, v := range first(reduced(media.VideoLuma, video, w, h, 5)).Pix {
			if d := int(v) - int(want.Pix[j]); d < -phash.White/400 || d > phash.White/400 { // half a step of 219
				t.Fatalf("%d×%d: sample %d of 16 to 235 is %d, want %d", w, h, j, v, want.Pix[j])
			}
		}
	}
	for y, want := range map[byte]uint16{0: 0, 16: 0, 235: phash.White, 255: phash.White} {
		if got := first(reduced(media.VideoLuma, []byte{y}, 1, 1, 1)).Pix[0]; got != want {
			t.Errorf("%d of 16 to 235 is %d, want %d", y, got, want)
		}
	}
}

func first[A, B any](a A, _ B) A { return a }

func blueFirst(rgba []byte) []byte {
	out := bytes.Clone(rgba)
	for i := 0; i < len(out); i += 4 {
		out[i], out[i+2] = out[i+2], out[i]
	}
	return out
}

func TestReducerRejects(t *testing.T) {
	var r media.Reducer
	if err := r.Write(make([]byte, 4)); reason(err) != media.Undecodable {
		t.Errorf("rows before Reset: %v", err)
	}
	if _, _, err := r.Luma(); reason(err) != media.Undecodable {
		t.Errorf("a picture before Reset: %v", err)
	}
	if err := r.Reset(media.RGBA, 20000, 20000); reason(err) != media.TooLarge {
		t.Errorf("a huge picture: %v", err)
	}
	if err := r.Reset(media.RGBA, 3, 2); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 4, 11, 13, 36} {
		if err := r.Write(make([]byte, n)); reason(err) != media.Undecodable {
			t.Errorf("%d bytes of a picture of 3×2: %v", n, err)
		}
	}
	if err := r.Write(make([]byte, 12)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Luma(); reason(err) != media.Undecodable {
		t.Errorf("half a picture: %v", err)
	}
	if err := r.Write(bytes.Repeat([]byte{255}, 12)); err != nil {
		t.Fatal(err)
	}
	if white, _, err := r.Luma(); err != nil || white.W != 3 || white.H != 2 {
		t.Errorf("%d×%d, %v", white.W, white.H, err)
	}
}

func TestReducerAllocatesNothing(t *testing.T) {
	var r media.Reducer
	pix := pictures.Photo(1, 512, 384).Pix
	reduce := func() {
		if err := r.Reset(media.RGBA, 512, 384); err != nil {
			t.Fatal(err)
		}
		if err := r.Write(pix); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.Luma(); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(10, reduce); n != 0 {
		t.Errorf("%v allocations a picture, want 0", n)
	}
}
