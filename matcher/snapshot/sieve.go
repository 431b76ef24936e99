package snapshot

import "math/bits"

// A sieve lets the positions of a set pass, and few others: a Bloom filter whose
// bits for a position are all in one word, so that it takes one access to memory
// (Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom
// Filters", 2007). Of 32 bits for each position four are set, and one in 1100
// others passes; where there are 16, one in 180. So it is where a word is for 2^24
// positions at least, as in filters for 65,536 probes; in denser ones more pass.
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

// sift returns those of the positions that pass, in their place. Few do, so that
// processors foresee the jump.
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

// line is how many words a processor fetches from memory at a time.
const line = 8

// read reads all words, in the order that processors expect. The sum is there lest
// reading be optimised away.
//
//go:noinline
func (s *sieve) read() (sum uint64) {
	for i := 0; i < len(s.words); i += line {
		sum += s.words[i]
	}
	return sum
}

// touch reads the words that sift is about to, so that it waits for many of them
// at once.
//
//go:noinline
func (s *sieve) touch(positions []uint64) (sum uint64) {
	words, wide := s.words, s.wide&63
	for _, p := range positions {
		sum += words[p>>wide]
	}
	return sum
}

// four returns a position's bits. Its lower ones choose them, as its upper ones
// choose the word: positions are hashes. The product adds up the position times 1,
// 64, 64² and 64³, so that all four differ within a word that is for few positions.
func four(p uint64) uint64 {
	p *= 1 + 1<<6 + 1<<12 + 1<<18
	return 1<<(p&63) | 1<<(p>>6&63) | 1<<(p>>12&63) | 1<<(p>>18&63)
}
