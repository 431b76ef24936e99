package recall

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"image"
	"slices"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/testdata/pictures"
	lists "github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/picture"
)

// furtherProbes are the numbers of probes that further keys are measured with.
var furtherProbes = []int{4096, 65536}

// further returns the lanes of a list with more keys per image, as preseal
// build --augment makes it: first the most useful ones together, then each
// alone.
func further() (together, alone []Lane) {
	lane := func(name string, which ...int) Lane {
		return Lane{name, func(probes int) hashKind {
			return hashKind(snapshot.PDQKeyBits(Entries*(1+len(which)), probes))
		}, which}
	}
	all := make([]int, len(picture.Augmentations))
	for i, a := range picture.Augmentations {
		all[i] = i
		alone = append(alone, lane("pdq + "+a.Name, i))
	}
	for _, n := range []int{1, 2, 4, 10} {
		if n <= len(all) {
			together = append(together, lane(fmt.Sprintf("pdq + %d", n), all[:n]...))
		}
	}
	return together, alone
}

// furtherNames returns names under which to keep what the augmentations make:
// a name changes if its augmentation does.
func furtherNames() (names []string, err error) {
	l, err := luma(pictures.Photo(1, 320, 240))
	if err != nil {
		return nil, err
	}
	for _, a := range picture.Augmentations {
		sum := sha256.New()
		if err := binary.Write(sum, binary.BigEndian, a.Apply(l).Pix); err != nil {
			return nil, err
		}
		names = append(names, fmt.Sprintf("listed %s %.6x", a.Name, sum.Sum(nil)))
	}
	return names, nil
}

// augmented hashes what an augmentation makes of a listed picture.
func augmented(img image.Image, a picture.Augmentation) (*Hashed, error) {
	l, err := luma(img)
	if err != nil {
		return nil, err
	}
	im, err := phash.Of(a.Apply(l))
	if err != nil {
		return nil, err
	}
	return &Hashed{Windows: []*phash.Image{im}}, nil
}

// compareFurther adds what the original's further keys do for a copy. Nothing,
// where its own key already finds it with the fewest probes.
func (r *Result) compareFurther(c *copied, variants map[string]*Hashed, query *Hashed) {
	seen := matcher.Views(query.Windows)
	c.further = map[hashKind][]need{}
	for kind, most := range r.furtherKinds {
		if int(c.needs[slices.Index(r.kinds, kind)].within31) <= slices.Min(furtherProbes) {
			continue
		}
		needs := make([]need, len(r.further))
		for i, name := range r.further {
			needs[i] = need{Never, Never, Never}
			if im := variants[name].whole(); !im.Featureless() && !lists.Degenerate(snapshot.PDQ, im.PDQ[:]) {
				needs[i] = kind.need(seen, im, most)
			}
		}
		c.further[kind] = needs
	}
}

// need is what a copy needs to be found by any of the original's keys.
func (c copied) need(k int, kind hashKind, which []int) need {
	n := c.needs[k]
	if further := c.further[kind]; further != nil {
		for _, i := range which {
			n = n.or(further[i])
		}
	}
	return n
}
