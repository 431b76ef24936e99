package probe

// Any reports whether test may hold for one of the masks that Likeliest
// yields: false is certain. It asks test about all of them and a few more, in
// no order, hundreds at a time, until it holds. That takes a fraction of
// Likeliest's time, and little memory. Number is how many masks Likeliest
// yields, where none holds.
//
// Every subset of the bits is one of one half of them, and one of the other:
// Horowitz and Sahni, "Computing Partitions with Applications to the Knapsack
// Problem", 1974.
func Any(margins []float32, n int, test func(masks []uint64) bool) (hit bool, number int) {
	if n < 1 {
		return false, 0
	}
	bits := costs(margins, n)
	limit, most := cutOff(bits, n), 2*n+1024
	var half [2][]variant
	for i, b := range bits {
		half[i%2] = append(half[i%2], b)
	}
	rows, few := within(half[0], limit, most)
	columns, fewer := within(half[1], limit, most)
	if !few || !fewer {
		return true, 0 // so many cost the same that it might take forever
	}
	rows, columns = inOrder(rows), inOrder(columns)
	masks := make([]uint64, len(columns))
	for i := range columns {
		masks[i] = columns[i].mask
	}
	var together [256]uint64
	k, full := len(columns), 0
	for i := range rows {
		for k > 0 && rows[i].cost+columns[k-1].cost > limit {
			k--
		}
		if number += k; number > most {
			return true, 0
		}
		for left := masks[:k]; len(left) > 0; {
			n := join(together[full:], left, rows[i].mask)
			left = left[n:]
			if full += n; full == len(together) {
				if full = 0; test(together[:]) {
					return true, 0
				}
			}
		}
	}
	if test(together[:full]) {
		return true, 0
	}
	return false, min(n, number)
}

// join puts as many of the masks as fit into out, each with the bits of common,
// and returns how many.
func join(out, masks []uint64, common uint64) (n int) {
	n = min(len(out), len(masks))
	out, masks = out[:n], masks[:n]
	for ; len(masks) >= 4 && len(out) >= 4; out, masks = out[4:], masks[4:] {
		four, to := (*[4]uint64)(masks), (*[4]uint64)(out)
		to[0], to[1], to[2], to[3] = four[0]|common, four[1]|common, four[2]|common, four[3]|common
	}
	for i, m := range masks {
		out[i] = m | common
	}
	return n
}
