package snapshot

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestGolombRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for code := golomb(0); code <= golombMaxCode; code += 1 + code/40 {
		var gaps []uint64
		for i := range 300 {
			gap := r.Uint64N(8*code.divisor() + 1)
			if i%50 == 0 {
				gap = 200 * code.divisor() // does not fit in eight bytes
			}
			gaps = append(gaps, gap)
		}
		w := bitWriter{out: []byte{0xaa}}
		for _, gap := range gaps {
			code.write(&w, gap)
		}
		w.align()
		in := code.reader(w.out, 8, riceMaxBits)
		for i, want := range gaps {
			if got, ok := in.next(); !ok || got != want {
				t.Fatalf("code %d: gap %d is %d, %v, want %d", code, i, got, ok, want)
			}
		}
		if !in.ends() {
			t.Fatalf("code %d: %d bits are left", code, 8*uint64(len(w.out))-in.at)
		}
		if _, ok := in.next(); ok {
			t.Fatalf("code %d: a gap after the end", code)
		}
	}
}

// Golomb codes with the best divisor are within 0.04 bits of the entropy of random gaps; eight divisors for each power
// of two lose another hundredth at most.
func TestGolombIsNearTheEntropy(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for mean := 12.0; mean < 1e12; mean *= 1.7 {
		const n = 20_000
		p := 1 / (mean + 1)
		code := golombFor(n, uint64(n*(mean+1)))
		w := bitWriter{}
		for range n {
			code.write(&w, uint64(math.Log(1-r.Float64())/math.Log1p(-p)))
		}
		w.align()
		entropy := -math.Log2(p) - (1-p)/p*math.Log2(1-p)
		if got := 8 * float64(len(w.out)) / n; got > entropy+0.05+0.02 { // and the chance of the draw
			t.Errorf("mean %.0f: %.3f bits, the entropy is %.3f", mean, got, entropy)
		}
	}
}

func TestBitWriterCopies(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	data := make([]byte, 100)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	bit := func(b []byte, at uint64) byte { return b[at/8] >> (at % 8) & 1 }
	for range 2000 {
		from := r.Uint64N(800)
		to := from + r.Uint64N(801-from)
		before := uint(r.UintN(30))
		w := bitWriter{}
		w.write(1<<before-1, before)
		w.copy(data, from, to)
		w.align()
		if want := (uint64(before) + to - from + 7) / 8; uint64(len(w.out)) != want {
			t.Fatalf("%d bytes, want %d", len(w.out), want)
		}
		for at := from; at < to; at++ {
			if bit(w.out, uint64(before)+at-from) != bit(data, at) {
				t.Fatalf("bits %d to %d after %d: bit %d differs", from, to, before, at)
			}
		}
	}
}

func FuzzGolomb(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, uint64(1<<40), uint32(4))
	f.Add(slices.Repeat([]byte{0}, 100), uint64(64), uint32(64))
	f.Fuzz(func(t *testing.T, data []byte, limit uint64, count uint32) {
		if limit < 1 || limit > riceMaxBits {
			return
		}
		numbers, err := readNumbers(data, count, limit)
		if err != nil {
			return
		}
		if len(numbers) != int(count) || !slices.IsSorted(numbers) || count > 0 && numbers[count-1] >= limit {
			t.Fatalf("%d numbers below %d: %d", count, limit, numbers)
		}
		if again := appendNumbers(nil, numbers, limit); !slices.Equal(again, data) {
			t.Errorf("%x is read as %d, which is written as %x", data, numbers, again)
		}
	})
}
