package media

// lookBits is the length of the longest code that is looked up, not searched.
// Few codes are longer.
const lookBits = 10

// A huffman is the table of one Huffman code (ITU-T T.81, annex C).
type huffman struct {
	most   byte // the largest symbol
	values [256]byte
	// Of each length: the first code that is too large for it, in the upper 16
	// bits, and what to add to a code to get its place in values.
	beyond [17]uint32
	offset [17]int32
	look   [1 << lookBits]uint16 // length<<8 | symbol, 0 for longer codes
	runs   *[1 << runBits]run    // made by passRuns
}

// newHuffman takes how many codes each length from 1 to 16 has, and their
// symbols in order.
func newHuffman(counts *[16]byte, values []byte) (*huffman, error) {
	h := new(huffman)
	code, at := uint32(0), 0
	for i, count := range counts {
		length := i + 1
		h.offset[length] = int32(at) - int32(code)
		for range count {
			symbol := values[at]
			h.values[at], h.most = symbol, max(h.most, symbol)
			if code >= 1<<length {
				return nil, damaged("a Huffman table has more codes than fit")
			}
			if length <= lookBits {
				first := code << (lookBits - length)
				for j := range uint32(1) << (lookBits - length) {
					h.look[first+j] = uint16(length<<8) | uint16(symbol)
				}
			}
			code++
			at++
		}
		h.beyond[length] = code << (16 - length)
		code <<= 1
	}
	return h, nil
}

// find returns the length and the symbol of the code at the top of acc, length
// 0 if there is none.
func (h *huffman) find(acc uint64) (length uint, symbol byte) {
	if e := h.look[acc>>(64-lookBits)]; e != 0 {
		return uint(e >> 8), byte(e)
	}
	top := uint32(acc >> 48)
	for length := lookBits + 1; length <= 16; length++ {
		if top < h.beyond[length] {
			return uint(length), h.values[byte(int32(top>>(16-length))+h.offset[length])]
		}
	}
	return 0, 0
}

// runBits is how many bits are looked up to pass over coefficients.
const runBits = 12

// A run is what the next bits of a block's coefficients say that nobody wants
// to know: as many whole coefficients as runBits hold. From the lowest bit: how
// far they lead (8 bits; an end of block counts as one), whether the last of
// them is the end of the block (1 bit); from bit 16 how many bits they take. 0
// means that the first code is too long to be looked up.
type run uint32

const runEnds run = 1 << 8

// passRuns makes the table for passing over coefficients of a sequential scan.
func (h *huffman) passRuns() {
	if h.runs != nil {
		return
	}
	h.runs = new([1 << runBits]run)
	for i := range h.runs {
		used, passed, ends := uint(0), 0, run(0)
		for ends == 0 && passed < 64 {
			length, symbol := h.find(uint64(i) << (64 - runBits) << used)
			if length == 0 || used+length > runBits {
				break // what looks like a code may go on differently
			}
			size := uint(symbol & 15)
			if used > 0 && used+length+size > runBits {
				break
			}
			used += length + size
			passed += int(symbol>>4) + 1
			if size == 0 && symbol != zeroRun {
				passed, ends = passed-int(symbol>>4), runEnds
			}
		}
		h.runs[i] = run(used)<<16 | ends | run(passed)
	}
}
