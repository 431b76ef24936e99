// Package demo is the server behind index.html: sample pictures, a list that has some of them, the snapshot and its
// confirmation, both whole and broken in every way that a client must notice, and a relay for ciphertext.
package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"image"
	"image/draw"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/testdata/pictures"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/picture"
)

// A Sample is a file to try.
type Sample struct {
	File    string `json:"file"`
	Title   string `json:"title"`
	Listed  bool   `json:"listed"`       // it is on the list or is found to be a copy of a picture there
	Variant string `json:"variant"`      // original, unlisted, or what was done to the picture Of
	Of      string `json:"of,omitempty"` // the file of the original
	Bytes   []byte `json:"-"`
}

const width, height = 1024, 768

var originals = []struct {
	title string
	seed  uint64
}{
	{"Boat by moonlight", 3},
	{"Town by the water", 6},
	{"Mountain lake", 10},
	{"Three flowers", 4},
	{"Autumn trees", 1},
}

var unlisted = []struct {
	title string
	seed  uint64
}{
	{"Boat at sunset", 5},
	{"Town at night", 9},
	{"Red and green", 8},
	{"More flowers", 16},
	{"Tree in a field", 13},
}

// Samples makes the sample files; they are the same every time.
func Samples() []Sample {
	var out []Sample
	var work []func() []byte
	add := func(s Sample, make func() []byte) {
		out, work = append(out, s), append(work, make)
	}
	draw := func(seed uint64) func() image.Image {
		return sync.OnceValue(func() image.Image { return pictures.Photo(seed, width, height) })
	}
	var drawn []func() image.Image // the originals, for their variants
	for i, o := range originals {
		photo := draw(o.seed)
		drawn = append(drawn, photo)
		add(Sample{File: fmt.Sprintf("listed-%d.jpg", i+1), Title: o.title, Listed: true, Variant: "original"},
			func() []byte { return pictures.JPEG(photo(), 92) })
	}
	for i, u := range unlisted {
		photo := draw(u.seed)
		add(Sample{File: fmt.Sprintf("unlisted-%d.jpg", i+1), Title: u.title, Variant: "unlisted"},
			func() []byte { return pictures.JPEG(photo(), 92) })
	}
	variants := []struct {
		of        int
		name, ext string
		title     string
		found     bool
		make      func(img image.Image) []byte
	}{
		{1, "re-encoded", "jpg", "half size, JPEG quality 50", true, half},
		{2, "re-encoded", "jpg", "half size, JPEG quality 50", true, half},
		{1, "resized", "png", "400 pixels wide, PNG", true, func(img image.Image) []byte {
			return pictures.PNG(pictures.Scale(img, 400, 300))
		}},
		{1, "cropped", "jpg", "2 % cut off each side", true, func(img image.Image) []byte {
			return pictures.JPEG(pictures.Crop(img, 2), 85)
		}},
		{1, "mirrored", "jpg", "left and right exchanged", true, func(img image.Image) []byte {
			return pictures.JPEG(pictures.Mirror(img), 85)
		}},
		{1, "captioned", "jpg", "words above it", true, func(img image.Image) []byte {
			return pictures.JPEG(frame(img, 0, height/6), 85)
		}},
		{2, "bordered", "jpg", "a white border around it", true, func(img image.Image) []byte {
			return pictures.JPEG(frame(img, width/16, width/16), 85)
		}},
	}
	for _, v := range variants {
		o, photo := originals[v.of-1], drawn[v.of-1]
		add(Sample{
			File: fmt.Sprintf("listed-%d-%s.%s", v.of, v.name, v.ext), Title: o.title + ", " + v.title,
			Listed: v.found, Variant: v.name, Of: fmt.Sprintf("listed-%d.jpg", v.of),
		}, func() []byte { return v.make(photo()) })
	}
	add(Sample{File: "flat.png", Title: "One flat colour", Variant: "flat"}, func() []byte {
		return pictures.PNG(pictures.Synthetic(0, 640, 480))
	})
	add(Sample{File: "text.png", Title: "Words on plain ground", Variant: "text"}, func() []byte {
		return pictures.PNG(pictures.Synthetic(13, 640, 480))
	})
	add(Sample{File: "not-a-picture.jpg", Title: "A text file named .jpg", Variant: "not-a-picture"}, func() []byte {
		return []byte("This file has the name of a picture and the content of a letter.\n")
	})
	parallel(len(work), func(i int) { out[i].Bytes = work[i]() })
	return out
}

func half(img image.Image) []byte {
	return pictures.JPEG(pictures.Scale(img, width/2, height/2), 50)
}

// frame puts white around a picture: a border, or, if the sides are narrow, a bar above it with words on it.
func frame(img image.Image, sides, above int) image.Image {
	below := sides
	out := image.NewNRGBA(image.Rect(0, 0, width+2*sides, height+above+below))
	draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(out, image.Rect(sides, above, sides+width, above+height), img, img.Bounds().Min, draw.Src)
	if sides > 0 {
		return out
	}
	for i, word := range [][2]int{{5, 25}, {28, 34}, {37, 60}, {63, 90}} {
		y := above / 4
		if i%2 == 1 {
			y = above * 6 / 10
		}
		draw.Draw(out, image.Rect(width*word[0]/100, y, width*word[1]/100, y+above/6), image.Black, image.Point{}, draw.Src)
	}
	return out
}

// Photographs makes n photograph-like files, one after the other as each is taken.
func Photographs(n int, take func(name string, file []byte) error) error {
	for i := range n {
		file := pictures.JPEG(pictures.Photo(1000+uint64(i), 640, 480), 85)
		if err := take(fmt.Sprintf("photo-%03d.jpg", i+1), file); err != nil {
			return err
		}
	}
	return nil
}

// fillers is how many entries besides the samples each lane has: a second's work for all their outputs.
const fillers = 5000

// newList returns the list of the samples' originals and the fillers, which are the same every time, so that the demo
// does not behave differently from day to day.
func newList(ctx context.Context, samples []Sample) (*list.Set, error) {
	set := new(list.Set)
	for _, s := range samples {
		if s.Variant != "original" {
			continue
		}
		if err := addSample(ctx, set, s); err != nil {
			return nil, err
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range uint64(fillers) {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("filler"), i))
		set.Add(snapshot.SHA256, sum[:])
		set.AddPicture(&phash.Image{PHash: phash.PHash(binary.BigEndian.Uint64(sum[:])), PDQ: halfSet(random)}, list.Place{})
	}
	set.Sort()
	return set, nil
}

// addSample adds a sample's hashes to a list.
func addSample(ctx context.Context, set *list.Set, s Sample) error {
	p, err := picture.Read(ctx, bytes.NewReader(s.Bytes), int64(len(s.Bytes)))
	if err != nil {
		return err
	}
	if p.Reason != "" {
		return fmt.Errorf("%s: %w", s.File, p.Detail)
	}
	im, err := phash.Of(p.Planes[0])
	if err != nil {
		return fmt.Errorf("%s: %w", s.File, err)
	}
	set.Add(snapshot.SHA256, p.SHA256[:])
	set.AddPicture(im, list.Place{})
	return nil
}

// halfSet returns a hash with half of its bits set, as those of pictures have.
func halfSet(random *rand.Rand) (h phash.PDQ) {
	for left := 128; left > 0; {
		n := random.IntN(256)
		if bit := byte(1) << (n % 8); h[n/8]&bit == 0 {
			h[n/8] |= bit
			left--
		}
	}
	return h
}

// parallel calls f for 0 to n-1 on all processors.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	turn := make(chan int)
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := range turn {
				f(i)
			}
		})
	}
	for i := range n {
		turn <- i
	}
	close(turn)
	wg.Wait()
}
