package media

import (
	"math/rand/v2"
	"testing"
)

// Boxes have the mean of what they take, sample by sample.
func TestResample(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 0))
	for range 80 {
		axis := func() (n int, o []overlap) {
			size, per := 1+rng.IntN(6000), 1<<rng.IntN(4)
			n = (size + per - 1) / per
			return n, overlaps(columns(nil, size), size, per)
		}
		w, across := axis()
		h, down := axis()
		down = down[:min(len(down), 30)]
		stride := w + rng.IntN(5)
		pix := make([]uint16, stride*min(h, 400))
		for i := range pix {
			pix[i] = uint16(max(0, rng.IntN(0x1ffff)-0xffff))
		}
		last := &down[len(down)-1]
		for last.first+len(last.shares) > min(h, 400) {
			down = down[:len(down)-1]
			last = &down[len(down)-1]
		}
		got := resample(nil, pix, stride, across, down)
		for i := range got {
			sum := uint64(1 << 31)
			for k, share := range across[i%len(across)].shares {
				for j, part := range down[i/len(across)].shares {
					v := pix[(down[i/len(across)].first+j)*stride+across[i%len(across)].first+k]
					sum += uint64(share) * uint64(part) * uint64(v)
				}
			}
			if got[i] != uint16(sum>>32) {
				t.Fatalf("%d×%d samples to %d×%d: sample %d is %d, want %d", w, h, len(across), len(down), i, got[i], sum>>32)
			}
		}
	}
}
