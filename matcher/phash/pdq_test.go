package phash

import (
	"encoding/csv"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/preseal/preseal/testdata/pictures"
)

// The reference implementation's hashes of published pictures.
func TestPDQOfConformanceVectors(t *testing.T) {
	dir := "../../../shared/vectors/pdq"
	f, err := os.Open(filepath.Join(dir, "hashes.csv"))
	if err != nil {
		t.Skip("the conformance vectors are not here")
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		name, most := row[0], row[3]
		want, err := ParsePDQ(row[1])
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		b := img.Bounds()
		l := Luma{W: b.Dx(), H: b.Dy()}
		for y := range l.H {
			for x := range l.W {
				r, g, bl, _ := img.At(x, y).RGBA()
				l.Pix = append(l.Pix, uint16((299*(r>>8)+587*(g>>8)+114*(bl>>8))*256/1000))
			}
		}
		p := l.blur()
		limit, err := strconv.Atoi(most)
		if err != nil {
			t.Fatal(err)
		}
		d := p.spectrum().PDQ().Distance(want)
		t.Logf("%s: %d×%d, quality %d, distance %d of %d", name, l.W, l.H, p.quality(), d, limit)
		if d > limit {
			t.Errorf("%s: distance %d, at most %d conform", name, d, limit)
		}
	}
}

// photo is a picture of 640×480 samples, as Of gets it.
func photo(seed uint64) Luma {
	img := pictures.Photo(seed, 640, 480)
	l := Luma{W: 640, H: 480}
	for i := 0; i < len(img.Pix); i += 4 {
		l.Pix = append(l.Pix, uint16((299*int(img.Pix[i])+587*int(img.Pix[i+1])+114*int(img.Pix[i+2]))*256/1000))
	}
	return l
}

// turned shows l in an orientation.
func turned(l Luma, o Orientation) Luma {
	out := Luma{Pix: make([]uint16, len(l.Pix)), W: l.W, H: l.H}
	if o&transposed != 0 {
		out.W, out.H = l.H, l.W
	}
	for y := range out.H {
		for x := range out.W {
			sx, sy := x, y
			if o&mirrored != 0 {
				sx = out.W - 1 - sx
			}
			if o&flipped != 0 {
				sy = out.H - 1 - sy
			}
			if o&transposed != 0 {
				sx, sy = sy, sx
			}
			out.Pix[y*out.W+x] = l.Pix[sy*l.W+sx]
		}
	}
	return out
}

// Turning the spectrum is turning the picture, but for where the reference
// takes its points.
func TestTurnIsTurningThePicture(t *testing.T) {
	for seed := range uint64(6) {
		l := photo(seed)
		im, err := Of(l)
		if err != nil {
			t.Fatal(err)
		}
		for o := range Orientations {
			other, err := Of(turned(l, o))
			if err != nil {
				t.Fatal(err)
			}
			if d := im.Spectrum.Turn(o).PDQ().Distance(other.PDQ); d > 16 {
				t.Errorf("photo %d, orientation %d: distance %d", seed, o, d)
			}
			if d := im.PDQ.Distance(other.PDQ); o != Upright && d < 64 {
				t.Errorf("photo %d looks like itself in orientation %d: distance %d", seed, o, d)
			}
		}
	}
}

func TestKeyTakesTheLowestFrequencies(t *testing.T) {
	seen := map[int]bool{}
	last := 0
	for i, n := range lowest {
		if seen[n] || n < 0 || n >= pdqBits || n/pdqEdge+n%pdqEdge < last {
			t.Errorf("place %d is bit %d", i, n)
		}
		seen[n], last = true, n/pdqEdge+n%pdqEdge
	}
	var h PDQ
	h.set(0)      // row 0, column 0
	h.set(1)      // row 0, column 1
	h.set(16 * 2) // row 2, column 0: the sixth
	if got, want := h.Key(52), uint64(1)<<51|1<<50|1<<46; got != want {
		t.Errorf("got %x, want %x", got, want)
	}
	if h.String() != "00000000000000000000000000000000000000000000000000000001000000"+"03" {
		t.Errorf("got %s", h)
	}
}

// A bit flips in the key of a picture that is changed a little exactly where
// its margin says that it may.
func TestMarginsBelongToTheBitsOfTheKey(t *testing.T) {
	l := photo(3)
	im, err := Of(l)
	if err != nil {
		t.Fatal(err)
	}
	state := uint32(1)
	for i := range l.Pix { // noise of up to 16 steps
		state = state*1664525 + 1013904223
		l.Pix[i] = uint16(min(int(l.Pix[i])+int(state>>20), White))
	}
	noisy, err := Of(l)
	if err != nil {
		t.Fatal(err)
	}
	margins := im.Spectrum.Margins(64)
	flips := im.PDQ.Key(64) ^ noisy.PDQ.Key(64)
	surest := float32(0)
	for i, m := range margins {
		if flips>>i&1 == 1 {
			surest = max(surest, m)
		}
	}
	weaker := 0
	for _, m := range margins {
		if m < surest {
			weaker++
		}
	}
	if weaker > 20 {
		t.Errorf("a bit flipped although %d of 64 were less sure", weaker)
	}
}

func TestParsePDQ(t *testing.T) {
	const s = "f8f8f0cce0f4e84d0e370a22028f67f0b36e2ed596623e1d33e6339c4e9c9b22"
	if h, err := ParsePDQ(s); err != nil || h.String() != s {
		t.Errorf("got %s, %v", h, err)
	}
	for _, bad := range []string{"", s[1:], s + "0", "g" + s[1:], "+" + s[1:]} {
		if h, err := ParsePDQ(bad); err == nil {
			t.Errorf("%q: got %s, want an error", bad, h)
		}
	}
}

func TestPartIsASortsMiddle(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		v := make([]int64, 1+chance.IntN(300))
		for j := range v {
			switch i % 4 {
			case 0:
				v[j] = chance.Int64() - math.MaxInt64/2
			case 1:
				v[j] = chance.Int64N(5)
			case 2:
				v[j] = int64(j)
			case 3:
				v[j] = int64(-j)
			}
		}
		k := chance.IntN(len(v))
		sorted := slices.Sorted(slices.Values(v))
		part(v, k)
		if v[k] != sorted[k] || slices.Max(v[:k+1]) != v[k] || slices.Min(v[k:]) != v[k] || !slices.Equal(slices.Sorted(slices.Values(v)), sorted) {
			t.Fatalf("%d of %d: %d, want %d", k, len(v), v[k], sorted[k])
		}
	}
}
