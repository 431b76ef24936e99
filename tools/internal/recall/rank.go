package recall

import (
	"math/bits"

	"github.com/preseal/preseal/matcher/probe"
)

// rank returns the number, from 1, of the probe that flips these bits, or 0 if
// it is not among the first n. It saves most of the enumeration by counting
// subsets first, which is much cheaper than listing them.
func rank(margins []float32, flips uint64, n int) int {
	if flips == 0 {
		return 1
	}
	// All subsets of the flips come before the flips themselves.
	if count := bits.OnesCount64(flips); count > 30 || 1<<count > n {
		return 0
	}
	least, most := cheaper(margins, flips, n)
	if least > n {
		return 0
	}
	number := 0
	for mask := range probe.Likeliest(margins, min(most, n)) {
		number++
		if mask == flips {
			return number
		}
	}
	return 0
}

// cheaper bounds how many subsets cost no more than the flips do. It counts
// them by their cost in coarse steps, rounded up and rounded down.
func cheaper(margins []float32, flips uint64, n int) (least, most int) {
	const steps = 1024
	total := 0.0
	for rest := flips; rest != 0; rest &= rest - 1 {
		total += float64(margins[bits.TrailingZeros64(rest)])
	}
	if total == 0 {
		return 0, n
	}
	enough := n + n/8 + 64 // ties and rounding may move a probe a little
	subsets := func(round float64) int {
		var count [steps + 1]int
		count[0] = 1
		for _, m := range margins {
			c := int(float64(m)/total*steps + round)
			for s := steps; s >= c; s-- {
				count[s] = min(count[s]+count[s-c], 2*enough)
			}
		}
		sum := 0
		for _, c := range count {
			sum = min(sum+c, 2*enough)
		}
		return sum
	}
	return subsets(1 - 1e-9), subsets(0) + subsets(0)/64 + 64
}
