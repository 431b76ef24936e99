package outputs

import (
	"context"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudflare/circl/oprf"

	"github.com/preseal/preseal/matcher/confirm"
)

// BenchmarkTable compares all that is done for 30,000 keys, from their evaluation to the buckets on disk, with circl's
// evaluations alone on as many cores. They take turns: a thirtieth of the keys is evaluated bare after each such part of
// the others.
func BenchmarkTable(b *testing.B) {
	x := index(0, 10_000)
	key, total := testKey(b), NewTable(x).Len()
	bare, err := oprf.DeriveKey(oprf.SuiteRistretto255, oprf.VerifiableMode, secret[:], []byte("preseal confirmation 1"))
	if err != nil {
		b.Fatal(err)
	}
	server := oprf.NewVerifiableServer(oprf.SuiteRistretto255, bare)
	var spent [2]time.Duration
	var sealing time.Duration
	evaluations := 0
	for b.Loop() {
		dir, table := b.TempDir(), NewTable(x)
		start := time.Now()
		j, err := OpenJournal(filepath.Join(dir, Name), secret, key.Public().ID(), table)
		if err != nil {
			b.Fatal(err)
		}
		spent[0] += time.Since(start)
		inputs := make([][]byte, 0, total)
		for _, c := range table.columns {
			for i := range c.outputs {
				input, err := c.key(i).Input()
				if err != nil {
					b.Fatal(err)
				}
				inputs = append(inputs, input)
			}
		}
		const parts = 30
		for part := range parts {
			ctx, cancel := context.WithCancel(context.Background())
			until := (part + 1) * total / parts
			start := time.Now()
			err := table.Evaluate(ctx, key, j, func(int, int) {
				if table.known >= until {
					cancel()
				}
			})
			spent[0] += time.Since(start)
			if err != nil && ctx.Err() == nil {
				b.Fatal(err)
			}
			cancel()

			start = time.Now()
			turn := inputs[part*total/parts : until]
			var next atomic.Int64
			var workers sync.WaitGroup
			for range runtime.GOMAXPROCS(0) {
				workers.Go(func() {
					for i := next.Add(1); int(i) <= len(turn); i = next.Add(1) {
						if _, err := server.FullEvaluate(turn[i-1]); err != nil {
							b.Error(err)
						}
					}
				})
			}
			workers.Wait()
			spent[1] += time.Since(start)
			evaluations += len(turn)
		}
		start = time.Now()
		if err := table.Evaluate(context.Background(), key, j, nil); err != nil {
			b.Fatal(err)
		}
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
		sealed := time.Now()
		buckets, err := table.WriteBuckets(context.Background(), filepath.Join(dir, EntriesDir), confirm.BucketBits(uint64(total)), nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := buckets.Publish(); err != nil {
			b.Fatal(err)
		}
		spent[0] += time.Since(start)
		sealing += time.Since(sealed)
	}
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "×bare")
	b.ReportMetric(float64(sealing)/float64(spent[1]), "sealing/bare")
	b.ReportMetric(float64(spent[1].Microseconds())/float64(evaluations), "bare-µs")
	b.ReportMetric(0, "ns/op")
}
