package media

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// Bits come as they are in the file, whatever the pieces that it is read in, and
// no longer than there are some.
func TestBitReader(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	for range 200 {
		var plain, stuffed []byte
		for range rng.IntN(3 * window) {
			c := byte(rng.Uint32())
			if rng.IntN(8) == 0 {
				c = 0xff
			}
			if plain = append(plain, c); c == 0xff {
				stuffed = append(stuffed, 0xff, 0)
			} else {
				stuffed = append(stuffed, c)
			}
		}
		more := [][]byte{nil, {0xff}, {0xff, 0xd9}, {0xff, 0xff, 0xd0, 1, 2}}[rng.IntN(4)]
		file := slices.Concat(stuffed, more)
		b := bitReader{input: &input{r: bytes.NewReader(file), size: int64(len(file)), piece: 1 + rng.IntN(2*window)}}
		b.restart()
		for at := 0; ; {
			count := rng.IntN(17)
			if at+count > 8*len(plain) {
				if b.take(uint(count)); b.check() == nil {
					t.Fatalf("%d bits of %d bytes", at+count, len(plain))
				}
				break
			}
			var word [8]byte
			copy(word[:], plain[at/8:])
			want := binary.BigEndian.Uint64(word[:]) << (at % 8) >> 1 >> (63 - count)
			if got := b.take(uint(count)); uint64(got) != want || b.check() != nil {
				t.Fatalf("bits %d to %d of %d bytes: %#x, want %#x, %v", at, at+count, len(plain), got, want, b.check())
			}
			at += count
		}
		if len(more) > 1 {
			if marker, err := b.marker(); err != nil || marker != more[len(more)-1] && marker != 0xd0 {
				t.Fatalf("marker %#x behind the data, %v", marker, err)
			}
		}
	}
}

// Tables say what one code after the other says.
func TestHuffmanTables(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 0))
	for range 40 {
		h := randomCodes(t, rng)
		h.lookUpRuns()
		h.lookUpDiffs()
		for range 3000 {
			acc := rng.Uint64()
			if e := int64(h.diffs[acc>>(64-diffBits)]); h.most < 16 {
				switch want := h.diff(acc); {
				case e&diffLost != 0:
					if length, _ := h.find(acc); length != 0 && length <= diffBits {
						t.Fatalf("%#x: a code of %d bits is lost", acc, length)
					}
				case e&diffLong != 0:
					if e&diffTakes != want&diffTakes {
						t.Fatalf("%#x: %d bits, want %d", acc, e&diffTakes, want&diffTakes)
					}
				case e != want:
					t.Fatalf("%#x: difference %#x, want %#x", acc, e, want)
				}
			}
			r := uint(h.runs[acc>>(64-runBits)])
			takes, k, ended := uint(0), 0, false
			for takes < r&mostTaken && !ended {
				length, symbol := h.find(acc << takes)
				if length == 0 {
					break
				}
				if takes += length + uint(symbol&15); symbol&15 == 0 && symbol != zeroRun {
					ended = true
				} else {
					k += int(symbol>>4) + 1
				}
			}
			r2 := r >> runTakes
			if takes != r&mostTaken || k != int(r2&63) || ended != (r2&runEnds != 0) || r2&runOver != 0 || takes == 0 != (r2 == runLong) || takes > longestRun {
				t.Fatalf("%#x: run %#x, want %d bits to %d, ended %v", acc, r, takes, k, ended)
			}
		}
	}
}

// randomCodes returns a code of random lengths and symbols.
func randomCodes(t *testing.T, rng *rand.Rand) *huffman {
	var counts [16]byte
	left, total := 1<<16, 0
	for i := range counts {
		n := min(rng.IntN(1+left>>(15-i)), 255-total)
		if rng.IntN(3) > 0 {
			n /= 2
		}
		counts[i] = byte(n)
		left -= n << (15 - i)
		total += n
	}
	few := rng.IntN(2) == 0
	values := make([]byte, total)
	for i := range values {
		if values[i] = byte(rng.Uint32()); few {
			values[i] &= 15
		}
	}
	h, err := newHuffman(&counts, values)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
