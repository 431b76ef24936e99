package snapshot

import (
	"bytes"
	"math"
	"slices"

	"github.com/bits-and-blooms/bloom/v3"
)

// minBits is the size of the smallest Bloom filter that is built. In much
// smaller ones the k positions of a key repeat themselves, and their errors come
// in clusters. Empty space costs nothing on the wire.
const minBits = 1 << 16

// hashes returns how many hash functions a filter has for an error rate.
func hashes(kind Kind, errorRate float64) int {
	if kind == Rice {
		return 1
	}
	return max(1, int(math.Round(-math.Log2(errorRate))))
}

// filterBits solves error = (1 - e^(-k·n/m))^k for m (Bloom 1970): how large a
// filter of n keys must be.
func filterBits(n uint64, kind Kind, errorRate float64) uint64 {
	k := hashes(kind, errorRate)
	perHash := math.Pow(errorRate, 1/float64(k))
	return max(minBits, uint64(math.Ceil(-float64(k)*float64(n)/math.Log1p(-perHash))))
}

// A filter is a section that is being built.
type filter struct {
	section
	positions []uint64 // of the kind rice, in any order until finish
}

func newFilter(l *LaneKeys, entries uint64, seed [8]byte) *filter {
	f := &filter{section: section{seed: seed}}
	f.Kind, f.K = l.Kind, hashes(l.Kind, l.Error)
	f.Bits = filterBits(entries+1, l.Kind, l.Error)
	if f.Kind == Rice {
		f.short = newShort(nil, f.Bits, 1, seed)
		f.positions = make([]uint64, 0, entries+1)
		return f
	}
	f.filter = bloom.New(uint(f.Bits), uint(f.K))
	f.short = newShort(f.filter.BitSet().Words(), f.Bits, f.K, seed)
	return f
}

func (f *filter) add(key []byte) {
	if f.Kind == Rice {
		f.positions = append(f.positions, f.position(key))
		return
	}
	f.filter.Add(f.seeded(key))
}

// finish sorts the positions.
func (f *filter) finish() {
	slices.Sort(f.positions)
	f.positions = slices.Compact(f.positions)
}

// contains is for the canary, before the filter is opened.
func (f *filter) contains(key []byte) bool {
	if f.Kind == Rice {
		_, found := slices.BinarySearch(f.positions, f.position(key))
		return found
	}
	return f.section.contains(key)
}

func (f *filter) encode() ([]byte, error) {
	if f.Kind == Rice {
		return encodeRice(f.positions, f.Bits), nil
	}
	var raw bytes.Buffer
	if _, err := f.filter.WriteTo(&raw); err != nil {
		return nil, err
	}
	return pack(raw.Bytes())
}
