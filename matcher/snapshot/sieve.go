package snapshot

import "math/bits"

// A sieve lets the positions of a set pass, and few others: a Bloom filter whose
// bits for a position are all in one word, so that it takes one access to memory
// (Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom
// Filters", 2007). Of 32 bits for each position four are set, and one in 1100
// others passes; where there are 16, one in 180.
type sieve struct {
	words []uint64
	wide  uint // a word is for 1<<wide positions
}

// newSieve makes an empty one for so many positions below m, of 16 to 32 bits
// each, or fewer where m is below sixteen times as many.
func newSieve(m, count uint64) sieve {
	wide := min(uint(bits.Len64((m-1)/(32*count)))+6, 63)
	return sieve{make([]uint64, (m-1)>>wide+1), wide}
}

func (s *sieve) add(p uint64) { s.words[p>>s.wide] |= four(p) }

func (s *sieve) passes(p uint64) bool { return four(p)&^s.words[p>>(s.wide&63)] == 0 }

// sift returns those of the positions that pass, in their place. It jumps for few
// of them, and waits for the words of many at once.
func (s *sieve) sift(positions []uint64) []uint64 {
	words, wide, n := s.words, s.wide&63, 0
	for _, p := range positions {
		if four(p)&^words[p>>wide] == 0 {
			positions[n] = p
			n++
		}
	}
	return positions[:n]
}

// four returns a position's bits. Its lower ones choose them, as its upper ones
// choose the word: positions are hashes, and a word is for millions of them
// where a filter errs rarely enough for thousands of probes.
func four(p uint64) uint64 {
	return 1<<(p&63) | 1<<(p>>6&63) | 1<<(p>>12&63) | 1<<(p>>18&63)
}
