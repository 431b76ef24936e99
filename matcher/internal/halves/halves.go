// Package halves adds up 16-bit samples two to a word, which WebAssembly without
// vectors gains from as well.
package halves

// EveryOther masks the first and the third of four samples.
const EveryOther = 0x0000ffff0000ffff

// Len returns how many words the sums of n columns take.
func Len(n int) int { return (n + 3) / 4 * 2 }

// Add adds a row times its weight to the sums of its columns. Of four columns the
// first and the third share one word, and the others the next. No sum may get
// larger than 32 bits.
func Add(sums []uint64, row []uint16, weight uint64) {
	for len(row) >= 8 && len(sums) >= 4 {
		p, s := (*[8]uint16)(row), (*[4]uint64)(sums)
		a := uint64(p[0]) | uint64(p[1])<<16 | uint64(p[2])<<32 | uint64(p[3])<<48
		b := uint64(p[4]) | uint64(p[5])<<16 | uint64(p[6])<<32 | uint64(p[7])<<48
		s[0] += weight * (a & EveryOther)
		s[1] += weight * (a >> 16 & EveryOther)
		s[2] += weight * (b & EveryOther)
		s[3] += weight * (b >> 16 & EveryOther)
		row, sums = row[8:], sums[4:]
	}
	for i, v := range row {
		sums[i>>2<<1|i&1] += weight * uint64(v) << (i & 2 << 4)
	}
}
