package recall

import (
	"math/bits"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/phash"
)

// Never is a need that no number of probes meets.
const Never = 1 << 30

// A need is the lane's number of probes at which a copy is found: as a
// candidate, and as one whose second hash is within a distance.
type need struct{ candidate, within31, within48 int32 }

// A copy is one transformed picture, compared with its listed original.
type copied struct {
	picture, transform int
	featureless        bool // none of its views passes the gate
	reference          int  // distance of goimagehash's hashes
	pdq                int  // distance of the PDQ hashes, least of eight orientations
	needs              []need
}

// A view is one way to probe a picture, as package matcher does.
type view struct {
	pdq         phash.PDQ
	image       *phash.Image
	spectrum    *phash.Spectrum
	orientation phash.Orientation
	share       int // the view gets 1/share of the lane's probes
}

func views(h *Hashed) (out []view) {
	for _, im := range h.Windows {
		if !im.Featureless() {
			out = append(out, view{im.PDQ, im, &im.Spectrum, phash.Upright, 1})
		}
	}
	if whole := h.whole(); !whole.Featureless() {
		for o := phash.Upright + 1; o < phash.Orientations; o++ {
			s := whole.Spectrum.Turn(o)
			out = append(out, view{s.PDQ(), whole, s, o, matcher.TurnedShare})
		}
	}
	return out
}

// A hashKind is the key of a lane: 0 is a whole pHash, n the n lowest
// frequencies of a PDQ hash.
type hashKind int

const pHash hashKind = 0

func (k hashKind) width() int {
	if k == pHash {
		return 64
	}
	return int(k)
}

func (k hashKind) listed(im *phash.Image) uint64 {
	if k == pHash {
		return uint64(im.PHash)
	}
	return im.PDQ.Key(int(k))
}

// of returns a view's key and margins; ok is false where the lane does not
// probe it: a pHash cannot be turned.
func (k hashKind) of(v view) (key uint64, margins []float32, ok bool) {
	if k == pHash {
		return uint64(v.image.PHash), v.image.Margins[:], v.orientation == phash.Upright
	}
	return v.pdq.Key(int(k)), v.spectrum.Margins(int(k)), true
}

// compare measures a copy against its original, for each kind of key, up to
// the largest number of probes.
func compare(listed, query *Hashed, kinds []hashKind, most int) copied {
	seen := views(query)
	entry := listed.whole()
	c := copied{featureless: len(seen) == 0, needs: make([]need, len(kinds))}
	c.reference = bits.OnesCount64(listed.Reference ^ query.Reference)
	c.pdq = orientedDistance(entry.PDQ, query.whole())
	for i, kind := range kinds {
		n := need{Never, Never, Never}
		target := kind.listed(entry)
		for _, v := range seen {
			key, margins, ok := kind.of(v)
			if !ok {
				continue
			}
			r := rank(margins, key^target, most/v.share)
			if r == 0 {
				continue
			}
			at := int32(r * v.share)
			n.candidate = min(n.candidate, at)
			d := v.pdq.Distance(entry.PDQ)
			if d <= 31 {
				n.within31 = min(n.within31, at)
			}
			if d <= 48 {
				n.within48 = min(n.within48, at)
			}
		}
		c.needs[i] = n
	}
	return c
}

// orientedDistance is the least distance of a listed hash to a picture in any
// orientation: what a full comparison finds.
func orientedDistance(listed phash.PDQ, im *phash.Image) int {
	return nearest(listed, orientations(im))
}

func orientations(im *phash.Image) (out [phash.Orientations]phash.PDQ) {
	for o := range phash.Orientation(len(out)) {
		out[o] = im.Spectrum.Turn(o).PDQ()
	}
	return out
}

func nearest(listed phash.PDQ, orientations [phash.Orientations]phash.PDQ) int {
	least := 256
	for _, own := range orientations {
		least = min(least, listed.Distance(own))
	}
	return least
}
