package probe

import (
	"math/bits"
	"slices"
	"sync"
)

// Any reports whether test may hold for one of the masks that Likeliest
// yields: false is certain. It asks test about all of them and a few more, in
// no order, hundreds or thousands at a time, until it holds. That takes a fraction of
// Likeliest's time, and little memory. Number is how many masks Likeliest
// yields, where none holds.
func Any(margins []float32, n int, test func(masks []uint64) bool) (hit bool, number int) {
	hit, number = join(margins, n, 0, 0, test)
	return hit, min(n, number)
}

// AnyBalanced is Any for those masks that flip as many ones of key as zeros.
// Number is how many they are, and a few more.
func AnyBalanced(margins []float32, key uint64, n int, test func(masks []uint64) bool) (hit bool, number int) {
	return join(margins, n, key, ^key, test)
}

// join asks test about the masks that have as many bits of ones as of zeros.
//
// Every subset of the bits is one of one half of them, and one of the other:
// Horowitz and Sahni, "Computing Partitions with Applications to the Knapsack
// Problem", 1974.
func join(margins []float32, n int, ones, zeros uint64, test func(masks []uint64) bool) (hit bool, number int) {
	if n < 1 {
		return false, 0
	}
	single := costs(margins, n)
	limit, most := cutOff(single, n), 2*n+1024
	w := spaces.Get().(*space)
	defer spaces.Put(w)
	var half [2][]variant
	for i, b := range single {
		half[i%2] = append(half[i%2], b)
	}
	var few, fewer bool
	w.rows, few = within(w.rows, half[0], limit, most)
	w.columns, fewer = within(w.columns, half[1], limit, most)
	if !few || !fewer {
		return true, 0 // so many cost the same that it might take forever
	}
	// One digit of the costs is enough: whatever fits under the limit still does,
	// since ⌊a⌋ + ⌊b⌋ ≤ ⌊a + b⌋, and a few more do.
	shift := uint(max(digit, bits.Len32(limit)) - digit)
	limit >>= shift
	lean := func(mask uint64) int { return bits.OnesCount64(mask&ones) - bits.OnesCount64(mask&zeros) }
	for i := range w.piles {
		w.piles[i].costs, w.piles[i].masks = w.piles[i].costs[:0], w.piles[i].masks[:0]
	}
	for _, c := range w.inSteps(w.columns, shift) {
		p := &w.piles[64+lean(c.mask)]
		p.costs, p.masks = append(p.costs, c.cost>>shift), append(p.masks, c.mask)
	}
	w.block = slices.Grow(w.block[:0], enough+len(w.columns))
	block := w.block
	for _, row := range w.inSteps(w.rows, shift) {
		p := &w.piles[64-lean(row.mask)]
		k := len(p.masks)
		for k > 0 && row.cost>>shift+p.costs[k-1] > limit {
			k--
		}
		p.masks = p.masks[:k] // the rows to come cost more
		if number += k; number > most {
			return true, 0
		}
		full := len(block)
		block = block[:full+k]
		combine(block[full:], p.masks, row.mask)
		if len(block) >= enough {
			if test(block) {
				return true, 0
			}
			block = block[:0]
		}
	}
	return test(block), number
}

// enough is how many masks test is asked about at least, but for the last time.
const enough = 256

// A space is the memory that join works in, for the next call as well: a WebAssembly
// program grows for new memory until its collector runs, which takes long.
type space struct {
	rows, columns, sorted []variant
	piles                 [2*64 + 1]struct { // by their lean, and within by inSteps
		costs []uint32
		masks []uint64
	}
	block []uint64
}

var spaces = sync.Pool{New: func() any { return new(space) }}

// inSteps sorts by the bits of the cost from shift on. The result is valid until
// the next call.
func (w *space) inSteps(v []variant, shift uint) []variant {
	w.sorted = slices.Grow(w.sorted[:0], len(v))[:len(v)]
	byDigit(w.sorted, v, shift)
	return w.sorted
}

// combine fills out with the masks, each with the bits of common.
func combine(out, masks []uint64, common uint64) {
	for ; len(masks) >= 4 && len(out) >= 4; out, masks = out[4:], masks[4:] {
		to, from := (*[4]uint64)(out), (*[4]uint64)(masks)
		to[0], to[1], to[2], to[3] = from[0]|common, from[1]|common, from[2]|common, from[3]|common
	}
	for i, m := range masks {
		out[i] = m | common
	}
}
