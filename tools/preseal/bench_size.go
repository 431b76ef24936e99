package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/FastFilter/xorfilter"
	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/output"
)

// sizeRecord is one line of preseal bench size --json.
type sizeRecord struct {
	Name          string  `json:"name"` // a lane whose default error rate it is, delta, or snapshot
	Filter        string  `json:"filter"`
	Entries       int     `json:"entries"`
	Error         float64 `json:"error"` // that was asked for
	Bytes         int64   `json:"bytes"` // on the wire
	BytesPerEntry float64 `json:"bytesPerEntry"`
	BitsPerEntry  float64 `json:"bitsPerEntry"`
	AboveBound    float64 `json:"aboveBound"` // bits per entry beyond log2(1/error)
}

func newBenchSize() *cobra.Command {
	entries := 0
	c := &cobra.Command{
		Use:   "size",
		Short: "Measure what filters and deltas take on the wire",
		Long: `Size builds filters of random keys and prints what they take on the wire, for the default error rate p of each lane:

  bound             log2(1/p) bits for each entry: no filter can do with fewer
  rice              what preseal build writes
  bloom.zst         a Bloom filter with the best number of hash functions, packed by zstd; what --kind bloom.zst writes
  bloom             the same as bits-and-blooms writes it
  binary fuse 8     xorfilter's filter with the smallest fingerprints that reach p; there are 8, 16 and 32 bits
  binary fuse, …    the same if there were fingerprints of any length: 1.125 · log2(1/p) bits

Then the delta of ` + fmt.Sprint(updateAdded) + ` entries added and ` + fmt.Sprint(updateRemoved) + ` removed in the lane pdq, and the whole snapshot of one lane where an innocent
picture has 0.0025 candidates with 65,536 probes (the default of phash). The private confirmation adds the outputs of its
function, for as many entries, and what changes of them in the delta.`,
		Example: `  preseal bench size
  preseal bench size --entries 100000 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := validateEntries(entries); err != nil {
				return err
			}
			return benchSize(c, entries)
		},
	}
	c.Flags().IntVar(&entries, "entries", benchEntries, "keys in a filter")
	return c
}

func benchSize(c *cobra.Command, n int) error {
	p, progress := printer(c), output.NewProgress(c.ErrOrStderr())
	defer progress.Clear()
	p.Text("%-9s %-26s %11s %10s %12s %12s %12s", "", "", "entries", "bytes", "bytes/entry", "bits/entry", "above bound")
	print := func(name, filter string, errorRate float64, bytes int64) {
		progress.Clear()
		perEntry := float64(bytes) / float64(n)
		r := sizeRecord{name, filter, n, errorRate, bytes, round(perEntry), round(8 * perEntry), round(8*perEntry + math.Log2(errorRate))}
		p.Record(r, fmt.Sprintf("%-9s %-26s %11s %10s %12.3f %12.3f %12.3f", r.Name, r.Filter, output.Count(int64(n)), output.Count(r.Bytes), r.BytesPerEntry, r.BitsPerEntry, r.AboveBound))
	}
	var whole int64 // the snapshot of the lane phash
	for _, lane := range []snapshot.Lane{snapshot.SHA256, snapshot.PHash, snapshot.PDQ} {
		errorRate := snapshot.DefaultError(lane, snapshot.DefaultProbes)
		sized := func(bits float64) int64 { return int64(math.Ceil(float64(n) * bits / 8)) }
		print(lane.String(), "bound", errorRate, sized(-math.Log2(errorRate)))
		for _, kind := range []snapshot.Kind{snapshot.Rice, snapshot.Bloom} {
			progress.Step(fmt.Sprintf("%s of %s", kind, lane))
			r, err := publishRandom(snapshot.LaneKeys{Hashes: randomKeys(1, n), Error: errorRate, Kind: kind}, nil)
			if err != nil {
				return err
			}
			section := r.opened.Sections()[0]
			print(lane.String(), string(kind), errorRate, section.Length)
			if kind == snapshot.Bloom {
				print(lane.String(), "bloom", errorRate, int64(24+(section.Bits+63)/64*8))
			} else if lane == snapshot.PHash {
				whole = r.manifest.Size
			}
			if err := c.Context().Err(); err != nil {
				return err
			}
		}
		progress.Step("binary fuse of " + lane.String())
		width, bytes, err := fuseSize(randomKeys(1, n), errorRate)
		if err != nil {
			return err
		}
		print(lane.String(), fmt.Sprint("binary fuse ", width), errorRate, bytes)
		print(lane.String(), "binary fuse, interpolated", errorRate, sized(-1.125*math.Log2(errorRate)))
	}
	progress.Step("delta")
	_, _, delta, err := publishUpdate(n, snapshot.DefaultError(snapshot.PDQ, snapshot.DefaultProbes))
	progress.Clear()
	if err != nil {
		return err
	}
	p.Record(sizeRecord{Name: "delta", Filter: string(snapshot.Rice), Entries: n, Error: snapshot.DefaultError(snapshot.PDQ, snapshot.DefaultProbes), Bytes: int64(len(delta))},
		fmt.Sprintf("\ndelta of +%s −%d in %s entries of pdq: %s bytes", output.Count(updateAdded), updateRemoved, output.Count(int64(n)), output.Count(int64(len(delta)))))
	p.Record(sizeRecord{Name: "snapshot", Filter: string(snapshot.Rice), Entries: n, Error: snapshot.DefaultError(snapshot.PHash, snapshot.DefaultProbes), Bytes: whole},
		fmt.Sprintf("snapshot of %s entries of phash: %.2f MB", output.Count(int64(n)), float64(whole)/1e6))
	return outputsOnTheWire(p, progress, n)
}

// outputsOnTheWire prints what the outputs of the private confirmation add to a snapshot and to a delta.
func outputsOnTheWire(p *output.Printer, progress *output.Progress, n int) error {
	progress.Step("outputs")
	keys := randomKeys(3, n+updateAdded)
	from, err := publishOutputs(keys[:8*n], nil)
	if err != nil {
		return err
	}
	to, err := publishOutputs(keys[8*updateRemoved:], from)
	if err != nil {
		return err
	}
	delta, err := snapshot.MakeDelta(from, to)
	progress.Clear()
	if err != nil {
		return err
	}
	length := from.Outputs().Section().Length
	p.Record(sizeRecord{Name: "outputs", Filter: string(snapshot.PRF), Entries: n, Bytes: length, BytesPerEntry: round(float64(length) / float64(n)), BitsPerEntry: round(8 * float64(length) / float64(n))},
		fmt.Sprintf("outputs of the private confirmation, for %s entries: %.2f MB more, %.2f bits for each", output.Count(int64(n)), float64(length)/1e6, 8*float64(length)/float64(n)))
	p.Record(sizeRecord{Name: "delta", Filter: string(snapshot.PRF), Entries: n, Bytes: int64(len(delta))},
		fmt.Sprintf("delta of +%s −%d outputs: %s bytes", output.Count(updateAdded), updateRemoved, output.Count(int64(len(delta)))))
	return p.Err()
}

// fuseSize returns what a binary fuse filter takes, and how long its fingerprints are.
func fuseSize(flat []byte, errorRate float64) (width int, bytes int64, err error) {
	var keys []uint64
	for key := range slices.Chunk(flat, 8) {
		keys = append(keys, binary.BigEndian.Uint64(key))
	}
	switch bound := -math.Log2(errorRate); {
	case bound <= 8:
		bytes, err = savedSize[uint8](keys)
		return 8, bytes, err
	case bound <= 16:
		bytes, err = savedSize[uint16](keys)
		return 16, bytes, err
	}
	bytes, err = savedSize[uint32](keys)
	return 32, bytes, err
}

func savedSize[T xorfilter.Unsigned](keys []uint64) (int64, error) {
	f, err := xorfilter.NewBinaryFuse[T](keys)
	if err != nil {
		return 0, err
	}
	var n counter
	err = f.Save(&n)
	return int64(n), err
}

// A counter counts what is written to it.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
