package picture

import (
	"testing"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
)

func TestAugmentations(t *testing.T) {
	l, _, err := media.FromImage(pictures.Photo(3, 320, 240), 1)
	if err != nil {
		t.Fatal(err)
	}
	original, err := phash.Of(l)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[phash.PDQ]string{original.PDQ: "the original"}
	for _, a := range Augmentations {
		im, err := phash.Of(a.Apply(l))
		if err != nil {
			t.Fatalf("%s: %v", a.Name, err)
		}
		if d := im.PDQ.Distance(original.PDQ); d > 120 {
			t.Errorf("%s: %d bits from the original, as far as any picture", a.Name, d)
		}
		if other, ok := seen[im.PDQ]; ok {
			t.Errorf("%s: the hash of %s", a.Name, other)
		}
		seen[im.PDQ] = a.Name
	}
}

// A turn to and fro leaves the middle of a smooth picture as it is; a white one stays white.
func TestRotate(t *testing.T) {
	l := phash.Luma{Pix: make([]uint16, 200*100), W: 200, H: 100}
	for i := range l.Pix {
		l.Pix[i] = uint16(100*(i%200) + 50*(i/200))
	}
	back := rotate(-3)(rotate(3)(l))
	for y := 20; y < 80; y++ {
		for x := 20; x < 180; x++ {
			if d := int(back.Pix[y*200+x]) - int(l.Pix[y*200+x]); d < -20 || d > 20 {
				t.Fatalf("(%d, %d) is off by %d", x, y, d)
			}
		}
	}
	// Clockwise: what was at the right of the middle goes down.
	turned := rotate(90)(l)
	if got, want := turned.Pix[89*200+99], l.Pix[50*200+139]; int(got)-int(want) > 200 || int(want)-int(got) > 200 {
		t.Errorf("a quarter turn has %d where %d should be", got, want)
	}
	for i := range l.Pix {
		l.Pix[i] = phash.White
	}
	for _, a := range Augmentations {
		for _, v := range a.Apply(l).Pix {
			if v != phash.White {
				t.Fatalf("%s: white becomes %d", a.Name, v)
			}
		}
	}
}

// The smallest pictures survive.
func TestAugmentTiny(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 30}, {30, 1}, {2, 2}} {
		l := phash.Luma{Pix: make([]uint16, size[0]*size[1]), W: size[0], H: size[1]}
		for _, a := range Augmentations {
			if _, err := phash.Of(a.Apply(l)); err != nil {
				t.Errorf("%s of %d×%d: %v", a.Name, size[0], size[1], err)
			}
		}
	}
}
