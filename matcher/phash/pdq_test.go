package phash

import (
	"encoding/csv"
	"image/jpeg"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func TestPDQOfConformanceVectors(t *testing.T) {
	dir := "../../../shared/vectors/pdq"
	f, err := os.Open(filepath.Join(dir, "hashes.csv"))
	if err != nil {
		t.Skip("the conformance vectors are not here")
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		name, most := row[0], row[3]
		want, err := ParsePDQ(row[1])
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		b := img.Bounds()
		l := Luma{W: b.Dx(), H: b.Dy()}
		for y := range l.H {
			for x := range l.W {
				r, g, bl, _ := img.At(x, y).RGBA()
				l.Pix = append(l.Pix, uint16((299*(r>>8)+587*(g>>8)+114*(bl>>8))*256/1000))
			}
		}
		p := l.blur()
		limit, _ := strconv.Atoi(most)
		d := p.spectrum().PDQ().Distance(want)
		t.Logf("%s: %d×%d quality %d distance %d of %d; average plane %d", name, l.W, l.H, p.quality(), d, limit, l.average().spectrum().PDQ().Distance(want))
		if d > limit {
			t.Errorf("%s: distance %d > %d", name, d, limit)
		}
	}
}
