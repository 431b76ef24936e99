package media

import (
	"fmt"
	"slices"
	"testing"
)

// BenchmarkReducer takes a picture of 4 megapixels as browsers hand it out, in
// strips of a mebibyte.
func BenchmarkReducer(b *testing.B) {
	for _, size := range [][2]int{{2304, 1728}, {1920, 1080}, {1400, 1050}, {1000, 750}, {4000, 3000}} {
		for name, layout := range map[string]Layout{"bgra": BGRA, "bgrx": BGRX, "luma": Luma, "video-luma": VideoLuma} {
			b.Run(fmt.Sprintf("%s %d×%d", name, size[0], size[1]), func(b *testing.B) {
				w, h := size[0], size[1]
				pix := make([]byte, layout.Size()*w*h)
				for i := range pix {
					pix[i] = byte(i * i >> 5)
					if layout == BGRA && i%4 == 3 {
						pix[i] = 255
					}
				}
				rows := 1 << 20 / (4 * w) / 12 * 12
				var r Reducer
				b.SetBytes(int64(len(pix)))
				for b.Loop() {
					if err := r.Reset(layout, w, h); err != nil {
						b.Fatal(err)
					}
					for strip := range slices.Chunk(pix, layout.Size()*w*rows) {
						if err := r.Write(strip); err != nil {
							b.Fatal(err)
						}
					}
					if _, _, err := r.Luma(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
