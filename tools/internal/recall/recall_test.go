package recall

import (
	"bytes"
	"context"
	"image"
	"maps"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/probe"
	"github.com/preseal/preseal/testdata/pictures"
	"github.com/preseal/preseal/tools/internal/corpus"
)

func TestRankIsTheProbesNumber(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		margins := make([]float32, 52)
		for i := range margins {
			margins[i] = float32(chance.ExpFloat64() * 1000)
		}
		const most = 3000
		number, wanted := 0, map[int]bool{1: true, 2: true, 17: true, 400: true, 2999: true, 3000: true}
		for flips := range probe.Likeliest(margins, 2*most) {
			if number++; number > most {
				if got := rank(margins, flips, most); got != 0 {
					t.Fatalf("rank of probe %d of %d = %d, want 0", number, most, got)
				}
				break
			} else if wanted[number] {
				if got := rank(margins, flips, most); got != number {
					t.Errorf("rank of probe %d = %d", number, got)
				}
			}
		}
	}
}

func TestIntervalIsWilsons(t *testing.T) {
	for _, test := range []struct {
		share     Share
		low, high float64
	}{
		{Share{0, 10}, 0, 27.75},
		{Share{5, 10}, 23.66, 76.34},
		{Share{10, 10}, 72.25, 100},
		{Share{0, 0}, 0, 100},
	} {
		low, high := test.share.Interval()
		if math.Abs(low-test.low) > 0.01 || math.Abs(high-test.high) > 0.01 {
			t.Errorf("%v: %.2f to %.2f, want %.2f to %.2f", test.share, low, high, test.low, test.high)
		}
	}
}

func TestTurnsComeRound(t *testing.T) {
	img := opaque(pictures.Photo(3, 40, 30))
	for _, test := range []struct {
		name string
		got  *image.RGBA
	}{
		{"four quarters", turn(turn(turn(turn(img, false, 1), false, 1), false, 1), false, 1)},
		{"one and three", turn(turn(img, false, 1), false, 3)},
		{"two halves", turn(turn(img, false, 2), false, 2)},
		{"two mirrors", turn(turn(img, true, 0), true, 0)},
		{"mirrored quarter, twice", turn(turn(img, true, 1), true, 1)},
	} {
		if !bytes.Equal(test.got.Pix, img.Pix) || test.got.Rect != img.Rect {
			t.Errorf("%s: not the same picture", test.name)
		}
	}
}

// TestRun measures a corpus of generated pictures, twice: the second time from
// the cache.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	var manifest strings.Builder
	for i, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(dir, name+".jpg"), pictures.JPEG(pictures.Photo(uint64(i), 400, 300), 95), 0o666); err != nil {
			t.Fatal(err)
		}
		manifest.WriteString("picture\t" + name + "\twhole\t" + name + "\t" + name + ".jpg\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "MANIFEST"), []byte(manifest.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := corpus.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var tables [2]string
	for i := range tables {
		r, err := Run(context.Background(), c, Options{Group: Small, Copies: true})
		if err != nil {
			t.Fatal(err)
		}
		if s := r.Recall(corpus.Whole, "crop-1", r.Method(r.Lanes[1], 65536, 48)); s.Hits != s.Of || s.Of == 0 {
			t.Errorf("crop-1: %d of %d found", s.Hits, s.Of)
		}
		for _, second := range []int{0, 48, 31} {
			own, further := r.Recall(corpus.Whole, "crop-2", r.Method(r.Lanes[2], 65536, second)), r.Recall(corpus.Whole, "crop-2", r.Method(r.Augmented[0], 65536, second))
			if further.Hits < own.Hits || further.Hits != further.Of {
				t.Errorf("crop-2, second hash at %d: %d of %d found with a further key, %d without", second, further.Hits, further.Of, own.Hits)
			}
		}
		if len(r.Records()) == 0 {
			t.Error("no records")
		}
		for name, text := range map[string]string{"Markdown": r.Markdown(time.Now()), "plots": strings.Join(slices.Collect(maps.Values(r.Plots())), "")} {
			if text == "" || strings.Contains(text, "%!") || strings.Contains(text, "NaN") {
				t.Errorf("%s: %q", name, text)
			}
		}
		var text strings.Builder
		if err := r.Text(&text); err != nil {
			t.Fatal(err)
		}
		tables[i] = text.String()
	}
	if tables[0] != tables[1] {
		t.Errorf("the cache changes the result:\n%s\n%s", tables[0], tables[1])
	}
	if strings.Contains(tables[0], "%!") {
		t.Errorf("a format is wrong:\n%s", tables[0])
	}
	if _, err := Run(context.Background(), c, Options{Group: "nonsense"}); err == nil {
		t.Error("an unknown group: no error")
	}
}

// A pHash that leans is looked for with a sixteenth of the probes.
func TestLeaningVariantsAreFewer(t *testing.T) {
	h, err := hash(opaque(pictures.Photo(3, 400, 300)))
	if err != nil {
		t.Fatal(err)
	}
	const most = 4096
	seen := matcher.Views(h.Windows)[:1]
	key, leans := h.whole().PHash, 0
	number := 0
	for flips := range probe.Likeliest(h.whole().Margins[:], most) {
		number++
		entry := *h.whole()
		entry.PHash = key ^ phash.PHash(flips)
		want := int32(number)
		if bits.OnesCount64(uint64(entry.PHash)) != 32 {
			if leans++; number > most/matcher.LeaningShare {
				want = Never
			} else {
				want *= matcher.LeaningShare
			}
		}
		if number%97 == 1 || leans == 1 {
			if got := pHash.need(seen, &entry, most).candidate; got != want {
				t.Errorf("probe %d, flips %x: found with %d probes, want %d", number, flips, got, want)
			}
		}
	}
	if tested := probes(h, pHash, most); leans == 0 || tested >= most*len(h.Windows) || tested < most/matcher.LeaningShare {
		t.Errorf("%d of %d variants lean, %d are tested", leans, most, tested)
	}
}
