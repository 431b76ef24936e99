package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// A Bloom filter with one hash function whose bits are mostly zero is the set
// of the positions of its ones, and sorted positions compress to within a bit
// and a half of the bound when their gaps are Rice coded (Golomb 1966; Rice and Plaunt
// 1971; Mitzenmacher, "Compressed Bloom Filters", 2002). A section of the kind
// rice is, little-endian:
//
//	 0  count        8   positions
//	 8  parameter    4   r, bits of a gap that are written as they are
//	12  block        4   positions of a block, the last one may have fewer
//	16  index        16 for each block: its first position 8 │ where its gaps begin 8, in bits
//	    gaps             of each block, from its second position on, least significant bit first
//
// A gap g = position − position before − 1 is g>>r zeros, a one, and the r low
// bits of g. The gaps of a block follow those of the block before, and zeros
// fill the last byte.
const (
	riceHeaderSize = 16
	riceIndexSize  = 16
	riceBlock      = 1 << 12
	riceMaxBlock   = 1 << 16
	riceMaxBits    = 1 << 62
	riceMaxCount   = 1 << 27 // positions: 0.9 GB when open
)

// encodeRice writes sorted, different positions below m.
func encodeRice(positions []uint64, m uint64) []byte {
	r := riceParameter(uint64(len(positions)), m)
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(positions)))
	b = binary.LittleEndian.AppendUint32(b, r)
	b = binary.LittleEndian.AppendUint32(b, riceBlock)
	var gaps bitWriter
	for block := range slices.Chunk(positions, riceBlock) {
		b = binary.LittleEndian.AppendUint64(b, block[0])
		b = binary.LittleEndian.AppendUint64(b, gaps.length())
		for i, p := range block[1:] {
			gap := p - block[i] - 1
			for range gap >> r {
				gaps.write(0, 1)
			}
			gaps.write(1, 1)
			gaps.write(gap&(1<<r-1), uint(r))
		}
	}
	return append(b, gaps.bytes()...)
}

// riceParameter is the best r for gaps of this mean: log2 of ln 2 times it.
func riceParameter(count, m uint64) uint32 {
	mean := float64(m) / float64(max(count, 1)) * math.Ln2
	return uint32(min(max(math.Round(math.Log2(max(mean, 1))), 0), 48))
}

// A bitWriter appends bits, least significant first.
type bitWriter struct {
	out  []byte
	word uint64
	n    uint // bits in word, below 8
}

func (w *bitWriter) length() uint64 { return 8*uint64(len(w.out)) + uint64(w.n) }

func (w *bitWriter) write(v uint64, n uint) {
	w.word |= v << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.word))
		w.word >>= 8
	}
}

func (w *bitWriter) bytes() []byte {
	if w.n > 0 {
		return append(w.out, byte(w.word))
	}
	return w.out
}

// A riceSet holds positions sorted and cut in two: the high bits choose a bucket
// of about four, which lists the low bits. A coarse map of a byte or two for each
// position comes first: seven of eight unlisted keys at least end there, with one place of
// memory read instead of three. That is 6 to 7 bytes a position in all.
type riceSet struct {
	m      uint64
	coarse []uint64 // a bit for each stretch of positions with one in it
	wide   uint     // a stretch is 1<<wide positions
	shift  uint
	index  []uint32 // where each bucket begins in low, and where the last one ends
	low    []uint32
}

func (s *riceSet) contains(position uint64) bool {
	if at := position >> s.wide; s.coarse[at/64]>>(at%64)&1 == 0 {
		return false
	}
	bucket := s.low[s.index[position>>s.shift]:s.index[position>>s.shift+1]]
	want := uint32(position & (1<<s.shift - 1))
	if len(bucket) > 16 {
		_, found := slices.BinarySearch(bucket, want)
		return found
	}
	for _, v := range bucket {
		if v >= want {
			return v == want
		}
	}
	return false
}

// decodeRice reads a section for positions below m, most of them at most. It
// allocates no more than a constant times the data.
func decodeRice(data []byte, m uint64, most uint64) (*riceSet, error) {
	if len(data) < riceHeaderSize {
		return nil, errors.New("the header is cut")
	}
	le := binary.LittleEndian
	count, r, block := le.Uint64(data), le.Uint32(data[8:]), uint64(le.Uint32(data[12:]))
	// Each position but a block's first takes a bit at least, and r more.
	if count < 1 || count > most || count > 8*uint64(len(data))/uint64(r+1) || count > riceMaxCount || r > 48 || block < 1 || block > riceMaxBlock {
		return nil, fmt.Errorf("%d positions with the parameter %d in blocks of %d", count, r, block)
	}
	blocks := (count + block - 1) / block
	if blocks > uint64(len(data)-riceHeaderSize)/riceIndexSize {
		return nil, errors.New("the index is cut")
	}
	s, err := newRiceSet(m, count)
	if err != nil {
		return nil, err
	}
	index, gaps := data[riceHeaderSize:riceHeaderSize+blocks*riceIndexSize], data[riceHeaderSize+blocks*riceIndexSize:]
	in := bitReader{data: gaps}
	next := uint64(0) // the lowest position that may follow
	for i := range blocks {
		first := le.Uint64(index[riceIndexSize*i:])
		if first < next || le.Uint64(index[riceIndexSize*i+8:]) != in.at() {
			return nil, fmt.Errorf("block %d is out of place", i)
		}
		position := first
		for n := range min(block, count-i*block) {
			if n > 0 {
				gap, ok := in.rice(uint(r))
				if !ok || gap >= m-position {
					return nil, fmt.Errorf("the gaps of block %d do not fit", i)
				}
				position += gap + 1
			}
			if position >= m {
				return nil, fmt.Errorf("a position of block %d does not fit", i)
			}
			s.add(position)
		}
		next = position + 1
	}
	if !in.end() {
		return nil, errors.New("something follows the last gap")
	}
	s.finish()
	return s, nil
}

func newRiceSet(m, count uint64) (*riceSet, error) {
	const bucket = 4
	shift := uint(min(32, max(0, bits.Len64(m-1)-bits.Len64(count/bucket))))
	buckets := (m-1)>>shift + 1
	if buckets > 4*count+1<<14 {
		return nil, fmt.Errorf("%d bits are too many for %d positions", m, count)
	}
	const stretches = 16
	wide := uint(max(0, bits.Len64((m-1)/(stretches*count))))
	return &riceSet{
		m: m, wide: wide, coarse: make([]uint64, (m-1)>>wide/64+1),
		shift: shift, index: make([]uint32, 1, buckets+1), low: make([]uint32, 0, count),
	}, nil
}

// add takes the next higher position.
func (s *riceSet) add(position uint64) {
	for bucket := position >> s.shift; uint64(len(s.index)) <= bucket; {
		s.index = append(s.index, uint32(len(s.low)))
	}
	s.low = append(s.low, uint32(position&(1<<s.shift-1)))
	at := position >> s.wide
	s.coarse[at/64] |= 1 << (at % 64)
}

// finish closes the last buckets.
func (s *riceSet) finish() {
	for uint64(len(s.index)) <= (s.m-1)>>s.shift+1 {
		s.index = append(s.index, uint32(len(s.low)))
	}
}

// A bitReader takes bits off data, least significant first.
type bitReader struct {
	data []byte
	next int    // the next byte to load
	word uint64 // loaded bits
	n    uint   // how many of them
}

func (r *bitReader) at() uint64 { return 8*uint64(r.next) - uint64(r.n) }

// load fills the word to at least 56 bits, or with what there is.
func (r *bitReader) load() {
	for r.n <= 56 && r.next < len(r.data) {
		r.word |= uint64(r.data[r.next]) << r.n
		r.next++
		r.n += 8
	}
}

// rice takes one gap.
func (r *bitReader) rice(parameter uint) (gap uint64, ok bool) {
	zeros := uint64(0)
	for {
		if r.load(); r.n == 0 {
			return 0, false
		}
		if r.word != 0 {
			break
		}
		zeros += uint64(r.n)
		r.n = 0
	}
	run := uint(bits.TrailingZeros64(r.word))
	zeros += uint64(run)
	r.word >>= run + 1
	r.n -= run + 1
	if r.load(); r.n < parameter || zeros > riceMaxBits>>parameter {
		return 0, false
	}
	gap = zeros<<parameter | r.word&(1<<parameter-1)
	r.word >>= parameter
	r.n -= parameter
	return gap, true
}

// end reports whether only the zeros that fill the last byte are left.
func (r *bitReader) end() bool {
	return r.next == len(r.data) && r.n < 8 && r.word == 0
}
