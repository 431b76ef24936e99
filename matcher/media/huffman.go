package media

import "math/bits"

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
	diffs  *[1 << diffBits]int32 // made by lookUpDiffs
	runs   *[1 << runBits]run    // made by lookUpRuns
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

// diffBits is how many bits are looked up to get a difference of DC.
const diffBits = 12

// A difference of DC with its code is one number. From the lowest bit: how many
// bits both take (6 bits), 0 if the code is wrong; in a table, at bit 10 whether
// they are more than diffBits, so that the difference is not known, and at bit 13
// whether the code alone is, so that nothing is; from bit 20 on the difference.
// The gaps let several of them be added.
const (
	diffTakes = 1<<6 - 1
	diffLong  = 1 << 10
	diffLost  = 1 << 13
	diffShift = 20

	// Of the sum of up to four:
	diffSum     = diffLong - 1            // what they take together
	diffUnknown = diffLong*7 | diffLost*7 // whether one is not known
	diffUnread  = diffLost * 7            // whether nothing is of one
	diffLower   = 1<<diffShift - 1
)

// diff finds the difference at the top of acc.
func (h *huffman) diff(acc uint64) int64 {
	length, symbol := h.find(acc)
	size := uint(symbol & 15)
	return int64(extended(acc<<(length&63), size))<<diffShift | int64(length+size)
}

// lookUpDiffs makes the table of differences.
func (h *huffman) lookUpDiffs() {
	if h.diffs != nil {
		return
	}
	h.diffs = new([1 << diffBits]int32)
	for i := range h.diffs {
		acc := uint64(i) << (64 - diffBits)
		length, symbol := h.find(acc)
		takes := length + uint(symbol&15)
		switch {
		case length == 0 || length > diffBits:
			h.diffs[i] = diffLost
		case takes > diffBits:
			h.diffs[i] = int32(diffLong | takes)
		default:
			h.diffs[i] = int32(h.diff(acc))
		}
	}
}

// runBits is how many bits are looked up to pass over coefficients.
const runBits = 12

// A run is what the next bits of a block say that nobody wants to know: as many
// whole coefficients as runBits hold, or one that is longer. From the lowest bit: how many bits they
// take (runTakes bits); how far they lead (6 bits, and one for what is too far);
// whether the block ends; whether the first code cannot be looked up.
type run uint16

const (
	runTakes  = 5
	mostTaken = 1<<runTakes - 1

	// Above what a run takes:
	runOver  = 1 << 6
	runEnds  = 1 << 7
	runLong  = 1 << 8
	runStops = runOver | runEnds | runLong
)

// longestRun is how many bits a run takes at most: three of them, or a
// difference that was looked up and two, are in the bits that refilled brings.
const longestRun = 18

// lookUpRuns makes the table of runs.
func (h *huffman) lookUpRuns() {
	if h.runs != nil {
		return
	}
	// The runs of n bits, from 1<<n on, are their first coefficients with the runs
	// of the bits behind these.
	table := new([2 << runBits]run)
	for i := 2; i < len(table); i++ {
		n := uint(bits.Len(uint(i)) - 1)
		length, symbol := h.find(uint64(i) << (64 - n))
		takes := length + uint(symbol&15)
		switch {
		case length == 0 || length > n || takes > longestRun || takes > n && n < runBits:
			if n == runBits {
				table[i] = runLong << runTakes
			}
			continue
		case symbol&15 == 0 && symbol != zeroRun:
			table[i] = run(takes | runEnds<<runTakes)
			continue
		}
		table[i] = run(takes) + run(symbol>>4+1)<<runTakes
		if takes < n {
			more := table[i] + table[1<<(n-takes)|i&(1<<(n-takes)-1)]
			if more>>runTakes&runOver == 0 {
				table[i] = more
			}
		}
	}
	h.runs = (*[1 << runBits]run)(table[1<<runBits:])
}
