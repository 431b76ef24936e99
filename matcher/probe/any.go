package probe

// Any reports whether test may hold for one of the masks that Likeliest
// yields: false is certain. It asks test about all of them and a few more, in
// no order and until test holds, which takes a fraction of the time and no
// memory. Number is how many masks Likeliest yields, where none holds.
func Any(margins []float32, n int, test func(mask uint64) bool) (hit bool, number int) {
	if n < 1 {
		return false, 0
	}
	if test(0) {
		return true, 0
	}
	bits := costs(margins, n)
	s := search{bits: bits, limit: cutOff(bits, n), left: 2*n + 1024, test: test}
	tested := s.left
	if s.extend(variant{}, 0) {
		return true, 0
	}
	return false, min(n, 1+tested-s.left)
}

// A search walks through the subsets that within lists.
type search struct {
	bits  []variant
	limit uint32
	left  int // how many are still to be tested at most
	test  func(mask uint64) bool
}

// extend tests what from becomes with further bits, from the one numbered next
// on. It reports whether test held, or may have held where there are too many.
func (s *search) extend(from variant, next int) bool {
	for i := next; i < len(s.bits); i++ {
		b := &s.bits[i]
		v := variant{from.cost + b.cost, from.mask | b.mask}
		if v.cost > s.limit {
			return false
		}
		if s.left--; s.left < 0 || s.test(v.mask) || s.extend(v, i+1) {
			return true
		}
	}
	return false
}
