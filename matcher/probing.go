package matcher

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/probe"
	"github.com/preseal/preseal/matcher/snapshot"
)

// TurnedShare is the part of a lane's probes that each of the seven mirrored
// and turned variants of a picture gets: one in eight.
const TurnedShare = 8

// A view is one way to see a picture: a window of it, in an orientation.
type view struct {
	image       *phash.Image
	window      int
	orientation phash.Orientation
	spectrum    *phash.Spectrum
	pdq         phash.PDQ
}

// views lists what is worth probing: each window upright, and the whole
// picture in the other orientations. first is the hash of the whole.
func views(l phash.Luma) (first *phash.Image, all []view, err error) {
	first, err = phash.Of(l)
	if err != nil {
		return nil, nil, err
	}
	add := func(im *phash.Image, window int) {
		if !im.Featureless() {
			all = append(all, view{im, window, phash.Upright, &im.Spectrum, im.PDQ})
		}
	}
	add(first, 0)
	for n, window := range media.Windows(l)[1:] {
		im, err := phash.Of(window)
		if err != nil {
			return nil, nil, err
		}
		add(im, n+1)
	}
	if !first.Featureless() {
		for o := phash.Upright + 1; o < phash.Orientations; o++ {
			turned := first.Spectrum.Turn(o)
			all = append(all, view{first, 0, o, turned, turned.PDQ()})
		}
	}
	return first, all, nil
}

// probe tests the likeliest variants of a view's key in a lane.
func (m *Matcher) probe(f *Finding, lane snapshot.LaneInfo, v view) {
	key, margins, budget := uint64(v.image.PHash), v.image.Margins[:], lane.Probes
	if lane.Lane == snapshot.PDQ {
		n := m.snapshot.KeyBits(lane.Lane)
		key, margins = v.pdq.Key(n), v.spectrum.Margins(n)
	}
	if v.orientation != phash.Upright {
		budget = max(1, budget/TurnedShare)
	}
	var b [8]byte
	number := 0
	for flips := range probe.Likeliest(margins, budget) {
		number++
		binary.BigEndian.PutUint64(b[:], key^flips)
		if m.snapshot.Contains(lane.Lane, b[:]) {
			f.hit(Candidate{
				Lane: lane.Lane, Key: bytes.Clone(b[:]), PDQs: []phash.PDQ{v.pdq},
				Probe: number, Distance: bits.OnesCount64(flips), Window: v.window, Orientation: v.orientation,
			})
		}
	}
	f.Probes += number
}
