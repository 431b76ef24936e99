package picture

import (
	"testing"

	"github.com/preseal/preseal/matcher/phash"
)

func TestFeatureless(t *testing.T) {
	for _, tc := range []struct {
		im   phash.Image
		want string
	}{
		{phash.Image{Quality: phash.MinQuality, Deviation: phash.MinDeviation, Unsure: phash.MaxUnsure}, ""},
		{phash.Image{Quality: 49, Deviation: 50}, "too little structure (quality 49, at least 50)"},
		{phash.Image{Quality: 100, Deviation: 3.94}, "too little structure (deviation 3.9, at least 4)"},
		{phash.Image{Quality: 100, Deviation: 50, Unsure: 13}, "too little structure (unsure bits 13, at most 12)"},
		{phash.Image{Unsure: 64}, "too little structure (quality 0, at least 50; deviation 0.0, at least 4; unsure bits 64, at most 12)"},
	} {
		if got := Featureless(&tc.im); got != tc.want || tc.im.Featureless() != (got != "") {
			t.Errorf("%+v: %q, want %q", tc.im, got, tc.want)
		}
	}
}
