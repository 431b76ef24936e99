package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
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
	rounds, entries := 0, 0
	c := &cobra.Command{
		Use:   "bench [speed]",
		Short: "Measure preseal beside a reference",
		Long: `Bench measures preseal and a reference by turns, and prints the medians and their ratio:

  phash+pdq-12mp  a 12 megapixel RGBA picture to both hashes; reference: goimagehash.PerceptionHash of the same picture
  jpeg-12mp       a 12 megapixel JPEG file to both hashes; reference: image/jpeg.Decode of it, without any hash
  probes-N        the N likeliest variants of a hash, listed and looked up; reference: as many bits-and-blooms Test calls
                  on the best filter of the same error rate
  look-ups-65536  looked up alone; reference: as many Test calls
  outputs-1000    outputs of the private confirmation looked up; reference: as many Test calls
  open            a stored snapshot made ready; reference: the SHA-256 of its file alone
  delta           ` + fmt.Sprintf("%d entries added and %d", updateAdded, updateRemoved) + ` removed; reference: open
  memory          what an open snapshot occupies, besides its file; reference: its file

The snapshot has as many random keys in the lane phash as --entries says. The same program measures WebAssembly if it is
compiled for it.`,
		Example: `  preseal bench speed
  preseal bench size
  GOOS=js GOARCH=wasm go run -exec "$(go env GOROOT)/lib/wasm/go_js_wasm_exec" ./tools/preseal bench speed`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"speed"},
		RunE: func(c *cobra.Command, _ []string) error {
			if rounds < 1 {
				return output.Usage(output.Hint(fmt.Errorf("--rounds %d is not 1 or more", rounds), "leave it out for the default"))
			}
			if err := validateEntries(entries); err != nil {
				return err
			}
			return benchSpeed(c, rounds, entries)
		},
	}
	c.AddCommand(newBenchRecall(), newBenchSize(), newBenchServer())
	c.Flags().IntVar(&rounds, "rounds", 9, "how often each is measured")
	c.Flags().IntVar(&entries, "entries", benchEntries, "keys in the snapshot")
	return c
}

// benchEntries is how many keys a filter has by default.
const benchEntries = 3_000_000

func validateEntries(n int) error {
	const most = 50_000_000
	if n >= 2*updateRemoved && n <= most {
		return nil
	}
	return output.Usage(output.Hint(fmt.Errorf("--entries %d is not %s to %s", n, output.Count(2*updateRemoved), output.Count(most)), "leave it out for the default"))
}

const benchHeader = "%-15s %10s %-5s %10s %8s"

func benchRow(p *output.Printer, name, unit string, value, reference float64) {
	r := benchRecord{name, round(value), unit, round(reference), round(value / reference)}
	p.Record(r, fmt.Sprintf("%-15s %10.3f %-5s %10.3f %8.3f", r.Name, r.Value, r.Unit, r.Reference, r.Ratio))
}

func benchSpeed(c *cobra.Command, rounds, entries int) error {
	photo := enlarge(pictures.Photo(1, 500, 375), 8)
	white, _, err := media.FromRGBA(photo.Pix, photo.Rect.Dx(), photo.Rect.Dy())
	if err != nil {
		return err
	}
	im, err := phash.Of(white)
	if err != nil {
		return err
	}
	from, to, delta, err := publishUpdate(entries, snapshot.DefaultError(snapshot.PHash, snapshot.DefaultProbes))
	if err != nil {
		return err
	}
	memory, err := memoryOf(from)
	if err != nil {
		return err
	}
	contests := []contest{pictureContest(photo), jpegContest()}
	lookUps, err := lookUpContests(from.opened, entries, im)
	if err != nil {
		return err
	}
	contests = append(contests, lookUps...)
	contests = append(contests, updateContests(from, to, delta)...)
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
	p := printer(c)
	p.Text(benchHeader, "name", "value", "unit", "reference", "ratio")
	for i, contest := range contests {
		benchRow(p, contest.name, "ms", median(ours[i]), median(reference[i]))
	}
	benchRow(p, "memory", "MB", float64(memory)/1e6, float64(len(from.file))/1e6)
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
