package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"slices"
)

// A Bloom filter with one hash function whose bits are mostly zero is the set
// of the positions of its ones, and sorted positions compress to within two
// percent of the bound when their gaps are Golomb coded (Mitzenmacher,
// "Compressed Bloom Filters", 2002). A section of the kind rice is, little-endian:
//
//	 0  count    8   positions
//	 8  code     4   of the gaps; see golomb
//	12  shift    4   a block covers 1<<shift positions
//	16  index    8   for each block: how many positions 4 │ in how many bytes 4
//	    blocks
//
// A block has the gaps of its positions, each from the position before it in the
// block, the first from the block's beginning, and zeros that fill its last byte.
const (
	riceHeaderSize = 16
	riceIndexSize  = 8
	// riceBlock is how many positions of a full list a block has at least: the
	// index takes a hundredth of a bit for each.
	riceBlock   = 1 << 13
	riceMaxBits = 1 << 62
)

// riceShift returns the size of a block that has so many entries at least when a
// list has reached its capacity.
func riceShift(capacity, m, block uint64) uint {
	shift := uint(0)
	for m>>shift > capacity/block+1 {
		shift++
	}
	return shift
}

// appendRice appends the section of sorted, different positions below m to b.
func appendRice(b []byte, positions iter.Seq[uint64], count, m uint64, shift uint) []byte {
	code := golombFor(count, m)
	blocks := (m-1)>>shift + 1
	// A gap takes 5 bits and the low ones, and the zeros are m/divisor at most.
	size := riceHeaderSize + riceIndexSize*blocks + (count*(5+uint64(code.exponent()))+m/code.divisor())/8 + blocks + 8
	b = slices.Grow(b, int(size))
	index := len(b) + riceHeaderSize
	b = appendRiceHeader(b, count, code, shift)
	w := bitWriter{out: append(b, make([]byte, riceIndexSize*blocks)...)}
	block, start, in, next := uint64(0), len(w.out), uint64(0), uint64(0)
	end := func() {
		w.align()
		putRiceIndex(w.out[index:], block, in, len(w.out)-start)
		block, start, in = block+1, len(w.out), 0
		next = block << shift
	}
	for p := range positions {
		for p>>shift != block {
			end()
		}
		code.write(&w, p-next)
		in, next = in+1, p+1
	}
	for block < blocks {
		end()
	}
	return w.out
}

func appendRiceHeader(b []byte, count uint64, code golomb, shift uint) []byte {
	b = binary.LittleEndian.AppendUint64(b, count)
	b = binary.LittleEndian.AppendUint32(b, uint32(code))
	return binary.LittleEndian.AppendUint32(b, uint32(shift))
}

func putRiceIndex(index []byte, block, count uint64, size int) {
	entry := index[riceIndexSize*block:]
	binary.LittleEndian.PutUint32(entry, uint32(count))
	binary.LittleEndian.PutUint32(entry[4:], uint32(size))
}

// A riceSet is an open section: the positions as they are in the file, and what
// finds one of them. A sieve of two to four bytes for each position comes
// first: nearly all unlisted keys end there. The rest decode a dozen gaps.
// Together that is two and a half to five bytes a position on top of the section.
type riceSet struct {
	m, count uint64
	code     golomb
	shift    uint
	index    []byte // of the section
	gaps     []byte

	sieve   sieve
	narrow  uint     // a bucket is 1<<narrow positions, and within a block
	buckets []bucket // and one more at the end
}

type bucket struct {
	first uint64 // position in the bucket
	at    uint32 // bit at which the gap after it begins
	rank  uint32 // how many positions are before the bucket
}

// perBucket is how many positions a bucket has at least, if they are even.
const perBucket = 16

// decodeRice reads a section for positions below m, most of them at most, in blocks
// of 1<<shift. It keeps data, and allocates no more than a constant times that.
func decodeRice(data []byte, m, most uint64, shift uint) (*riceSet, error) {
	s, err := parseRice(data, m, most, shift)
	if err != nil {
		return nil, err
	}
	s.size()
	if err := s.scan(); err != nil {
		return nil, err
	}
	return s, nil
}

// parseRice is decodeRice without looking at the gaps.
func parseRice(data []byte, m, most uint64, shift uint) (*riceSet, error) {
	if len(data) < riceHeaderSize {
		return nil, errors.New("the header is cut")
	}
	le := binary.LittleEndian
	s := &riceSet{m: m, count: le.Uint64(data), code: golomb(le.Uint32(data[8:])), shift: uint(le.Uint32(data[12:]))}
	if s.count < 1 || s.count > most || s.code != golombFor(s.count, m) || s.count > 8*uint64(len(data))/s.code.minBits() || s.shift != shift {
		return nil, fmt.Errorf("%d positions with the code %d in blocks of 2^%d", s.count, s.code, s.shift)
	}
	rest := data[riceHeaderSize:]
	blocks := (m-1)>>s.shift + 1
	if blocks > uint64(len(rest))/riceIndexSize {
		return nil, errors.New("the index is cut")
	}
	s.index, s.gaps = rest[:riceIndexSize*blocks], rest[riceIndexSize*blocks:]
	if uint64(len(s.gaps)) > 1<<29-8 {
		return nil, errors.New("the gaps are too many")
	}
	return s, nil
}

// size chooses how large sieve and buckets are.
func (s *riceSet) size() {
	s.sieve = newSieve(s.m, s.count)
	s.narrow = min(uint(bits.Len64((s.m-1)/(s.count/perBucket+1))), s.shift)
	s.buckets = make([]bucket, 0, (s.m-1)>>s.narrow+2)
}

// scan decodes everything once, checks it, and fills what finds a position.
func (s *riceSet) scan() error {
	rank, end := uint64(0), uint64(0)
	for block := range uint64(len(s.index) / riceIndexSize) {
		in, from := s.block(block)
		at := end
		if end = at + from; in > s.count-rank || end > uint64(len(s.gaps)) {
			return fmt.Errorf("block %d is larger than what there is", block)
		}
		r := s.code.reader(s.gaps[:end], 8*at, s.m)
		next, limit := block<<s.shift, min((block+1)<<s.shift, s.m)
		for ; in > 0; in-- {
			gap, ok := r.next()
			if p := next + gap; ok && p < limit {
				next = p + 1
				s.add(p, rank, r.at)
				rank++
				continue
			}
			return fmt.Errorf("the gaps of block %d do not fit", block)
		}
		if !r.ends() {
			return fmt.Errorf("something follows the last gap of block %d", block)
		}
	}
	if rank != s.count || end != uint64(len(s.gaps)) {
		return errors.New("positions are missing, or bytes follow them")
	}
	for uint64(len(s.buckets)) <= (s.m-1)>>s.narrow+1 {
		s.buckets = append(s.buckets, bucket{rank: uint32(rank)})
	}
	return nil
}

// block returns how many positions a block has, and in how many bytes.
func (s *riceSet) block(i uint64) (count, size uint64) {
	entry := s.index[riceIndexSize*i:]
	return uint64(binary.LittleEndian.Uint32(entry)), uint64(binary.LittleEndian.Uint32(entry[4:]))
}

// add takes the next higher position, the gap after which begins at a bit.
func (s *riceSet) add(p, rank, at uint64) {
	s.sieve.add(p)
	if n := p >> s.narrow; uint64(len(s.buckets)) <= n {
		for uint64(len(s.buckets)) < n {
			s.buckets = append(s.buckets, bucket{rank: uint32(rank)})
		}
		s.buckets = append(s.buckets, bucket{p, uint32(at), uint32(rank)})
	}
}

func (s *riceSet) contains(p uint64) bool {
	return s.sieve.passes(p) && s.find(p)
}

// find looks through the position's bucket. It is gapReader.next in a loop, with
// everything at hand.
func (s *riceSet) find(p uint64) bool {
	b := s.buckets[p>>(s.narrow&63):][:2]
	at, next, n := uint64(b[0].at), b[0].first, b[1].rank-b[0].rank
	if n == 0 || next >= p {
		return n > 0 && next == p
	}
	gaps, e, top := s.gaps, s.code.exponent()&63, s.code.top()
	for ; n > 1; n-- {
		i := at >> 3
		if i+8 > uint64(len(gaps)) {
			break
		}
		w := binary.LittleEndian.Uint64(gaps[i:]) >> (at & 7)
		q := uint(bits.TrailingZeros64(w))
		if q+e > 64-7-5 {
			break
		}
		w >>= (q + 1) & 63
		t := w & 7
		long := (15 - top - t) >> 63 // 1 for four bits
		t = t<<(long&1) + (w>>3&1+top-16)&-long
		h := uint64(q)*top + t
		at += uint64(q) + 4 + long + uint64(e)
		if next += h<<e | w>>(3+long)&(1<<e-1) + 1; next >= p {
			return next == p
		}
	}
	for r := s.code.reader(gaps, at, s.m); n > 1 && next < p; n-- {
		gap, _ := r.next() // which scan has read before
		next += gap + 1
	}
	return next == p
}

// all yields the positions in order.
func (s *riceSet) all() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		var positions []uint64
		at := uint64(0)
		for block := range uint64(len(s.index) / riceIndexSize) {
			positions, at = s.appendBlock(positions[:0], block, at)
			for _, p := range positions {
				if !yield(p) {
					return
				}
			}
		}
	}
}

// appendBlock appends the positions of a block whose gaps begin at a byte, and
// returns where those of the next block begin.
func (s *riceSet) appendBlock(out []uint64, block, at uint64) (positions []uint64, end uint64) {
	in, size := s.block(block)
	r := s.code.reader(s.gaps, 8*at, s.m)
	for next := block << s.shift; in > 0; in-- {
		gap, _ := r.next() // which scan has read before
		out = append(out, next+gap)
		next += gap + 1
	}
	return out, at + size
}
