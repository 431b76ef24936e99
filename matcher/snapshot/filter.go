package snapshot

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
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

// filterBits returns how large a filter of n keys must be. It solves
// error = (1 - e^(-k·n/m))^k for m (Bloom 1970); with one hash function, n/error
// is that much larger as positions coincide.
func filterBits(n uint64, kind Kind, errorRate float64) uint64 {
	k := hashes(kind, errorRate)
	bits := float64(n) / errorRate
	if kind == Bloom {
		bits = -float64(k) * float64(n) / math.Log1p(-math.Pow(errorRate, 1/float64(k)))
	}
	return uint64(min(max(math.Ceil(bits), minBits), riceMaxBits))
}

// A filter is a section that is being built.
type filter struct {
	section
	filter    *bloom.BloomFilter // of the kind bloom.zst
	shift     uint               // of the kind rice
	positions []uint64           // of the kind rice, in any order until finish
}

func newFilter(l *LaneKeys, seed [8]byte) *filter {
	f := &filter{section: section{seed: seed}}
	f.Kind, f.Lane, f.K, f.KeyBits = l.Kind, l.Lane, hashes(l.Kind, l.Error), l.KeyBits
	f.Bits = filterBits(l.Capacity+1, l.Kind, l.Error)
	if f.Kind == Rice {
		f.shift = riceShift(l.Capacity, f.Bits, riceBlock)
		f.short = newShort(nil, f.Bits, 1, seed)
		return f
	}
	f.filter = bloom.New(uint(f.Bits), uint(f.K))
	f.short = newShort(f.filter.BitSet().Words(), f.Bits, f.K, seed)
	return f
}

// fill adds hashes and counts their different keys: hashes can share one, as the frames of a film do.
func (f *filter) fill(hashes []byte) {
	if f.Lane.KeySize() == 8 {
		keys := make([]uint64, 0, len(hashes)/f.Lane.HashSize()+1)
		for hash := range slices.Chunk(hashes, f.Lane.HashSize()) {
			keys = append(keys, shortKey(f.Lane, hash, f.KeyBits))
		}
		slices.Sort(keys)
		keys = slices.Compact(keys)
		f.Entries = uint64(len(keys))
		if f.Kind == Rice {
			for i, key := range keys {
				keys[i] = f.short.position(bits.ReverseBytes64(key))
			}
			f.positions = keys
			return
		}
		for _, key := range keys {
			f.add(binary.BigEndian.AppendUint64(nil, key))
		}
		return
	}
	size := f.Lane.HashSize()
	if !rises(hashes, size) {
		rows := make([][]byte, 0, len(hashes)/size)
		rows = slices.AppendSeq(rows, slices.Chunk(hashes, size))
		slices.SortFunc(rows, bytes.Compare)
		hashes = bytes.Join(slices.CompactFunc(rows, bytes.Equal), nil)
	}
	f.Entries = uint64(len(hashes) / size)
	if f.Kind == Rice {
		f.positions = make([]uint64, 0, f.Entries+1)
	}
	for key := range slices.Chunk(hashes, size) {
		f.add(key)
	}
}

// rises reports whether rows are sorted, each once.
func rises(rows []byte, size int) bool {
	for at := size; at < len(rows); at += size {
		if bytes.Compare(rows[at-size:at], rows[at:at+size]) >= 0 {
			return false
		}
	}
	return true
}

func (f *filter) add(key []byte) {
	if f.Kind == Rice {
		f.positions = append(f.positions, f.position(key))
		return
	}
	f.filter.Add(f.seeded(key))
}

// tableRow returns what the table says of the section, but for its place and sum.
func (f *filter) tableRow() row {
	r := row{
		kind: kindRice, lane: uint16(f.Lane), flags: critical, entries: f.Entries,
		bits: f.Bits, k: uint32(f.K), keyBits: uint32(f.KeyBits), seed: f.seed,
	}
	if f.Kind == Bloom {
		r.kind = kindBloom
	}
	return r
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

// append appends the section to b. Compress is Spec's.
func (f *filter) append(b []byte, compress func([]byte) ([]byte, error)) ([]byte, error) {
	if f.Kind == Rice {
		return appendRice(b, slices.Values(f.positions), uint64(len(f.positions)), f.Bits, f.shift), nil
	}
	var raw bytes.Buffer
	if _, err := f.filter.WriteTo(&raw); err != nil {
		return nil, err
	}
	packed, err := compress(raw.Bytes())
	return append(b, packed...), err
}
