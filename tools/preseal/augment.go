package main

import (
	"cmp"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/picture"
	"github.com/preseal/preseal/tools/internal/publish"
)

// An augmenter finds further keys for images: those of the pictures that people make of them.
type augmenter struct {
	bytes  float64    // allowed per image
	perKey float64    // what a key of the lane pdq takes on the wire
	images int        // that have a key
	found  [][]copied // by the number of the augmentation
	added  int
}

// copied is the PDQ hash of a copy of an image, as people make them.
type copied struct {
	pdq  phash.PDQ
	from list.Place
}

func newAugmenter(b *publish.Build, bytes float64) *augmenter {
	kind, probes, errorRate := b.Kind, b.Probes, 0.0
	if b.Base != nil {
		before, _ := b.Base.Manifest.Lane(snapshot.PDQ)
		kind = cmp.Or(kind, b.Base.Kind(snapshot.PDQ))
		if probes == 0 || probes == before.Probes {
			errorRate = before.Error
		}
	}
	if errorRate == 0 {
		errorRate = snapshot.DefaultError(snapshot.PDQ, cmp.Or(probes, snapshot.DefaultProbes))
	}
	a := &augmenter{bytes: bytes, perKey: bytesPerKey(kind, errorRate)}
	a.found = make([][]copied, min(max(0, int(math.Ceil(a.extra()))), len(picture.Augmentations)))
	return a
}

// bytesPerKey returns what a key of the lane pdq takes: 1.5 bits above the bound of log2(1/p) if it is Rice coded, or 1.44
// times the bound, the size of the best Bloom filter.
func bytesPerKey(kind snapshot.Kind, p float64) float64 {
	bound := -math.Log2(p)
	if kind == snapshot.Bloom {
		return math.Log2E * bound / 8
	}
	return (bound + 1.5) / 8
}

// extra returns how many keys an image can have besides its own, on average.
func (a *augmenter) extra() float64 { return a.bytes/a.perKey - 1 }

// see hashes the copies of an image that may get a key.
func (a *augmenter) see(l phash.Luma, source uint32) error {
	a.images++
	for i := range a.found {
		im, err := phash.Of(picture.Augmentations[i].Apply(l))
		if err != nil {
			return err
		}
		if !im.Featureless() && !list.Degenerate(snapshot.PDQ, im.PDQ[:]) {
			a.found[i] = append(a.found[i], copied{im.PDQ, list.Place{Source: source, Line: uint32(i + 1)}})
		}
	}
	return nil
}

// add puts as many of the keys into a sorted set as the bytes allow, the most useful ones first.
func (a *augmenter) add(set *list.Set) {
	before := set.Len(snapshot.PDQ)
	left := max(0, int(a.extra()*float64(a.images)))
	for _, level := range a.found {
		level = level[:min(left, len(level))]
		for _, f := range level {
			set.AddFrom(snapshot.PDQ, f.pdq[:], f.from)
		}
		left -= len(level)
	}
	set.Sort() // drops what is the same as another key
	a.added = set.Len(snapshot.PDQ) - before
	a.found = nil
}

// report says what the further keys cost. The section is that of the lane pdq.
func (a *augmenter) report(c *cobra.Command, p *output.Printer, s snapshot.Section, fromHashes int) {
	perKey := float64(s.Length) / float64(s.Entries)
	perImage := float64(a.images+a.added) / float64(max(1, a.images))
	p.Text("%.2f keys of pdq per image: %.2f bytes instead of %.2f", perImage, perImage*perKey, perKey)
	if a.extra() < float64(min(1, a.images)) {
		problem(c, "--bytes-per-entry %g does not hold a second key for every image: a key takes %.2f bytes", a.bytes, a.perKey)
	}
	if fromHashes > 0 {
		problem(c, "%s not augmented: that needs the image", things(fromHashes, "perceptual hash from a list was", "perceptual hashes from lists were"))
	}
}

func (o *buildOptions) validateAugment() error {
	switch {
	case o.augment && o.images == "":
		return output.Hint(fmt.Errorf("--augment needs --images"), "hashes alone cannot be augmented")
	case !(o.bytesPerEntry > 0 && o.bytesPerEntry <= 1000):
		return output.Hint(fmt.Errorf("--bytes-per-entry %g is not more than 0 and at most 1,000", o.bytesPerEntry), "leave it out for the default")
	}
	return nil
}
