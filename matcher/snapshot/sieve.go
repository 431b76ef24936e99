package snapshot

import "math/bits"

// A sieve lets the positions of a set pass, and few others: a Bloom filter whose
// bits for a position are all in one word, so that it takes one access to memory
// (Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom
// Filters", 2007). Of 16 bits for each position three are set, and one in 126
// others passes; where there are 8, one in 26.
type sieve struct {
	words []uint64
	wide  uint // a word is for 1<<wide positions
}

// newSieve makes an empty one for so many positions below m, of 8 to 16 bits
// each, or fewer where m is below eight times as many.
func newSieve(m, count uint64) sieve {
	wide := min(uint(bits.Len64((m-1)/(16*count)))+6, 63)
	return sieve{make([]uint64, (m-1)>>wide+1), wide}
}

func (s *sieve) add(p uint64) { s.words[p>>s.wide] |= three(p) }

// passes is 1 or 0: there is nothing to jump over.
func (s *sieve) passes(p uint64) int {
	missing := three(p) &^ s.words[p>>(s.wide&63)]
	return 1 - int((missing|-missing)>>63)
}

// sift returns those of the positions that pass, in their place.
func (s *sieve) sift(positions []uint64) []uint64 {
	s.touch(positions)
	n, i := 0, 0
	for ; i+4 <= len(positions); i += 4 {
		four := (*[4]uint64)(positions[i:])
		a, b, c, d := four[0], four[1], four[2], four[3]
		positions[n] = a
		n += s.passes(a)
		positions[n] = b
		n += s.passes(b)
		positions[n] = c
		n += s.passes(c)
		positions[n] = d
		n += s.passes(d)
	}
	for ; i < len(positions); i++ {
		p := positions[i]
		positions[n] = p
		n += s.passes(p)
	}
	return positions[:n]
}

// touch reads the words that sift is about to, so that it waits for many of them
// at once. The sum is there lest reading be optimised away.
//
//go:noinline
func (s *sieve) touch(positions []uint64) (sum uint64) {
	words, wide := s.words, s.wide&63
	for ; len(positions) >= 8; positions = positions[8:] {
		p := (*[8]uint64)(positions)
		sum += words[p[0]>>wide] + words[p[1]>>wide] + words[p[2]>>wide] + words[p[3]>>wide] +
			words[p[4]>>wide] + words[p[5]>>wide] + words[p[6]>>wide] + words[p[7]>>wide]
	}
	return sum
}

// three returns a position's bits. Its word follows from its upper bits, so the
// product's are independent of that (Knuth, "The Art of Computer Programming",
// volume 3, 6.4: multiplicative hashing).
func three(p uint64) uint64 {
	p *= 0x9e3779b97f4a7c15
	return 1<<(p>>58) | 1<<(p>>52&63) | 1<<(p>>46&63)
}
