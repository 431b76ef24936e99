package probe

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"testing"
)

// usual is how many variants clients test.
const usual = 1 << 16

// random is a splitmix64 generator: the same margins on every run.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func collect(margins []float32, n int) []uint64 {
	return slices.Collect(Likeliest(margins, n))
}

func sum(margins []float32, mask uint64) float64 {
	s := 0.0
	for i, m := range margins {
		if mask>>i&1 == 1 {
			s += float64(m)
		}
	}
	return s
}

// exhaustive returns the sums of the n cheapest of all subsets, in order.
func exhaustive(margins []float32, n int) []float64 {
	var all []float64
	for mask := range uint64(1) << len(margins) {
		all = append(all, sum(margins, mask))
	}
	slices.Sort(all)
	return all[:min(n, len(all))]
}

func cases() map[string][]float32 {
	c := map[string][]float32{
		"none":     {},
		"one":      {3},
		"zeros":    make([]float32, 12),
		"equal":    slices.Repeat([]float32{2}, 12),
		"powers":   {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024},
		"hostile":  {float32(math.NaN()), -1, 0, 5, float32(math.Inf(-1)), 1e-40, 3e38},
		"huge gap": {1e-30, 1e30, 1, 2, 3},
	}
	r := random(1)
	for i := range 20 {
		m := make([]float32, 6+i%9)
		for j := range m {
			m[j] = float32(r.next() % 1000)
		}
		c[fmt.Sprint("integers ", i)] = m
		m = slices.Clone(m)
		for j := range m {
			m[j] = float32(r.next()>>40) * float32(r.next()>>40) / 1e10
		}
		c[fmt.Sprint("fractions ", i)] = m
	}
	return c
}

func TestLikeliestIsThePrefixOfTheExhaustiveOrder(t *testing.T) {
	for name, margins := range cases() {
		clean := slices.Clone(margins)
		for i, m := range clean {
			if !(m > 0) {
				clean[i] = 0
			}
		}
		for _, n := range []int{0, 1, 2, 3, 17, 100, 1000, 1 << 15} {
			got, want := collect(margins, n), exhaustive(clean, n)
			if len(got) != len(want) {
				t.Fatalf("%s: %d masks for n = %d, want %d", name, len(got), n, len(want))
			}
			if n > 0 && got[0] != 0 {
				t.Fatalf("%s: the first mask is %x, want 0", name, got[0])
			}
			for i, mask := range got {
				if s := sum(clean, mask); math.Abs(s-want[i]) > want[len(want)-1]/(1<<20) {
					t.Fatalf("%s: mask %d of %d costs %g, want %g", name, i, n, s, want[i])
				}
			}
			checkDistinct(t, name, got)
		}
	}
}

func checkDistinct(t *testing.T, name string, masks []uint64) {
	t.Helper()
	seen := make(map[uint64]bool, len(masks))
	for _, m := range masks {
		if seen[m] {
			t.Fatalf("%s: the mask %x comes twice", name, m)
		}
		seen[m] = true
	}
}

func bellMargins(seed uint64) []float32 {
	r := random(seed)
	m := make([]float32, 64)
	for i := range m {
		for range 6 {
			m[i] += float32(r.next()>>40) / (1 << 24)
		}
		m[i] = float32(math.Abs(float64(m[i] - 3)))
	}
	return m
}

func TestLikeliestOf64Bits(t *testing.T) {
	for seed := range uint64(10) {
		margins := bellMargins(seed)
		for _, n := range []int{4096, usual} {
			got := collect(margins, n)
			if len(got) != n {
				t.Fatalf("got %d masks, want %d", len(got), n)
			}
			checkDistinct(t, "64 bits", got)
			last := 0.0
			for i, mask := range got {
				s := sum(margins, mask)
				if s < last-1e-5 {
					t.Fatalf("mask %d costs %g, after %g", i, s, last)
				}
				last = s
			}
			// A longer list begins with the shorter one's costs.
			if longer := sum(margins, collect(margins, 2*n)[n-1]); math.Abs(longer-last) > 1e-5 {
				t.Fatalf("probe %d costs %g, or %g in a longer list", n, last, longer)
			}
		}
	}
}

// All subsets of one size cost the same here: a cut-off would list far more
// than n, and 2^64 where all margins are 0.
func TestLikeliestOfTies(t *testing.T) {
	for _, value := range []float32{0, 1} {
		margins := slices.Repeat([]float32{value}, 64)
		got := collect(margins, usual)
		if len(got) != usual {
			t.Fatalf("got %d masks, want %d", len(got), usual)
		}
		checkDistinct(t, "ties", got)
		if s := sum(margins, got[len(got)-1]); s != 4*float64(value) && value > 0 {
			t.Fatalf("the last mask flips %g bits, want 4", s)
		}
	}
}

func TestInfiniteMarginsAreNeverFlipped(t *testing.T) {
	inf := float32(math.Inf(1))
	got := collect([]float32{1, inf, 2, inf}, 100)
	if want := []uint64{0, 1, 4, 5}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestLikeliestStopsWhenTold(t *testing.T) {
	for stop := range 4 {
		n := 0
		for range Likeliest(bellMargins(1), 1000) {
			if n == stop {
				break
			}
			n++
		}
		if n != stop {
			t.Fatalf("went on to %d, want %d", n, stop)
		}
	}
}

// The two ways of listing agree on what the variants cost.
func FuzzCutOffAgainstHeap(f *testing.F) {
	f.Add(uint64(1), 100, 20)
	f.Add(uint64(2), 3, 64)
	f.Fuzz(func(t *testing.T, seed uint64, n, size int) {
		n, size = 2+int(uint(n)%5000), int(uint(size)%65)
		r := random(seed)
		margins := make([]float32, size)
		for i := range margins {
			margins[i] = float32(r.next() >> (r.next() % 64))
		}
		bits := costs(margins, n)
		slow := byHeap(bits, n)
		quick, ok := within(nil, bits, cutOff(bits, n), 100*n)
		if !ok {
			t.Skip("too many ties")
		}
		quick = inOrder(quick)
		if len(quick) < len(slow) {
			t.Fatalf("the cut-off finds %d of %d", len(quick), len(slow))
		}
		for i := range slow {
			if quick[i].cost != slow[i].cost {
				t.Fatalf("variant %d costs %d, or %d by heap", i, quick[i].cost, slow[i].cost)
			}
		}
	})
}

func BenchmarkLikeliest(b *testing.B) {
	margins := bellMargins(3)
	for _, n := range []int{4096, usual} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				for range Likeliest(margins, n) {
				}
			}
		})
	}
}

// Any must not miss what Likeliest yields, and count the same.
func TestAny(t *testing.T) {
	r := random(1)
	for i := range 200 {
		margins := make([]float32, r.next()%65)
		for j := range margins {
			switch margins[j] = float32(r.next()%1000) / 1000; r.next() % 8 {
			case 0:
				margins[j] = 0
			case 1:
				margins[j] = 0.5
			case 2:
				margins[j] = float32(math.Inf(1))
			}
		}
		n := 1 + int(r.next()%3000)
		all := slices.Collect(Likeliest(margins, n))
		asked := map[uint64]bool{}
		hit, number := Any(margins, n, func(masks []uint64) bool {
			for _, m := range masks {
				if asked[m] {
					t.Fatalf("%d: the mask %x comes twice", i, m)
				}
				asked[m] = true
			}
			return false
		})
		if !hit && (number != len(all) || len(asked) < number) {
			t.Errorf("%d: %d masks of %d, want %d", i, number, len(asked), len(all))
		}
		for range 20 {
			wanted := all[r.next()%uint64(len(all))]
			if hit, _ := Any(margins, n, func(masks []uint64) bool { return slices.Contains(masks, wanted) }); !hit {
				t.Fatalf("%d: the mask %x is not asked about", i, wanted)
			}
		}
	}
	if hit, number := Any(nil, 0, func([]uint64) bool { return true }); hit || number != 0 {
		t.Error("no masks are something")
	}
}

// AnyBalanced asks about the balanced ones of what Any asks about, and no other.
func TestAnyBalanced(t *testing.T) {
	r := random(2)
	for i := range 100 {
		margins := bellMargins(uint64(i))[:r.next()%65]
		key, n := r.next(), 1+int(r.next()%3000)
		var all, balanced []uint64
		hit, _ := Any(margins, n, func(masks []uint64) bool {
			for _, m := range masks {
				if bits.OnesCount64(key^m) == bits.OnesCount64(key) {
					all = append(all, m)
				}
			}
			return false
		})
		_, number := AnyBalanced(margins, key, n, func(masks []uint64) bool {
			balanced = append(balanced, masks...)
			return false
		})
		slices.Sort(all)
		slices.Sort(balanced)
		if hit || number != len(balanced) || !slices.Equal(all, balanced) {
			t.Fatalf("%d: %d balanced masks, want %d", i, len(balanced), len(all))
		}
		for _, wanted := range all {
			if hit, _ := AnyBalanced(margins, key, n, func(masks []uint64) bool { return slices.Contains(masks, wanted) }); !hit {
				t.Fatalf("%d: the mask %x is not asked about", i, wanted)
			}
		}
	}
}

func BenchmarkAny(b *testing.B) {
	r := random(1)
	margins := make([]float32, 64)
	for j := range margins {
		margins[j] = float32(r.next()%1000) / 1000
	}
	for b.Loop() {
		sum := uint64(0)
		Any(margins, usual, func(masks []uint64) bool {
			for _, m := range masks {
				sum += m
			}
			return false
		})
	}
}

// Flipping a bit of the swapped key costs what flipping it before costs.
func TestSwapped(t *testing.T) {
	for _, n := range []int{0, 1, 8, 37, 63, 64} {
		margins := make([]float32, n)
		for i := range margins {
			margins[i] = float32(i + 1)
		}
		const key = 0x0123456789abcdef
		got, swapped := Swapped(key, margins)
		if got != 0xefcdab8967452301 {
			t.Errorf("%x became %x", uint64(key), got)
		}
		for i := range 64 {
			want := float32(math.Inf(1))
			if i < n {
				want = margins[i]
			}
			if to := bits.TrailingZeros64(bits.ReverseBytes64(1 << i)); swapped[to] != want {
				t.Errorf("%d bits: bit %d, now %d, has the margin %v, want %v", n, i, to, swapped[to], want)
			}
		}
	}
}
