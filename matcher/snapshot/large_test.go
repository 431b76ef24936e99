package snapshot

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/bits-and-blooms/bloom/v3"
)

// large is a list of three million PDQ hashes, and what it is after 1,000 additions and 500 removals.
func large(b *testing.B) (first, next *Snapshot) {
	b.Helper()
	hashes := make([]byte, 32*3_001_000)
	rand.NewChaCha8([32]byte{1}).Read(hashes)
	first = version(b, nil, 1, LaneKeys{Lane: PDQ, Hashes: hashes[:32*3_000_000]})
	next = version(b, first, 2, LaneKeys{Lane: PDQ, Hashes: hashes[32*500:]})
	return first, next
}

func BenchmarkLarge(b *testing.B) {
	first, next := large(b)
	delta, m := named(b, first, next)
	b.Logf("%d bytes, a delta of %d", first.manifest.Size, len(delta))
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if _, err := OpenAt(first.file, first.manifest); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("scan", func(b *testing.B) {
		s := *first.sections[0].rice
		for b.Loop() {
			s.size()
			if err := s.scan(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("apply", func(b *testing.B) {
		for b.Loop() {
			if _, err := first.Apply(delta, m); err != nil {
				b.Fatal(err)
			}
		}
	})
	var keys [65536][8]byte
	for i := range keys {
		binary.BigEndian.PutUint64(keys[i][:], scramble(uint64(i))>>4)
	}
	b.Run("65536 look-ups", func(b *testing.B) {
		for b.Loop() {
			for i := range keys {
				first.Contains(PDQ, keys[i][:])
			}
		}
	})
	b.Run("65536 bits-and-blooms look-ups", func(b *testing.B) {
		f := bloom.NewWithEstimates(3_000_000, first.manifest.Lanes[0].Error)
		for i := range uint64(3_000_000) {
			var key [8]byte
			binary.BigEndian.PutUint64(key[:], scramble(^i))
			f.Add(key[:])
		}
		for b.Loop() {
			for i := range keys {
				f.Test(keys[i][:])
			}
		}
	})
}
