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

// written is the section of these positions in a full list.
func written(positions []uint64, m uint64) []byte {
	n := uint64(len(positions))
	return appendRice(nil, slices.Values(positions), n, m, riceShift(n, m, riceBlock))
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
		{2 * riceBlock, 1<<40 - 1<<34},
		{50_000, 100_000},
		{3 * riceBlock, 3 * riceBlock},
		{1000, 1 << 44},
		{3, riceMaxBits},
	} {
		want := scattered(c.n, c.m)
		n := uint64(len(want))
		s, err := decodeRice(written(want, c.m), c.m, n, riceShift(n, c.m, riceBlock))
		if err != nil {
			t.Fatalf("%d of %d: %v", c.n, c.m, err)
		}
		if size := 8*len(s.sieve.words) + 16*len(s.buckets); c.m > n<<20 && n >= riceBlock && uint64(size) > 5*n {
			t.Errorf("%d of %d: %d bytes to find a position", c.n, c.m, size)
		}
		if got := slices.Collect(s.all()); !slices.Equal(got, want) {
			t.Fatalf("%d of %d: got %d positions", len(want), c.m, len(got))
		}
		var ranks, picked []uint64
		for i := 0; i < len(want); i += 1 + i/3 {
			ranks, picked = append(ranks, uint64(i)), append(picked, want[i])
		}
		if got := s.selected(ranks); !slices.Equal(got, picked) {
			t.Fatalf("%d of %d: positions %d are %d, want %d", c.n, c.m, ranks, got, picked)
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

// The bound of any filter is log2(1/p) bits a key; of one with a single hash function, 1.44 more.
func TestRiceIsNearTheBound(t *testing.T) {
	for _, p := range []float64{1.0 / 256, 1e-3, 3e-6, 3.8e-8, 2e-8, 1e-12} {
		const n = 100_000
		m := filterBits(n, Rice, p)
		perKey := 8 * float64(len(written(scattered(n, m), m))) / n
		t.Logf("error %.2g: %.3f bits a key, the bound is %.3f", p, perKey, math.Log2(1/p))
		if perKey > math.Log2(1/p)+1.5 {
			t.Errorf("error %.2g: %.3f bits a key are more than the bound of %.3f and 1.5", p, perKey, math.Log2(1/p))
		}
	}
}

// The positions are those of a bits-and-blooms filter with one hash function.
func TestRiceIsABloomFilter(t *testing.T) {
	file, _, m, _ := built(t, spec(100))
	s, err := Open(file, m, nil)
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
	const count = 2*riceBlock + 7
	good := written(scattered(count, m), m)
	decode := func(b []byte, m uint64) error {
		_, err := decodeRice(b, m, 1<<20, riceShift(count, 1<<30, riceBlock))
		return err
	}
	le := binary.LittleEndian
	put64 := func(at int, v uint64) func([]byte) []byte {
		return func(b []byte) []byte { le.PutUint64(b[at:], v); return b }
	}
	put32 := func(at int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { le.PutUint32(b[at:], v); return b }
	}
	for name, change := range map[string]func([]byte) []byte{
		"no positions":    put64(0, 0),
		"one fewer":       put64(0, count-1),
		"one more":        put64(0, count+1),
		"2^36 positions":  put64(0, 1<<36),
		"2^63 positions":  put64(0, 1<<63),
		"another code":    put32(8, le.Uint32(good[8:])+1),
		"no code":         put32(8, math.MaxUint32),
		"small blocks":    put32(12, 1),
		"large blocks":    put32(12, 62),
		"shift of 64":     put32(12, 64),
		"count of block":  put32(16, le.Uint32(good[16:])+1),
		"block of 2^32-1": put32(16, math.MaxUint32),
		"size of block":   put32(20, le.Uint32(good[20:])-1),
		"size of 2^32-1":  put32(20, math.MaxUint32),
		"a byte behind":   func(b []byte) []byte { return append(b, 0) },
		"zeros only":      func(b []byte) []byte { clear(b[64:]); return b },
		"ones only": func(b []byte) []byte {
			for i := range b[64:] {
				b[64+i] = 0xff
			}
			return b
		},
	} {
		if err := decode(change(bytes.Clone(good)), m); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	small := written([]uint64{1, 5, 60}, 64)
	small[len(small)-1] |= 0x80 // among the zeros that fill the last byte
	if _, err := decodeRice(small, 64, 3, riceShift(3, 64, riceBlock)); err == nil {
		t.Error("a bit behind: no error")
	}
	for i := range good {
		if err := decode(good[:i], m); err == nil {
			t.Fatalf("cut at %d: no error", i)
		}
	}
	for _, other := range []uint64{m / 2, m - 1<<20, 1 << 61} {
		if err := decode(good, other); err == nil {
			t.Errorf("positions below %d: no error", other)
		}
	}
}

func FuzzRice(f *testing.F) {
	f.Add(written([]uint64{1, 5, 60}, 64), uint64(64))
	f.Add(written(scattered(100, 1<<20), 1<<20), uint64(1<<20))
	f.Fuzz(func(t *testing.T, data []byte, m uint64) {
		if m < 64 || m > riceMaxBits || len(data) < riceHeaderSize {
			return
		}
		shift := uint(binary.LittleEndian.Uint32(data[12:]))
		s, err := decodeRice(data, m, 1<<16, shift)
		if err != nil {
			return
		}
		if size := 8*len(s.sieve.words) + 16*cap(s.buckets); size > 16*len(data)+1<<10 {
			t.Errorf("%d bytes to find what is in %d", size, len(data))
		}
		for _, p := range []uint64{0, m / 3, m - 1} {
			s.contains(p)
		}
		positions := slices.Collect(s.all())
		if uint64(len(positions)) != s.count || !slices.IsSorted(positions) || positions[s.count-1] >= m {
			t.Fatalf("positions %d of %d", positions, s.count)
		}
		if again := appendRice(nil, slices.Values(positions), s.count, m, shift); !bytes.Equal(again, data) {
			t.Errorf("%x is read as %d, which is written as %x", data, positions, again)
		}
	})
}
