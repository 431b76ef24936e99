package halves

import (
	"math"
	"testing"
)

func TestAdd(t *testing.T) {
	for n := range 40 {
		row, sums := make([]uint16, n), make([]uint64, Len(n))
		for i := range row {
			row[i] = uint16(math.MaxUint16 - i*i)
		}
		Add(sums, row, 40000)
		Add(sums, row, 25536)
		for i, v := range row {
			if got := sums[i/4*2+i%2] >> (i % 4 / 2 * 32) & math.MaxUint32; got != uint64(v)<<16 {
				t.Errorf("column %d of %d is %d, want %d", i, n, got, uint64(v)<<16)
			}
		}
	}
}
