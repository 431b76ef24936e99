// Package probe lists the variants of a hash that a slightly changed picture
// is likeliest to have.
//
// A Bloom filter finds only exact keys. To find a near one, a query is asked
// with its least certain bits flipped: query-directed probing (Lv, Josephson,
// Wang, Charikar and Li, "Multi-Probe LSH", VLDB 2007). The cost of a variant
// is the sum of the margins of the bits that it flips, and variants come in
// order of their cost.
package probe

import (
	"iter"
	"math"
	"math/bits"
	"slices"
)

// Likeliest yields n different masks of bits to flip in a key, or all there
// are, in order of the sum of the flipped bits' margins: first 0, the key
// itself. margins[i] belongs to the bit 1<<i; there are 64 at most, more are
// ignored. A margin that is negative or not a number counts as 0; a bit with
// an infinite one is never flipped.
//
// Sums are compared with a resolution of 2⁻²⁰ of the largest one needed; below
// that, and between equal sums, the order is fixed but arbitrary. Time and
// memory are proportional to n: about 32 bytes each.
func Likeliest(margins []float32, n int) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		// Most listed pictures are found by the key itself: it costs nothing.
		if n < 1 || !yield(0) || n == 1 {
			return
		}
		bits := costs(margins, n)
		variants, ok := within(nil, bits, cutOff(bits, n), 2*n+1024)
		if ok {
			variants = inOrder(variants)
		} else {
			variants = byHeap(bits, n)
		}
		for _, v := range variants[1:min(n, len(variants))] {
			if !yield(v.mask) {
				return
			}
		}
	}
}

// Swapped returns a key with its bytes swapped, so that a big-endian number becomes
// a little-endian one, and the margins of its bits. Bits that have none are never
// flipped.
func Swapped(key uint64, margins []float32) (uint64, []float32) {
	swapped := make([]float32, 64)
	for i := range swapped {
		swapped[i] = float32(math.Inf(1))
		if from := i ^ 56; from < len(margins) {
			swapped[i] = margins[from]
		}
	}
	return bits.ReverseBytes64(key), swapped
}

// A variant is a set of flipped bits and the sum of what they cost.
type variant struct {
	cost uint32
	next uint32 // the number of the bit behind its dearest one; see within
	mask uint64
}

// scale is the cost of the dearest variant that can be needed.
const scale = 1 << 24

// costs turns margins into single-bit variants, cheapest first. Whole numbers
// make a sum independent of the order of its terms. The j cheapest bits have
// 2^j subsets, so that for n ≤ 2^j nothing dearer than their sum is needed;
// bits that are dearer by themselves are left out.
func costs(margins []float32, n int) []variant {
	// In their order, which that of their bits is, and below that the bits' numbers.
	var all []uint64
	for i, m := range margins[:min(len(margins), 64)] {
		if !(m > 0) {
			m = 0
		}
		if m <= math.MaxFloat32 {
			all = append(all, uint64(math.Float32bits(m))<<6|uint64(i))
		}
	}
	slices.Sort(all)
	value := func(i int) float64 { return float64(math.Float32frombits(uint32(all[i] >> 6))) }
	dearest := 0.0
	for j := 0; j < len(all) && (j > 62 || 1<<j < n); j++ {
		dearest += value(j)
	}
	var bits []variant
	for i, m := range all {
		if value(i) > dearest {
			break
		}
		cost := 0.0
		if dearest > 0 {
			cost = math.Round(value(i) / dearest * scale)
		}
		bits = append(bits, variant{cost: uint32(cost), mask: 1 << (m & 63)})
	}
	return bits
}

// cutOff returns a cost that at least n subsets of bits, or all of them, do
// not exceed, and few more than n. It counts subsets by the sum of their
// costs in coarse steps, rounded up: the knapsack recurrence. There can be more
// of them than whole numbers hold.
func cutOff(bits []variant, n int) uint32 {
	const steps = 512
	// Half of the scale is enough nearly always, and its steps are finer.
	for step := uint32(scale / steps / 2); step <= scale/steps; step *= 2 {
		var count [steps + 1]float64
		count[0] = 1
		for i := range bits {
			c := int((bits[i].cost + step - 1) / step)
			with, without := count[min(c, steps+1):], count[:]
			s := len(with) - 1
			for ; s >= 3; s -= 4 {
				to, from := (*[4]float64)(with[s-3:]), (*[4]float64)(without[s-3:])
				to[3] += from[3]
				to[2] += from[2]
				to[1] += from[1]
				to[0] += from[0]
			}
			for ; s >= 0; s-- {
				with[s] += without[s]
			}
		}
		total := 0.0
		for s, c := range count {
			if total += c; total >= float64(n) {
				return uint32(s) * step
			}
		}
	}
	return 2 * scale
}

// within lists the subsets of bits that cost limit at most, the empty one
// first, in the memory of found. It gives up where there are more than most: where
// many cost the same.
func within(found, bits []variant, limit uint32, most int) ([]variant, bool) {
	found = append(found[:0], variant{})
	for i := 0; i < len(found); i++ {
		from := found[i]
		for next := int(from.next); next < len(bits); next++ {
			b := &bits[next]
			cost := from.cost + b.cost
			if cost > limit {
				break
			}
			if len(found) == most {
				return found, false
			}
			found = append(found, variant{cost, uint32(next + 1), from.mask | b.mask})
		}
	}
	return found, true
}

// inOrder sorts by cost, stably: a radix sort with three digits.
func inOrder(v []variant) []variant {
	sorted := make([]variant, len(v))
	for shift := uint(0); shift < 3*digit; shift += digit {
		byDigit(sorted, v, shift)
		v, sorted = sorted, v
	}
	return v
}

// digit is how many bits byDigit looks at. Three digits hold every cost.
const digit = 10

// byDigit sorts v into sorted by the bits of the cost from shift on, stably.
func byDigit(sorted, v []variant, shift uint) {
	var next [1 << digit]int32
	for i := range v {
		next[v[i].cost>>shift&(1<<digit-1)]++
	}
	sum := int32(0)
	for d, c := range next {
		next[d], sum = sum, sum+c
	}
	for i := range v {
		d := v[i].cost >> shift & (1<<digit - 1)
		sorted[next[d]] = v[i]
		next[d]++
	}
}
