package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/bits-and-blooms/bloom/v3"
	"github.com/corona10/goimagehash"
	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/probe"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/testdata/pictures"
	"github.com/preseal/preseal/tools/internal/output"
)

// benchRecord is one line of preseal bench --json.
type benchRecord struct {
	Name      string  `json:"name"`
	Value     float64 `json:"value"`
	Unit      string  `json:"unit"`
	Reference float64 `json:"reference"` // the same unit
	Ratio     float64 `json:"ratio"`     // value / reference
}

func newBench() *cobra.Command {
	rounds := 0
	c := &cobra.Command{
		Use:   "bench [speed]",
		Short: "Measure preseal beside a reference",
		Long: `Bench measures preseal and a reference by turns, and prints the medians and their ratio:

  phash+pdq-12mp  a 12 megapixel RGBA picture to both hashes; reference: goimagehash.PerceptionHash of the same picture
  probes-N        the N likeliest variants of a hash against 1,000,000 entries; reference: as many bits-and-blooms Test
                  calls on the best filter of the same error rate

The same program measures WebAssembly if it is compiled for it.`,
		Example: `  preseal bench speed
  GOOS=js GOARCH=wasm go run -exec "$(go env GOROOT)/lib/wasm/go_js_wasm_exec" ./tools/preseal bench speed`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"speed"},
		RunE: func(c *cobra.Command, _ []string) error {
			if rounds < 1 {
				return output.Usage(output.Hint(fmt.Errorf("--rounds %d is not 1 or more", rounds), "leave it out for the default"))
			}
			return benchSpeed(c, rounds)
		},
	}
	c.AddCommand(newBenchRecall())
	c.Flags().IntVar(&rounds, "rounds", 9, "how often each is measured")
	return c
}

// A contest is measured by turns: what is ours and the reference.
type contest struct {
	name            string
	ours, reference func() error
}

func benchSpeed(c *cobra.Command, rounds int) error {
	contests, err := contests()
	if err != nil {
		return err
	}
	p := printer(c)
	p.Text("%-15s %10s %-5s %10s %8s", "name", "value", "unit", "reference", "ratio")
	ours, reference := make([][]float64, len(contests)), make([][]float64, len(contests))
	for round := range rounds + 1 {
		for i, contest := range contests {
			a, err := measure(contest.ours)
			if err != nil {
				return err
			}
			b, err := measure(contest.reference)
			if err != nil {
				return err
			}
			if round > 0 { // the first one warms up
				ours[i], reference[i] = append(ours[i], a), append(reference[i], b)
			}
			if err := c.Context().Err(); err != nil {
				return err
			}
		}
	}
	for i, contest := range contests {
		r := benchRecord{Name: contest.name, Value: round(median(ours[i])), Unit: "ms", Reference: round(median(reference[i]))}
		r.Ratio = round(median(ours[i]) / median(reference[i]))
		p.Record(r, fmt.Sprintf("%-15s %10.3f %-5s %10.3f %8.3f", r.Name, r.Value, r.Unit, r.Reference, r.Ratio))
	}
	return p.Err()
}

// measure returns milliseconds.
func measure(f func() error) (float64, error) {
	start := time.Now()
	err := f()
	return float64(time.Since(start).Nanoseconds()) / 1e6, err
}

func median(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func contests() ([]contest, error) {
	photo := enlarge(pictures.Photo(1, 500, 375), 8)
	b := photo.Bounds()
	white, _, err := media.FromRGBA(photo.Pix, b.Dx(), b.Dy())
	if err != nil {
		return nil, err
	}
	im, err := phash.Of(white)
	if err != nil {
		return nil, err
	}
	out := []contest{{
		"phash+pdq-12mp",
		func() error {
			white, _, err := media.FromRGBA(photo.Pix, b.Dx(), b.Dy())
			if err == nil {
				_, err = phash.Of(white)
			}
			return err
		},
		func() error { _, err := goimagehash.PerceptionHash(photo); return err },
	}}
	file := pictures.JPEG(tiled(4000, 3000), 85)
	out = append(out, contest{
		"jpeg-12mp", // to pHash and PDQ, against decoding alone
		func() error {
			l, err := media.FromJPEG(bytes.NewReader(file), int64(len(file)), 1)
			if err == nil {
				_, err = phash.Of(l)
			}
			return err
		},
		func() error { _, err := jpeg.Decode(bytes.NewReader(file)); return err },
	})
	s, reference, err := benchFilters()
	if err != nil {
		return nil, err
	}
	for _, n := range []int{4096, 65536} {
		keys := randomKeys(2, n)
		out = append(out, contest{
			fmt.Sprintf("probes-%d", n),
			func() error {
				var key [8]byte
				hits := 0
				for flips := range probe.Likeliest(im.Margins[:], n) {
					binary.BigEndian.PutUint64(key[:], uint64(im.PHash)^flips)
					hits += count(s.Contains(snapshot.PHash, key[:]))
				}
				runtime.KeepAlive(hits)
				return nil
			},
			func() error {
				hits := 0
				for _, key := range keys {
					hits += count(reference.Test(key))
				}
				runtime.KeepAlive(hits)
				return nil
			},
		})
	}
	return out, nil
}

func count(hit bool) int {
	if hit {
		return 1
	}
	return 0
}

// benchFilters returns a snapshot with a million entries, and the best Bloom filter of the same error rate with them.
func benchFilters() (*snapshot.Snapshot, *bloom.BloomFilter, error) {
	now := time.Now()
	keys := randomKeys(1, 1_000_000)
	file, m, err := snapshot.Build(snapshot.Spec{
		Origin: "bench", Version: 1, Published: now, Expires: now.Add(time.Hour),
		Lanes: []snapshot.LaneKeys{{Lane: snapshot.PHash, Keys: keys}},
	})
	if err != nil {
		return nil, nil, err
	}
	s, err := snapshot.Open(file, m)
	if err != nil {
		return nil, nil, err
	}
	reference := bloom.NewWithEstimates(uint(len(keys)), m.Lanes[0].Error)
	for _, key := range keys {
		reference.Add(key)
	}
	return s, reference, nil
}

// randomKeys returns keys of the lane phash, the same for the same seed.
func randomKeys(seed uint64, n int) [][]byte {
	r := rand.New(rand.NewPCG(seed, 0))
	flat := make([]byte, 0, 8*n)
	keys := make([][]byte, n)
	for i := range keys {
		flat = binary.BigEndian.AppendUint64(flat, r.Uint64())
		keys[i] = flat[8*i : 8*i+8]
	}
	return keys
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
