package snapshot

import "testing"

// The widest words there can be.
func TestSieveOfOne(t *testing.T) {
	for _, m := range []uint64{1, 2, 1<<61 + 17, riceMaxBits} {
		s := newSieve(m, 1)
		s.add(m - 1)
		positions := []uint64{m - 1, 0, m / 2, m / 3, m - 1}
		if got := s.sift(positions); len(got) < 2 || got[0] != m-1 || got[len(got)-1] != m-1 {
			t.Errorf("of %d positions %d: %v pass", m, m-1, got)
		}
	}
}

// What was added passes, and of the rest few, more where positions are dense.
func TestSieve(t *testing.T) {
	const count = 100_000
	for _, c := range []struct {
		spread uint64 // positions for each that is added
		most   int    // of so many others
	}{{1 << 25, 100}, {1<<25 + 1<<5, 600}, {1000, 600}, {16, 300}} {
		m := c.spread * count
		s, state := newSieve(m, count), uint64(0)
		next := func() uint64 { // splitmix64
			state += 0x9e3779b97f4a7c15
			z := (state ^ state>>30) * 0xbf58476d1ce4e5b9
			z = (z ^ z>>27) * 0x94d049bb133111eb
			return (z ^ z>>31) % m
		}
		listed := map[uint64]bool{m - 1: true}
		s.add(m - 1)
		for range count - 1 {
			p := next()
			listed[p] = true
			s.add(p)
		}
		for p := range listed {
			if !s.passes(p) {
				t.Fatalf("of %d positions %d does not pass", m, p)
			}
		}
		passed, others := 0, 0
		for others < count {
			if p := next(); !listed[p] {
				if others++; s.passes(p) {
					passed++
				}
			}
		}
		bits := float64(64*len(s.words)) / count
		if bits > 32.1 || bits < 15.9 {
			t.Errorf("%d positions for each: %.1f bits of the sieve", c.spread, bits)
		}
		t.Logf("%d positions for each, %.1f bits: %d of %d others pass", c.spread, bits, passed, others)
		if passed > c.most {
			t.Errorf("%d positions for each: %d of %d others pass, want %d at most", c.spread, passed, others, c.most)
		}
	}
}
