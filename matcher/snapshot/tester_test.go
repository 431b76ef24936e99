package snapshot

import (
	"encoding/binary"
	"testing"
)

// Tester says what Contains says, of listed keys and of others.
func TestTester(t *testing.T) {
	for _, spec := range []Spec{spec(2000), blooms(2000)} {
		for i := range spec.Lanes {
			spec.Lanes[i].Error = 0.01
		}
		file, manifest, _, trust := built(t, spec)
		s, err := open(file, manifest, trust)
		if err != nil {
			t.Fatal(err)
		}
		for _, lane := range []Lane{PHash, PDQ} {
			test := s.Tester(lane)
			for _, hash := range keys(lane, 2000) {
				if !test(shortKey(lane, hash, s.KeyBits(lane)), []uint64{0}) {
					t.Fatalf("%s, %s: a listed key is missing", spec.Lanes[0].Kind, lane)
				}
			}
			hits := 0
			var b [8]byte
			for i := range uint64(100_000) {
				binary.BigEndian.PutUint64(b[:], i*0x9e3779b97f4a7c15)
				got, want := test(i*0x9e3779b97f4a7c15, []uint64{0}), s.Contains(lane, b[:])
				if got != want {
					t.Fatalf("%s, %s: %x is %v, Contains says %v", spec.Lanes[0].Kind, lane, b, got, want)
				}
				if got {
					hits++
				}
			}
			if hits == 0 {
				t.Errorf("%s, %s: no other key hits", spec.Lanes[0].Kind, lane)
			}
		}
		if s.Tester(SHA256)(0, []uint64{0}) || s.Tester(MD5)(0, []uint64{0}) {
			t.Error("a lane of longer keys, or none, holds a short key")
		}
	}
}
