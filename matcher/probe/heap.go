package probe

import "container/heap"

// byHeap lists the n cheapest subsets of bits, or all there are, in order. It
// is slower than sorting what lies under a cut-off, and the only way where
// more subsets than can be listed cost the same.
//
// Every subset is reached once: from a subset whose dearest bit is i, by adding
// bit i+1 or by moving i to i+1. Neither is cheaper than the subset itself.
func byHeap(bits []variant, n int) []variant {
	found := make([]variant, 1, n)
	if len(bits) == 0 {
		return found
	}
	open := &subsets{{bits[0], 0}}
	for len(found) < n && open.Len() > 0 {
		s := (*open)[0]
		found = append(found, s.variant)
		next := s.dearest + 1
		if next == len(bits) {
			heap.Pop(open)
			continue
		}
		last, b := bits[s.dearest], bits[next]
		(*open)[0] = subset{variant{cost: s.cost - last.cost + b.cost, mask: s.mask ^ last.mask | b.mask}, next}
		heap.Fix(open, 0)
		heap.Push(open, subset{variant{cost: s.cost + b.cost, mask: s.mask | b.mask}, next})
	}
	return found
}

// A subset knows the index of its dearest bit.
type subset struct {
	variant
	dearest int
}

type subsets []subset

func (s subsets) Len() int           { return len(s) }
func (s subsets) Less(i, j int) bool { return s[i].cost < s[j].cost }
func (s subsets) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *subsets) Push(x any)        { *s = append(*s, x.(subset)) }
func (s *subsets) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}
