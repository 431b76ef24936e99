package main

import (
	"crypto/sha256"
	"fmt"
	"image"
	"runtime"
	"slices"

	"github.com/bits-and-blooms/bloom/v3"
	"github.com/corona10/goimagehash"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/probe"
	"github.com/preseal/preseal/matcher/snapshot"
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

// lookUpContests compares a snapshot of random keys with the best Bloom filter of the same error rate.
func lookUpContests(s *snapshot.Snapshot, entries int, im *phash.Image) []contest {
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
			listed := s.Tester(snapshot.PHash)
			hit, _ := probe.Any(im.Margins[:], n, func(flips uint64) bool { return listed(uint64(im.PHash) ^ flips) })
			runtime.KeepAlive(hit)
			return nil
		}, test(randomKeys(2, n))})
	}
	keys := randomKeys(2, snapshot.DefaultProbes)
	return append(all, contest{fmt.Sprintf("look-ups-%d", snapshot.DefaultProbes), func() error {
		hits := 0
		for key := range slices.Chunk(keys, 8) {
			hits += count(s.Contains(snapshot.PHash, key))
		}
		runtime.KeepAlive(hits)
		return nil
	}, test(keys)})
}

func count(hit bool) int {
	if hit {
		return 1
	}
	return 0
}

func updateContests(from, to *release, delta []byte) []contest {
	open := func() error {
		_, err := snapshot.Open(from.file, from.manifest)
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

// memoryOf returns how many bytes an open snapshot occupies, its file included.
func memoryOf(r *release) (int, error) {
	before := inUse()
	s, err := snapshot.Open(r.file, r.manifest)
	after := inUse()
	runtime.KeepAlive(s)
	return after - before + len(r.file), err
}

// inUse returns the bytes of all objects that are in use.
func inUse() int {
	runtime.GC()
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
