package snapshot

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/bits-and-blooms/bloom/v3"
)

// scattered returns n different positions below m, sorted.
func scattered(n int, m uint64) []uint64 {
	var out []uint64
	for i := uint64(0); len(out) < n; i++ {
		out = append(out, scramble(i+1)%m)
		if len(out) == n {
			slices.Sort(out)
			out = slices.Compact(out)
		}
	}
	return out
}

func TestRiceRoundTrip(t *testing.T) {
	for _, c := range []struct {
		n int
		m uint64
	}{
		{1, 64},
		{2, 64},
		{64, 64},
		{63, 1 << 10},
		{riceBlock, 1 << 30},
		{riceBlock + 1, 1 << 30},
		{20_000, 1 << 40},
		{50_000, 100_000},
		{3 * riceBlock, 3 * riceBlock},
		{1000, 1 << 44},
	} {
		want := scattered(c.n, c.m)
		s, err := decodeRice(encodeRice(want, c.m), c.m, uint64(len(want)))
		if err != nil {
			t.Fatalf("%d of %d: %v", c.n, c.m, err)
		}
		if len(s.low) != len(want) {
			t.Fatalf("%d of %d: got %d positions", len(want), c.m, len(s.low))
		}
		for _, p := range want {
			if !s.contains(p) {
				t.Fatalf("%d of %d: %d is missing", c.n, c.m, p)
			}
			if _, listed := slices.BinarySearch(want, (p+1)%c.m); s.contains((p+1)%c.m) != listed {
				t.Fatalf("%d of %d: %d is there: %v", c.n, c.m, (p+1)%c.m, !listed)
			}
		}
		for _, p := range []uint64{0, c.m / 2, c.m - 1} {
			if _, listed := slices.BinarySearch(want, p); s.contains(p) != listed {
				t.Fatalf("%d of %d: %d is there: %v", c.n, c.m, p, !listed)
			}
		}
	}
}

// The bound of any filter is log2(1/p) bits a key.
func TestRiceIsNearTheBound(t *testing.T) {
	const n, p = 100_000, 2e-8
	m := filterBits(n, Rice, p)
	perKey := 8 * float64(len(encodeRice(scattered(n, m), m))) / n
	t.Logf("%.2f bits a key, the bound is %.2f", perKey, math.Log2(1/p))
	if perKey > math.Log2(1/p)+1.6 {
		t.Errorf("%.2f bits a key are more than the bound of %.2f and 1.6", perKey, math.Log2(1/p))
	}
}

// The positions are those of a bits-and-blooms filter with one hash function.
func TestRiceIsABloomFilter(t *testing.T) {
	file, _, m, _ := built(t, spec(100))
	s, err := Open(file, m)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.sections {
		sec := &s.sections[i]
		for _, hash := range keys(sec.Lane, 100) {
			key := KeyOf(sec.Lane, hash, sec.KeyBits)
			want := bloom.Locations(append(bytes.Clone(sec.seed[:]), key...), 1)[0] % sec.Bits
			if sec.position(key) != want || !sec.rice.contains(want) {
				t.Fatalf("%s: position %d, want %d", sec.Lane, sec.position(key), want)
			}
		}
	}
}

func TestHostileRice(t *testing.T) {
	const m = 1 << 30
	good := encodeRice(scattered(2*riceBlock+7, m), m)
	le := binary.LittleEndian
	put64 := func(at int, v uint64) func([]byte) []byte {
		return func(b []byte) []byte { le.PutUint64(b[at:], v); return b }
	}
	put32 := func(at int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { le.PutUint32(b[at:], v); return b }
	}
	for name, change := range map[string]func([]byte) []byte{
		"no positions":        put64(0, 0),
		"one fewer":           put64(0, 2*riceBlock+6),
		"one more":            put64(0, 2*riceBlock+8),
		"2^63 positions":      put64(0, 1<<63),
		"parameter 49":        put32(8, 49),
		"another parameter":   put32(8, 3),
		"no block":            put32(12, 0),
		"small blocks":        put32(12, 1),
		"large blocks":        put32(12, riceMaxBlock+1),
		"another block":       put32(12, riceBlock+1),
		"first position":      put64(16, m),
		"second block before": put64(32, 0),
		"offset":              put64(40, 1),
		"a byte behind":       func(b []byte) []byte { return append(b, 0) },
		"a bit behind":        func(b []byte) []byte { b[len(b)-1] |= 0x80; return b },
		"zeros only":          func(b []byte) []byte { clear(b[64:]); return b },
	} {
		if _, err := decodeRice(change(bytes.Clone(good)), m, 1<<20); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for i := range good {
		if _, err := decodeRice(good[:i], m, 1<<20); err == nil {
			t.Fatalf("cut at %d: no error", i)
		}
	}
	if _, err := decodeRice(good, m/2, 1<<20); err == nil {
		t.Error("positions beyond m: no error")
	}
	if _, err := decodeRice(good, 1<<61, 1<<20); err == nil {
		t.Error("an index beyond memory: no error")
	}
}

func FuzzRice(f *testing.F) {
	f.Add(encodeRice([]uint64{1, 5, 60}, 64), uint64(64))
	f.Add(encodeRice(scattered(100, 1<<20), 1<<20), uint64(1<<20))
	f.Fuzz(func(t *testing.T, data []byte, m uint64) {
		if m < 64 || m > riceMaxBits {
			return
		}
		s, err := decodeRice(data, m, 1<<16)
		if err != nil {
			return
		}
		for _, p := range []uint64{0, m / 3, m - 1} {
			s.contains(p)
		}
		if len(s.low) == 0 || uint64(len(s.index)) != (m-1)>>s.shift+2 {
			t.Errorf("%d positions, %d buckets", len(s.low), len(s.index))
		}
	})
}
