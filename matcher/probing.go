package matcher

import (
	"bytes"
	"encoding/binary"
	"iter"
	"math/bits"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/probe"
	"github.com/preseal/preseal/matcher/snapshot"
)

// TurnedShare is the part of a lane's probes that each of the seven mirrored
// and turned variants of a picture gets: one in eight.
const TurnedShare = 8

// A View is one way to see a picture: a window of it, in an orientation.
type View struct {
	Image       *phash.Image // the window's hashes, upright
	Window      int
	Orientation phash.Orientation
	Spectrum    *phash.Spectrum // turned, like PDQ
	PDQ         phash.PDQ
}

// Share returns which part of a lane's probes the view gets: one in so many.
func (v View) Share() int {
	if v.Orientation == phash.Upright {
		return 1
	}
	return TurnedShare
}

// Views lists what is worth probing of a picture, given the hashes of its
// windows (media.Windows): each of them upright, and the first, which is the
// whole, in the other orientations. Featureless ones are left out.
func Views(windows []*phash.Image) (all []View) {
	for n, im := range windows {
		if !im.Featureless() {
			all = append(all, View{im, n, phash.Upright, &im.Spectrum, im.PDQ})
		}
	}
	if whole := windows[0]; !whole.Featureless() {
		for o := phash.Upright + 1; o < phash.Orientations; o++ {
			turned := whole.Spectrum.Turn(o)
			all = append(all, View{whole, 0, o, turned, turned.PDQ()})
		}
	}
	return all
}

// hash hashes a picture's windows, the whole first: that says if l is malformed.
func hash(l phash.Luma) ([]*phash.Image, error) {
	whole, err := phash.Of(l)
	if err != nil {
		return nil, err
	}
	windows := []*phash.Image{whole}
	for _, window := range media.Windows(l)[1:] {
		im, err := phash.Of(window)
		if err != nil {
			return nil, err
		}
		windows = append(windows, im)
	}
	return windows, nil
}

// LeaningShare is the part of a lane's probes that may have more ones or fewer
// than a pHash: one in sixteen, the likeliest.
//
// A pHash has 32 ones, since its threshold is a median, unless frequencies of a
// very regular picture are equal. So most variants are no other picture's hash,
// and to test them all would take most of the time. The hashes of regular
// pictures are looked for all the same, with fewer probes.
const LeaningShare = 16

// probe tests the likeliest variants of the views' keys in a lane, if there is one.
func (m *Matcher) probe(f *Finding, name snapshot.Lane, views []View) {
	lane, ok := m.snapshot.Manifest().Lane(name)
	if !ok || len(views) == 0 {
		return
	}
	keys := 0
	for _, v := range views {
		keys += lane.Probes / v.Share()
	}
	if name == snapshot.PHash {
		keys /= 4 // the rest leans, and is not among the likeliest
	}
	// Nearly all pictures hit nothing, and then the order does not matter.
	listed := m.snapshot.Tester(lane.Lane, keys)
	for _, v := range views {
		m.probeView(f, lane, v, listed)
	}
}

// probeView tests the likeliest variants of a view's key.
func (m *Matcher) probeView(f *Finding, lane snapshot.LaneInfo, v View, listed func(key uint64, flips []uint64) bool) {
	key, margins, budget := uint64(v.Image.PHash), v.Image.Margins[:], max(1, lane.Probes/v.Share())
	leaning := budget
	if lane.Lane == snapshot.PDQ {
		n := m.snapshot.KeyBits(lane.Lane)
		key, margins = v.PDQ.Key(n), v.Spectrum.Margins(n)
	} else if bits.OnesCount64(key) == 32 {
		leaning = max(1, budget/LeaningShare)
	}
	littleKey, littleMargins := probe.Swapped(key, margins)
	test := func(masks []uint64) bool { return listed(littleKey, masks) }
	hit, number := probe.Any(littleMargins, leaning, test)
	if !hit && leaning < budget {
		var balanced int
		hit, balanced = probe.AnyBalanced(littleMargins, littleKey, budget, test)
		number += balanced
	}
	if hit {
		number = m.list(f, lane, v, key, probe.Likeliest(margins, budget), leaning)
	}
	f.Probes += number
}

// list adds the candidates among the variants of a key, those after the first
// so many being balanced, and returns how many variants it has tested.
func (m *Matcher) list(f *Finding, lane snapshot.LaneInfo, v View, key uint64, variants iter.Seq[uint64], leaning int) (number int) {
	var b [8]byte
	for flips := range variants {
		if len(f.Candidates) == maxHits {
			f.Overflow = true // a filter that hits this often tells nothing more
			break
		}
		if number >= leaning && bits.OnesCount64(key^flips) != bits.OnesCount64(key) {
			continue
		}
		number++
		binary.BigEndian.PutUint64(b[:], key^flips)
		if m.snapshot.Contains(lane.Lane, b[:]) {
			f.hit(Candidate{
				Lane: lane.Lane, Key: bytes.Clone(b[:]), PDQs: []phash.PDQ{v.PDQ},
				Probe: number, Distance: bits.OnesCount64(flips), Window: v.Window, Orientation: v.Orientation,
			})
		}
	}
	return number
}
