package media_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/preseal/preseal/matcher/media"
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
			if err := r.Reset(w, h); err != nil {
				t.Fatal(err)
			}
			for strip := range slices.Chunk(pix, 4*w*rows) {
				if err := r.Write(strip); err != nil {
					t.Fatal(err)
				}
			}
			gotWhite, gotBlack, err := r.Luma()
			if err != nil || !slices.Equal(gotWhite.Pix, white.Pix) || (gotBlack == nil) != (black == nil) ||
				black != nil && !slices.Equal(gotBlack.Pix, black.Pix) {
				t.Errorf("%d×%d in strips of %d rows: not the same picture, %v", w, h, rows, err)
			}
		}
	}
}

func TestReducerRejects(t *testing.T) {
	var r media.Reducer
	if err := r.Write(make([]byte, 4)); reason(err) != media.Undecodable {
		t.Errorf("rows before Reset: %v", err)
	}
	if _, _, err := r.Luma(); reason(err) != media.Undecodable {
		t.Errorf("a picture before Reset: %v", err)
	}
	if err := r.Reset(20000, 20000); reason(err) != media.TooLarge {
		t.Errorf("a huge picture: %v", err)
	}
	if err := r.Reset(3, 2); err != nil {
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
		if err := r.Reset(512, 384); err != nil {
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
