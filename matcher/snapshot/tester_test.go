package snapshot

import (
	"encoding/binary"
	"math/bits"
	"testing"
)

// Tester says what Contains says, of listed keys and of others.
func TestTester(t *testing.T) {
	for _, spec := range []Spec{spec(10_000), blooms(10_000)} {
		for i := range spec.Lanes {
			spec.Lanes[i].Error = 0.01
		}
		file, manifest, _, trust := built(t, spec)
		s, err := open(file, manifest, trust)
		if err != nil {
			t.Fatal(err)
		}
		for n, lane := range []Lane{PHash, PHash, PDQ, PDQ} {
			test := s.Tester(lane, []int{1, 600 * 150}[n%2]) // a sieve is read at once, or not
			for _, hash := range keys(lane, 10_000) {
				if !test(bits.ReverseBytes64(shortKey(lane, hash, s.KeyBits(lane))), []uint64{0}) {
					t.Fatalf("%s, %s: a listed key is missing", spec.Lanes[0].Kind, lane)
				}
			}
			hits, number := 0, uint64(0)
			for n := range 600 { // keys at a time
				key, flips, want := number*0x9e3779b97f4a7c15, make([]uint64, n%301), false
				for i := range flips {
					number++
					flips[i] = key ^ number*0x9e3779b97f4a7c15
					want = want || s.Contains(lane, binary.LittleEndian.AppendUint64(nil, key^flips[i]))
				}
				if got := test(key, flips); got != want {
					t.Fatalf("%s, %s: %d keys are %v, Contains says %v", spec.Lanes[0].Kind, lane, len(flips), got, want)
				}
				if want {
					hits++
				}
			}
			if hits == 0 || hits == 600 {
				t.Errorf("%s, %s: %d of 600 times other keys hit", spec.Lanes[0].Kind, lane, hits)
			}
		}
		if s.Tester(SHA256, 1)(0, []uint64{0}) || s.Tester(MD5, 1)(0, []uint64{0}) {
			t.Error("a lane of longer keys, or none, holds a short key")
		}
	}
}
