package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"runtime"
	"slices"

	"github.com/bits-and-blooms/bloom/v3"
	"github.com/corona10/goimagehash"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/probe"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/testdata/pictures"
)

// A contest is measured by turns: what is ours and the reference.
type contest struct {
	name            string
	ours, reference func() error
}

func pictureContest(photo *image.RGBA) contest {
	b := photo.Bounds()
	return contest{
		"phash+pdq-12mp",
		func() error {
			white, _, err := media.FromRGBA(photo.Pix, b.Dx(), b.Dy())
			if err == nil {
				_, err = phash.Of(white)
			}
			return err
		},
		func() error { _, err := goimagehash.PerceptionHash(photo); return err },
	}
}

// jpegContest decodes a file to pHash and PDQ, against decoding alone.
func jpegContest() contest {
	file := pictures.JPEG(tiled(4000, 3000), 85)
	return contest{
		"jpeg-12mp",
		func() error {
			l, err := media.FromJPEG(bytes.NewReader(file), int64(len(file)), 1)
			if err == nil {
				_, err = phash.Of(l)
			}
			return err
		},
		func() error { _, err := jpeg.Decode(bytes.NewReader(file)); return err },
	}
}

// tiled repeats a photograph: a JPEG file takes as long as its detail asks for.
func tiled(w, h int) *image.NRGBA {
	const side = 500
	photo := pictures.Photo(1, side, side)
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := 0; x < w; x += side {
			copy(out.Pix[out.PixOffset(x, y):][:4*min(side, w-x)], photo.Pix[photo.PixOffset(0, y%side):])
		}
	}
	return out
}

// lookUpContests compares a snapshot of random keys with the best Bloom filter of the same error rate.
func lookUpContests(s *snapshot.Snapshot, entries int, im *phash.Image) ([]contest, error) {
	reference := bloom.NewWithEstimates(uint(entries), s.Manifest().Lanes[0].Error)
	for key := range slices.Chunk(randomKeys(1, entries), 8) {
		reference.Add(key)
	}
	test := func(keys []byte) func() error {
		return func() error {
			hits := 0
			for key := range slices.Chunk(keys, 8) {
				hits += count(reference.Test(key))
			}
			runtime.KeepAlive(hits)
			return nil
		}
	}
	var all []contest
	for _, n := range []int{4096, snapshot.DefaultProbes} {
		all = append(all, contest{fmt.Sprintf("probes-%d", n), func() error {
			listed := s.Tester(snapshot.PHash, n)
			key, margins := probe.Swapped(uint64(im.PHash), im.Margins[:])
			hit, _ := probe.Any(margins, n, func(flips []uint64) bool { return listed(key, flips) })
			runtime.KeepAlive(hit)
			return nil
		}, test(randomKeys(2, n))})
	}
	outputs, err := outputsContest(entries, test(randomKeys(2, benchOutputs)))
	if err != nil {
		return nil, err
	}
	all = append(all, outputs)
	keys := randomKeys(2, snapshot.DefaultProbes)
	return append(all, contest{fmt.Sprintf("look-ups-%d", snapshot.DefaultProbes), func() error {
		hits := 0
		for key := range slices.Chunk(keys, 8) {
			hits += count(s.Contains(snapshot.PHash, key))
		}
		runtime.KeepAlive(hits)
		return nil
	}, test(keys)}), nil
}

// outputsContest looks a thousand outputs of the private confirmation up, among as many as there are entries.
func outputsContest(entries int, reference func() error) (contest, error) {
	s, err := publishOutputs(randomKeys(3, entries), nil)
	if err != nil {
		return contest{}, err
	}
	asked := randomKeys(4, benchOutputs)
	return contest{fmt.Sprintf("outputs-%d", benchOutputs), func() error {
		for y := range slices.Chunk(asked, 8) {
			if _, err := s.Outputs().Contains(binary.BigEndian.Uint64(y)); err != nil {
				return err
			}
		}
		return nil
	}, reference}, nil
}

// benchOutputs is how many outputs are looked up: milliseconds for all are microseconds for one.
const benchOutputs = 1000

func count(hit bool) int {
	if hit {
		return 1
	}
	return 0
}

func updateContests(from, to *release, delta []byte) []contest {
	open := func() error {
		_, err := snapshot.Open(from.file, from.manifest, nil)
		return err
	}
	return []contest{
		{"open", open, func() error {
			sum := sha256.Sum256(from.file)
			runtime.KeepAlive(sum)
			return nil
		}},
		{"delta", func() error {
			_, err := from.opened.Apply(delta, to.manifest)
			return err
		}, open},
	}
}

// memoryOf returns how many bytes an open snapshot occupies. Its file is not among them: clients leave it on disk.
func memoryOf(r *release) (int, error) {
	before := inUse()
	s, err := snapshot.Open(r.file, r.manifest, nil)
	after := inUse()
	runtime.KeepAlive(s)
	return after - before, err
}

// inUse returns the bytes of all objects that are in use.
func inUse() int {
	runtime.GC()
	runtime.GC() // a sync.Pool keeps what it has for one more
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// enlarge repeats every pixel: the content hardly matters to the time, and drawing 12 megapixels takes long.
func enlarge(img *image.NRGBA, times int) *image.RGBA {
	b := img.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, times*b.Dx(), times*b.Dy()))
	for y := range out.Bounds().Dy() {
		for x := range out.Bounds().Dx() {
			copy(out.Pix[out.PixOffset(x, y):], img.Pix[img.PixOffset(x/times, y/times):][:4])
		}
	}
	return out
}
