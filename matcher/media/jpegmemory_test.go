package media

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/preseal/preseal/testdata/pictures"
)

// Whatever was decoded before, in full or not, a file makes the same plane.
func TestJPEGMemory(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 0))
	var files [][]byte
	for _, kind := range []struct {
		side    int
		colours []string
	}{{90, []string{"ycc"}}, {300, []string{"grey", "ycc", "rgb", "cmyk", "ycck"}}, {2100, []string{"ycc"}}} {
		img := pictures.Photo(uint64(kind.side), kind.side, kind.side*2/3)
		for _, colour := range kind.colours {
			for _, progressive := range []bool{false, true} {
				files = append(files, pictures.JPEGKind{Colour: colour, Progressive: progressive}.Encode(img))
			}
		}
	}
	for _, file := range slices.Clone(files) {
		files = append(files, file[:len(file)*2/3])
	}
	var j JPEG
	for range 2 {
		for _, i := range rng.Perm(len(files)) {
			file, orientation := files[i], 1+rng.IntN(8)
			want, wantErr := FromJPEG(bytes.NewReader(file), int64(len(file)), orientation)
			got, err := j.Decode(bytes.NewReader(file), int64(len(file)), orientation)
			if (err == nil) != (wantErr == nil) || got.W != want.W || got.H != want.H || !slices.Equal(got.Pix, want.Pix) {
				t.Fatalf("file %d: another plane than in new memory; %v, want %v", i, err, wantErr)
			}
		}
	}
}
