package corpus

import (
	"errors"
	"image"
	"os"
	"path/filepath"
	"testing"

	"github.com/preseal/preseal/testdata/pictures"
)

func TestWishes(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range wishes() {
		if seen[w.name] {
			t.Errorf("%s is named twice", w.name)
		}
		seen[w.name] = true
		for _, pattern := range append(w.patterns, w.without...) {
			if _, err := filepath.Match(pattern, "x"); err != nil {
				t.Errorf("%s: %q: %v", w.name, pattern, err)
			}
		}
	}
	if !seen["webp"] || len(seen) < 10 {
		t.Errorf("%d packages", len(seen))
	}
}

func TestPrepareCutsLargePhotographs(t *testing.T) {
	c := &Corpus{Dir: t.TempDir()}
	dir := filepath.Join(c.Dir, "packages", "p")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		w, h int
		want []image.Point
	}{
		{"small", 500, 300, []image.Point{{500, 300}}},
		{"icon", 300, 100, nil},
		{"large", 2400, 1200, []image.Point{{2048, 1024}, {1200, 1200}, {1200, 1200}}},
	} {
		file := filepath.Join(dir, test.name+".jpg")
		if err := os.WriteFile(file, pictures.JPEG(pictures.Photo(1, test.w, test.h), 90), 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := c.prepare("p", file)
		if err != nil || len(got) != len(test.want) {
			t.Fatalf("%s: %d pictures, %v; want %d", test.name, len(got), err, len(test.want))
		}
		for i, p := range got {
			img, err := p.Load()
			if err != nil || img.Rect.Size() != test.want[i] {
				t.Errorf("%s: %s is %v, %v; want %v", test.name, p.Name, img.Rect.Size(), err, test.want[i])
			}
			if p.Photo != "p/"+test.name+".jpg" {
				t.Errorf("%s is of %q", p.Name, p.Photo)
			}
		}
	}
}

func TestOpen(t *testing.T) {
	c := &Corpus{Dir: t.TempDir()}
	if _, err := Open(c.Dir); !errors.Is(err, ErrNone) {
		t.Errorf("an empty folder: %v", err)
	}
	c.Packages = []Package{{"p", "1:2.0~3", "00"}}
	c.Pictures = []Picture{{"a", Whole, "p/a.jpg", filepath.Join(c.Dir, "packages/p/a b.jpg")}}
	if err := c.write(); err != nil {
		t.Fatal(err)
	}
	got, err := Open(c.Dir)
	if err != nil || len(got.Packages) != 1 || got.Packages[0] != c.Packages[0] || len(got.Pictures) != 1 || got.Pictures[0] != c.Pictures[0] {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(c.Dir, "MANIFEST"), []byte("nonsense\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(c.Dir); err == nil {
		t.Error("a wrong line: no error")
	}
}
