//go:build unix

package publish

import (
	"context"
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cloudflare/circl/oprf"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
)

// BenchmarkPrivate compares the build of a list of 30,000 entries, from the sorted set to the files on disk, with circl's
// evaluations of its keys alone on as many cores: by the clock, and by what the processors did. They take turns, a tenth
// of the work each, and so both see the same machine.
func BenchmarkPrivate(b *testing.B) {
	set := new(list.Set)
	for i := range uint64(30_000) {
		hash := make([]byte, 32)
		for j := range uint64(4) {
			binary.BigEndian.PutUint64(hash[8*j:], (4*i+j+1)*0x9e3779b97f4a7c15)
		}
		set.Add(snapshot.PDQ, hash)
	}
	set.Sort()
	k, err := keys.Generate("bench")
	if err != nil {
		b.Fatal(err)
	}
	bare, err := oprf.DeriveKey(oprf.SuiteRistretto255, oprf.VerifiableMode, k.OPRF[:], []byte("preseal confirmation 1"))
	if err != nil {
		b.Fatal(err)
	}
	server := oprf.NewVerifiableServer(oprf.SuiteRistretto255, bare)
	var own, alone, ownCPU, aloneCPU time.Duration
	for b.Loop() {
		dir := b.TempDir()
		var inputs [][]byte
		start, startCPU, turns, turnsCPU := time.Now(), processors(b), time.Duration(0), time.Duration(0)
		done := 0
		evaluate := func(until int) {
			began, beganCPU := time.Now(), processors(b)
			part := inputs[done:min(until, len(inputs))]
			done += len(part)
			var next atomic.Int64
			var workers sync.WaitGroup
			for range runtime.GOMAXPROCS(0) {
				workers.Go(func() {
					for i := next.Add(1); int(i) <= len(part); i = next.Add(1) {
						if _, err := server.FullEvaluate(part[i-1]); err != nil {
							b.Error(err)
						}
					}
				})
			}
			workers.Wait()
			turns, turnsCPU = turns+time.Since(began), turnsCPU+processors(b)-beganCPU
		}
		build := &Build{Keys: k, List: set, Now: time.Now(), Life: time.Hour}
		draft, err := build.Draft()
		if err != nil {
			b.Fatal(err)
		}
		keysOf := list.NewIndex(set, draft.Opened.KeyBits(snapshot.PDQ)).Keys(snapshot.PDQ)
		for ; len(keysOf) > 0; keysOf = keysOf[8:] {
			input, err := confirm.Key{Lane: snapshot.PDQ, Bytes: keysOf[:8]}.Input()
			if err != nil {
				b.Fatal(err)
			}
			inputs = append(inputs, input)
		}
		files := interleaved(b, build, draft, dir, len(inputs)/10, evaluate)
		if err := files.Write(context.Background(), dir); err != nil {
			b.Fatal(err)
		}
		evaluate(len(inputs))
		own, alone = own+time.Since(start)-turns, alone+turns
		ownCPU, aloneCPU = ownCPU+processors(b)-startCPU-turnsCPU, aloneCPU+turnsCPU
	}
	b.ReportMetric(float64(own)/float64(alone), "×bare")
	b.ReportMetric(float64(ownCPU)/float64(aloneCPU), "×bare-cpu")
	b.ReportMetric(float64(aloneCPU.Microseconds())/float64(b.N)/30_000, "bare-cpu-µs")
	b.ReportMetric(0, "ns/op")
}

// processors returns how long processors have worked for this process.
func processors(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// interleaved makes the files, and lets others have their turn whenever a part of the outputs is done: it interrupts the
// evaluation, which goes on with the journal.
func interleaved(b *testing.B, build *Build, draft *Draft, dir string, part int, turn func(until int)) *Files {
	total := 0
	for {
		ctx, cancel := context.WithCancel(context.Background())
		begun := total
		build.Count = func(what string, done, _ int64) {
			if total = begun + int(done); int(done) >= part {
				cancel()
			}
		}
		d, _, err := draft.Evaluate(ctx, dir)
		cancel()
		turn(total)
		if ctx.Err() != nil && err != nil {
			continue
		}
		if err != nil {
			b.Fatal(err)
		}
		build.Count = nil
		files, err := d.Publish()
		if err != nil {
			b.Fatal(err)
		}
		return files
	}
}
