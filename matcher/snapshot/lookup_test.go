package snapshot

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/bits-and-blooms/bloom/v3"
	klauspost "github.com/klauspost/compress/zstd"
)

// A reader that knows only bits-and-blooms and zstd can use a section.
func TestSectionsAreInteroperable(t *testing.T) {
	file, _, m, _ := built(t, blooms(100))
	rows, err := rowsOf(file, m.Version)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		d, err := klauspost.NewReader(bytes.NewReader(file[r.offset : r.offset+r.length]))
		if err != nil {
			t.Fatal(err)
		}
		var f bloom.BloomFilter
		if _, err := f.ReadFrom(d); err != nil {
			t.Fatal(err)
		}
		for _, k := range keys(Lane(r.lane), 100) {
			if !f.Test(append(bytes.Clone(r.seed[:]), KeyOf(Lane(r.lane), k, int(r.keyBits))...)) {
				t.Fatalf("%s: a listed key is missing", Lane(r.lane))
			}
		}
	}
}

// The look-up for short keys is the library's, position by position.
func FuzzShortKeys(f *testing.F) {
	f.Add(uint64(1), uint64(2), uint64(3), uint64(1000), uint8(7))
	f.Fuzz(func(t *testing.T, seed, listed, key, m uint64, k uint8) {
		m, k = 64+m%(1<<16), 1+k%maxHashes
		var s [8]byte
		binary.LittleEndian.PutUint64(s[:], seed)
		seeded := func(key uint64) []byte { return binary.LittleEndian.AppendUint64(bytes.Clone(s[:]), key) }
		filter := bloom.New(uint(m), uint(k)).Add(seeded(listed))
		own := newShort(filter.BitSet().Words(), m, int(k), s)
		if !own.contains(listed) {
			t.Errorf("a listed key misses")
		}
		for i := range uint64(100) {
			if key := key + i; own.contains(key) != filter.Test(seeded(key)) {
				t.Errorf("key %x: got %v, want %v", key, own.contains(key), filter.Test(seeded(key)))
			}
		}
		// A filter with all bits but one shows a single wrong position.
		for i := range m {
			filter.BitSet().Set(uint(i))
		}
		filter.BitSet().Clear(uint(key % m))
		for i := range uint64(100) {
			if key := key + i; own.contains(key) != filter.Test(seeded(key)) {
				t.Errorf("key %x of a nearly full filter: got %v", key, own.contains(key))
			}
		}
	})
}

// So it is for keys of every length.
func FuzzLongKeys(f *testing.F) {
	f.Add([]byte("a key that is forty bytes long, as digests"), []byte("another"), uint8(3))
	f.Fuzz(func(t *testing.T, listed, key []byte, k uint8) {
		const m = 997
		k = 1 + k%maxHashes
		filter := bloom.New(m, uint(k)).Add(listed)
		own := newShort(filter.BitSet().Words(), m, int(k), [8]byte{})
		for n := range min(len(key), 100) + 1 {
			if own.containsLong(key[:n]) != filter.Test(key[:n]) {
				t.Errorf("key %x: got %v, want %v", key[:n], own.containsLong(key[:n]), filter.Test(key[:n]))
			}
		}
		if !own.containsLong(listed) || locations(listed)[0] != bloom.Locations(listed, 1)[0] {
			t.Errorf("%x misses", listed)
		}
	})
}
