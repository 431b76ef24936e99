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
	further            map[hashKind][]need // of the original's further keys, unless its own will do
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
func (k hashKind) of(v matcher.View) (key uint64, margins []float32, ok bool) {
	if k == pHash {
		return uint64(v.Image.PHash), v.Image.Margins[:], v.Orientation == phash.Upright
	}
	return v.PDQ.Key(int(k)), v.Spectrum.Margins(int(k)), true
}

// share returns which part of a lane's probes a variant of a view's key is
// looked for with: one in so many.
func (k hashKind) share(v matcher.View, key, flips uint64) int {
	if k == pHash && bits.OnesCount64(key) == 32 && bits.OnesCount64(key^flips) != 32 {
		return v.Share() * matcher.LeaningShare
	}
	return v.Share()
}

// compare measures a copy against its original, for each kind of key, up to
// the largest number of probes.
func compare(listed, query *Hashed, kinds []hashKind, most int) copied {
	seen := matcher.Views(query.Windows)
	entry := listed.whole()
	c := copied{featureless: len(seen) == 0, needs: make([]need, len(kinds))}
	c.reference = bits.OnesCount64(listed.Reference ^ query.Reference)
	c.pdq = orientedDistance(entry.PDQ, query.whole())
	for i, kind := range kinds {
		c.needs[i] = kind.need(seen, entry, most)
	}
	return c
}

// need returns how many probes find an entry by a picture's views.
func (k hashKind) need(seen []matcher.View, entry *phash.Image, most int) need {
	n := need{Never, Never, Never}
	target := k.listed(entry)
	for _, v := range seen {
		key, margins, ok := k.of(v)
		if !ok {
			continue
		}
		share := k.share(v, key, key^target)
		r := rank(margins, key^target, most/share)
		if r == 0 {
			continue
		}
		at := int32(r * share)
		n.candidate = min(n.candidate, at)
		d := v.PDQ.Distance(entry.PDQ)
		if d <= 31 {
			n.within31 = min(n.within31, at)
		}
		if d <= 48 {
			n.within48 = min(n.within48, at)
		}
	}
	return n
}

// or is the need if either of two entries will do.
func (n need) or(other need) need {
	return need{min(n.candidate, other.candidate), min(n.within31, other.within31), min(n.within48, other.within48)}
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
