package media

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The transforms of 2 and 4 points are what the general one is.
func TestTransformsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 0))
	for range 4000 {
		side := 2 + 2*rng.IntN(2)
		table := new([64]uint16)
		for i := range table {
			table[i] = uint16(1 + rng.IntN([]int{2, 30, 65535}[rng.IntN(3)]))
		}
		var coefs [64]int32
		for i := range side * side {
			coefs[i] = int32(rng.IntN(1<<rng.IntN(16)+1)) * int32(1-2*rng.IntN(2))
		}
		const wide, high = 3, 2
		own := &component{plane: make([]uint16, wide*high*side*side), strideX: wide, quant: scaled(table, side), level: 128 << 8}
		general := *own
		general.plane = slices.Clone(own.plane)
		x, y := rng.IntN(wide), rng.IntN(high)
		own.store(&coefs, x, y, side)
		general.storeAny(&coefs, x, y, side)
		if !slices.Equal(own.plane, general.plane) {
			t.Fatalf("%d×%d samples of %v: %v, want %v", side, side, coefs[:side*side], own.plane, general.plane)
		}
	}
}
