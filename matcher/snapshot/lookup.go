package snapshot

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A short is a filter laid out for the keys of perceptual hashes, of which tens
// of thousands are tested for one picture. It gives the same answers as
// bloom.BloomFilter.Test for a seed and a key of 8 bytes each. Half of all
// unlisted keys miss at the first position already, so nothing is computed
// before it is needed. Its keys are little-endian numbers, as MurmurHash3 takes
// them.
type short struct {
	words []uint64
	m     uint64
	k     int
	first uint64 // the state of the hash after the seed
}

// Constants of MurmurHash3, x64, 128 bits (Appleby 2011), which bits-and-blooms
// hashes with.
const (
	murmur1, murmur2 = 0x87c37b91114253d5, 0x4cf5ad432745937f
	murmur3, murmur4 = 0x52dce729, 0x38495ab5

	scramble1, scramble2 = 0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53
)

func newShort(words []uint64, m uint64, k int, seed [8]byte) short {
	h1 := mix1(binary.LittleEndian.Uint64(seed[:]))
	return short{words, m, k, bits.RotateLeft64(h1, 27)*5 + murmur3}
}

func mix1(k uint64) uint64 { return bits.RotateLeft64(k*murmur1, 31) * murmur2 }

func mix2(k uint64) uint64 { return bits.RotateLeft64(k*murmur2, 33) * murmur1 }

// state returns the hash of seed and key before its end.
func (f *short) state(key uint64) (h1, h2 uint64) {
	h2 = bits.RotateLeft64(mix2(key), 31) + f.first
	return f.first, h2*5 + murmur4
}

// position returns the first of a key's positions.
func (f *short) position(key uint64) uint64 {
	h1, h2 := f.state(key)
	p, _ := finish(h1, h2, 16)
	return p % f.m
}

// tester returns a test of whether a set holds the position of one of the keys
// key^f, for f of flips. The sieve's words have to be waited for: where about as
// many keys are to come as it has lines, all are read at once; in a larger one,
// those that a block of keys needs.
func (f *short) tester(set *riceSet, keys int) func(key uint64, flips []uint64) bool {
	isSmall := len(set.sieve.words)/line <= keys
	if isSmall {
		set.sieve.read()
	}
	var block [256]uint64
	return func(key uint64, flips []uint64) bool {
		for len(flips) > 0 {
			positions := block[:min(len(flips), len(block))]
			f.positions(positions, key, flips)
			flips = flips[len(positions):]
			if !isSmall {
				set.sieve.touch(positions)
			}
			for _, p := range set.sieve.sift(positions) {
				if set.find(p) {
					return true
				}
			}
		}
		return false
	}
}

// positions fills out with the positions of keys key^f.
func (f *short) positions(out []uint64, key uint64, flips []uint64) {
	m := f.m
	for i, flip := range flips[:len(out)] {
		h1, h2 := f.state(key ^ flip)
		p, _ := finish(h1, h2, 16)
		out[i] = p % m
	}
}

func (f *short) contains(key uint64) bool {
	h1, h2 := f.state(key)
	a, b := finish(h1, h2, 16)
	if !f.has(a) {
		return false
	}
	// The other two values are the hash of the same bytes and a 1.
	c, d := finish(h1^mix1(1), h2, 17)
	h := [4]uint64{a, b, c, d}
	for i := 1; i < f.k; i++ {
		if n := uint64(i); !f.has(h[n%2] + n*h[2+(n+n%2)%4/2]) {
			return false
		}
	}
	return true
}

func (f *short) has(location uint64) bool {
	at := location % f.m
	return f.words[at/64]>>(at%64)&1 == 1
}

// containsLong is contains for a key of any length, which comes after the seed.
func (f *short) containsLong(seeded []byte) bool {
	h := locations(seeded)
	for i := range f.k {
		if n := uint64(i); !f.has(h[n%2] + n*h[2+(n+n%2)%4/2]) {
			return false
		}
	}
	return true
}

// locations returns the four values that bits-and-blooms derives the positions
// of data from: MurmurHash3 of it, and of it and a 1.
func locations(data []byte) [4]uint64 {
	a, b := murmur(data)
	c, d := murmur(append(slices.Clip(data), 1))
	return [4]uint64{a, b, c, d}
}

func murmur(data []byte) (a, b uint64) {
	var h1, h2 uint64
	length := uint64(len(data))
	for ; len(data) >= 16; data = data[16:] {
		h1 ^= mix1(binary.LittleEndian.Uint64(data))
		h1 = (bits.RotateLeft64(h1, 27)+h2)*5 + murmur3
		h2 ^= mix2(binary.LittleEndian.Uint64(data[8:]))
		h2 = (bits.RotateLeft64(h2, 31)+h1)*5 + murmur4
	}
	var tail [16]byte
	copy(tail[:], data)
	h1 ^= mix1(binary.LittleEndian.Uint64(tail[:]))
	h2 ^= mix2(binary.LittleEndian.Uint64(tail[8:]))
	return finish(h1, h2, length)
}

func finish(h1, h2, length uint64) (a, b uint64) {
	h1 ^= length
	h2 ^= length
	h1 += h2
	h2 += h1
	h1, h2 = scramble(h1), scramble(h2)
	h1 += h2
	return h1, h2 + h1
}

func scramble(h uint64) uint64 {
	h = (h ^ h>>33) * scramble1
	h = (h ^ h>>33) * scramble2
	return h ^ h>>33
}
