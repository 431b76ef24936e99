package media

import (
	"bytes"
	"image"
	"image/color"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/preseal/preseal/testdata/pictures"
)

// rough returns a grey picture of which most codes are long: blocks differ as
// much as can be, and so do the pixels of some.
func rough(seed uint64, w, h int) image.Image {
	rng := rand.New(rand.NewPCG(seed, 0))
	img := image.NewGray(image.Rect(0, 0, w, h))
	for y := 0; y < h; y += 8 {
		for x := 0; x < w; x += 8 {
			mean, spread := 255*rng.IntN(2), []int{0, 0, 1, 30, 255}[rng.IntN(5)]
			for i := range 64 {
				v := mean + rng.IntN(2*spread+1) - spread
				img.SetGray(x+i%8, y+i/8, color.Gray{uint8(min(max(v, 0), 255))})
			}
		}
	}
	return img
}

// A grey picture is the same whether it is stored with colours, of which only
// the luma is kept, or as red, green and blue, which all are: straight loops and
// block by block.
func TestJPEGPathsAgree(t *testing.T) {
	for seed := range uint64(3) {
		img := rough(seed, 193+int(seed), 141)
		for _, progressive := range []bool{false, true} {
			for _, quality := range []int{100, 60} {
				k := pictures.JPEGKind{Colour: "rgb", Quality: quality, Progressive: progressive}
				plain := k.Encode(img)
				for i, sampling := range [][2]int{{1, 1}, {2, 2}, {2, 1}, {1, 2}, {3, 1}} {
					k := pictures.JPEGKind{Sampling: [][2]int{sampling}, Quality: quality, Progressive: progressive, Restart: int(seed) * i}
					file := k.Encode(img)
					for _, side := range []int{1, 2, 4, 8} {
						if progressive && side > 1 && side < 8 { // bits of luma come elsewhere than others'
							continue
						}
						want, err := decodeAt(plain, side, chunk)
						if err != nil {
							t.Fatal(err)
						}
						if got, err := decodeAt(file, side, 1000); err != nil || !slices.Equal(got.Pix, want.Pix) {
							t.Errorf("picture %d, %+v, at %d/8: not that of red, green and blue, %v", seed, k, side, err)
						}
					}
				}
			}
		}
	}
}

// Blocks of every code that can be have the lowest frequency that was encoded,
// long codes as often as short ones.
func TestJPEGEveryCode(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	for range 120 {
		sampling := [][][2]int{{{1, 1}}, {{1, 1}, {1, 1}, {1, 1}}, {{2, 2}, {1, 1}, {1, 1}}, {{2, 1}, {1, 1}, {1, 1}}}[rng.IntN(4)]
		f := randomFile{rng: rng, sampling: sampling, progressive: rng.IntN(2) == 0, low: uint(rng.IntN(2))}
		file := f.encode(1+rng.IntN(40), 1+rng.IntN(9), rng.IntN(2)*(1+rng.IntN(30)))
		d := new(JPEG).decoder(bytes.NewReader(file), int64(len(file)))
		d.side, d.bits.piece = 1, 1+rng.IntN(9000)
		if err := d.decode(); err != nil {
			t.Fatalf("%+v: %v", f.sampling, err)
		}
		c := d.components[0]
		for i, dc := range f.dc {
			if want := c.flat(dc); c.plane[i] != want {
				t.Fatalf("%v, progressive %v: block %d is %d, want %d", f.sampling, f.progressive, i, c.plane[i], want)
			}
		}
	}
}

// A randomFile is a JPEG of random blocks.
type randomFile struct {
	rng         *rand.Rand
	sampling    [][2]int
	progressive bool
	low         uint
	dc          []int32 // of luma, as the decoder gets it

	out    []byte
	bits   uint64
	filled int
}

// encode makes a file of w×h groups with a restart marker after every interval.
func (f *randomFile) encode(w, h, interval int) []byte {
	across, down := f.sampling[0][0], f.sampling[0][1]
	f.dc = make([]int32, w*across*h*down)
	var sizes, runs []byte
	for size := range byte(12) {
		sizes = append(sizes, size)
	}
	for range 38 {
		runs = append(runs, byte(f.rng.IntN(4)<<4|1+f.rng.IntN(10)))
	}
	dcCode, acCode := f.table(sizes), f.table(append(runs, 0, zeroRun))
	f.out = segment([]byte{0xff, markerSOI}, markerDQT, append([]byte{0}, bytes.Repeat([]byte{3}, 64)...)...)
	frame := []byte{8, 0, byte(8 * h * down), byte(8 * w * across >> 8), byte(8 * w * across), byte(len(f.sampling))}
	scan := []byte{byte(len(f.sampling))}
	for i, s := range f.sampling {
		frame = append(frame, byte(i), byte(s[0]<<4|s[1]), 0)
		scan = append(scan, byte(i), 0)
	}
	marker, last := byte(markerSOF1), byte(63)
	if f.progressive {
		marker, last = markerSOF2, 0
	} else {
		f.low = 0
	}
	f.out = segment(f.out, marker, frame...)
	f.out = segment(f.out, markerDHT, slices.Concat([]byte{0}, dcCode.counts[:], dcCode.symbols, []byte{16}, acCode.counts[:], acCode.symbols)...)
	f.out = segment(f.out, markerDRI, byte(interval>>8), byte(interval))
	f.out = segment(f.out, markerSOS, append(scan, 0, last, byte(f.low))...)
	sum := 0
	for group := range w * h {
		if interval > 0 && group > 0 && group%interval == 0 {
			f.flush()
			f.out = append(f.out, 0xff, byte(markerRST0+(group/interval-1)%8))
			sum = 0
		}
		for i, s := range f.sampling {
			for j := range s[0] * s[1] {
				value := f.put(dcCode)
				if !f.progressive {
					for k := 1; k < 64; {
						symbol := acCode.symbols[f.rng.IntN(len(acCode.symbols))]
						if symbol == 0 || k+int(symbol>>4) > 63 {
							f.symbol(acCode, 0)
							break
						}
						f.symbol(acCode, symbol)
						k += int(symbol>>4) + 1
					}
				}
				if i == 0 {
					sum += value
					at := (group/w*down+j/across)*w*across + group%w*across + j%across
					if f.dc[at] = int32(sum); f.progressive {
						f.dc[at] = int32(int16(sum << f.low))
					}
				}
			}
		}
	}
	f.flush()
	return append(f.out, 0xff, markerEOI)
}

// A code has 6 to 16 bits for each of its symbols.
type code struct {
	counts  [16]byte
	symbols []byte
	bits    map[byte][2]int // the code, and its length
}

func (f *randomFile) table(symbols []byte) code {
	slices.Sort(symbols)
	c := code{symbols: slices.Compact(symbols), bits: map[byte][2]int{}}
	f.rng.Shuffle(len(c.symbols), func(i, j int) { c.symbols[i], c.symbols[j] = c.symbols[j], c.symbols[i] })
	for range c.symbols {
		c.counts[5+f.rng.IntN(11)]++
	}
	next, at := 0, 0
	for i, n := range c.counts {
		for range n {
			c.bits[c.symbols[at]] = [2]int{next, i + 1}
			next++
			at++
		}
		next <<= 1
	}
	return c
}

// put writes a random difference, and returns it.
func (f *randomFile) put(c code) int {
	size := c.symbols[f.rng.IntN(len(c.symbols))]
	bits := f.symbol(c, size)
	if size > 0 && bits>>(size-1) == 0 {
		return bits - 1<<size + 1
	}
	return bits
}

// symbol writes a symbol with as many random bits as it announces, which it
// returns.
func (f *randomFile) symbol(c code, symbol byte) int {
	f.write(c.bits[symbol][0], c.bits[symbol][1])
	size := int(symbol & 15)
	bits := f.rng.IntN(1 << size)
	f.write(bits, size)
	return bits
}

func (f *randomFile) write(bits, n int) {
	f.bits = f.bits<<n | uint64(bits)
	for f.filled += n; f.filled >= 8; f.filled -= 8 {
		b := byte(f.bits >> (f.filled - 8))
		if f.out = append(f.out, b); b == 0xff {
			f.out = append(f.out, 0)
		}
	}
}

// flush fills the last byte up with ones.
func (f *randomFile) flush() {
	if f.filled > 0 {
		f.write(1<<(8-f.filled)-1, 8-f.filled)
	}
}
