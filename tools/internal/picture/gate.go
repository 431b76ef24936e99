package picture

import (
	"fmt"
	"strings"

	"github.com/preseal/preseal/matcher/phash"
)

// Featureless says why a picture is Image.Featureless, "" if it is not.
func Featureless(im *phash.Image) string {
	var why []string
	if im.Quality < phash.MinQuality {
		why = append(why, fmt.Sprintf("quality %d, at least %d", im.Quality, phash.MinQuality))
	}
	if im.Deviation < phash.MinDeviation {
		why = append(why, fmt.Sprintf("deviation %.1f, at least %d", im.Deviation, phash.MinDeviation))
	}
	if im.Unsure > phash.MaxUnsure {
		why = append(why, fmt.Sprintf("unsure bits %d, at most %d", im.Unsure, phash.MaxUnsure))
	}
	if why == nil {
		return ""
	}
	return "too little structure (" + strings.Join(why, "; ") + ")"
}
