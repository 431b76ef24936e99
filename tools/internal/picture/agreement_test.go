package picture

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
	"math/bits"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/testdata/pictures"
	"github.com/preseal/preseal/tools/internal/corpus"
)

// BenchmarkAgreement prints how far hashes of scaled JPEG pictures are from
// those of a full decode by image/jpeg, on the photographs that make corpus has
// fetched: as they are, and progressive.
func BenchmarkAgreement(b *testing.B) {
	photographs, err := corpus.Open("../../../corpus")
	if errors.Is(err, corpus.ErrNone) {
		b.Skip("fetch the photographs with: make corpus")
	}
	if err != nil {
		b.Fatal(err)
	}
	for _, kind := range []string{"as they are", "progressive"} {
		b.Run(kind, func(b *testing.B) {
			var far []int
			sum, sumPDQ := 0, 0
			for b.Loop() {
				far, sum, sumPDQ = nil, 0, 0
				for _, p := range photographs.Pictures {
					if !strings.HasSuffix(strings.ToLower(p.File), ".jpg") {
						continue
					}
					file, err := os.ReadFile(p.File)
					if err != nil {
						b.Fatal(err)
					}
					if kind == "progressive" {
						img, err := jpeg.Decode(bytes.NewReader(file))
						if err != nil {
							b.Fatal(err)
						}
						file = pictures.JPEGKind{Progressive: true, Quality: 85, Sampling: [][2]int{{2, 2}}}.Encode(img)
					}
					bits, pdq, ok := agreement(b, file)
					if ok {
						far, sum, sumPDQ = append(far, pdq), sum+bits, sumPDQ+pdq
					}
				}
			}
			slices.Sort(far)
			n := float64(len(far))
			b.ReportMetric(n, "photographs")
			b.ReportMetric(float64(sum)/n, "bits-of-phash")
			b.ReportMetric(float64(sumPDQ)/n, "bits-of-pdq")
			b.ReportMetric(float64(far[len(far)*99/100]), "bits-of-pdq-p99")
		})
	}
}

// agreement returns the distances of both hashes, if the picture passes the gate.
func agreement(b *testing.B, file []byte) (phashBits, pdqBits int, ok bool) {
	p, err := Read(context.Background(), bytes.NewReader(file), int64(len(file)))
	if err != nil || p.Reason != "" {
		b.Fatal(err, p.Detail)
	}
	img, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		b.Fatal(err)
	}
	white, _, err := media.FromImage(img, p.Info.Orientation)
	if err != nil {
		b.Fatal(err)
	}
	want, err := phash.Of(white)
	if err != nil {
		b.Fatal(err)
	}
	got, err := phash.Of(p.Planes[0])
	if err != nil {
		b.Fatal(err)
	}
	return bits.OnesCount64(uint64(got.PHash ^ want.PHash)), got.PDQ.Distance(want.PDQ), !want.Featureless()
}
