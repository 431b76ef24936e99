package recall

import (
	"fmt"
	"math"
	"slices"
)

// A Share is so many of so many.
type Share struct{ Hits, Of int }

// Percent returns the share, 0 to 100.
func (s Share) Percent() float64 { return 100 * float64(s.Hits) / float64(max(s.Of, 1)) }

// Interval returns Wilson's 95 % interval of the share, in percent.
func (s Share) Interval() (low, high float64) {
	if s.Of == 0 {
		return 0, 100
	}
	const z = 1.959964
	n, p := float64(s.Of), float64(s.Hits)/float64(s.Of)
	centre, spread := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	scale := 100 / (1 + z*z/n)
	return max(0, (centre-spread)*scale), min(100, (centre+spread)*scale)
}

// A Method decides whether a copy is found.
type Method struct {
	Name   string
	Lane   string // "" for a full comparison
	Probes int
	Second int // the second hash's distance; 0 means candidates
	found  func(copied) bool
}

// Baselines are the full comparisons that the lanes are measured beside.
var Baselines = []Method{
	{Name: "goimagehash ≤ 4", found: func(c copied) bool { return c.reference <= 4 }},
	{Name: "goimagehash ≤ 10", found: func(c copied) bool { return c.reference <= 10 }},
	PDQ31,
}

// PDQ31 is today's practice: all PDQ hashes are compared, in all orientations.
var PDQ31 = Method{Name: "PDQ ≤ 31", found: func(c copied) bool { return c.pdq <= 31 }}

// Method returns how a lane finds copies. second is the distance of the
// second hash: 31 or 48; with 0 a candidate is enough.
func (r *Result) Method(lane Lane, probes, second int) Method {
	kind := lane.kind(probes)
	k := slices.Index(r.kinds, kind)
	m := Method{Name: fmt.Sprintf("%s, T = %d", lane.Name, probes), Lane: lane.Name, Probes: probes, Second: second}
	if second > 0 {
		m.Name += fmt.Sprintf(", then ≤ %d", second)
	}
	m.found = func(c copied) bool {
		n := c.need(k, kind, lane.further)
		at := n.candidate
		switch second {
		case 31:
			at = n.within31
		case 48:
			at = n.within48
		}
		return int(at) <= probes
	}
	return m
}

// Recall returns the share of a set's copies that a method finds: those of one
// transform, or of a group, or with "" of all.
func (r *Result) Recall(set, transformOrGroup string, m Method) (s Share) {
	for _, c := range r.copies[set] {
		if t := r.Transforms[c.transform]; transformOrGroup == "" || t.Name == transformOrGroup || t.Group == transformOrGroup {
			s.Of++
			if m.found(c) {
				s.Hits++
			}
		}
	}
	return s
}

// Lost counts a set's copies that fall below the gate, of those in a group.
func (r *Result) Lost(set, group string) Share {
	return r.Recall(set, group, Method{found: func(c copied) bool { return c.featureless }})
}

// Innocence is what a lane makes of innocent pictures with a number of probes,
// against a list of Entries.
type Innocence struct {
	Lane     string
	Bits     int
	Probes   int
	Tested   float64 // keys per picture, in all views
	Spliced  Share   // pictures that hit an entry of a list of real and spliced keys
	Hits     float64 // entries hit per picture of that list
	Random   float64 // entries hit per picture if the list were random, computed
	Filter   float64 // candidates per picture by the filter's error, computed
	RealHits Share   // entries of photographs hit, of the pairs compared
	Within31 int     // of them, confirmed by the second hash
	Within48 int
}

// Innocence measures photographs, or with drawings common pictures.
func (r *Result) Innocence(lane Lane, t int, drawings bool) Innocence {
	kind := lane.kind(t)
	out := Innocence{Lane: lane.Name, Bits: kind.width(), Probes: t}
	from, to := 0, r.photos
	if drawings {
		from, to = r.photos, len(r.queries)
	}
	for i, hits := range r.hits[kind][from:to] {
		q := r.queries[from+i]
		tested := float64(probes(q.hashed, kind, t))
		out.Tested += tested
		out.Spliced.Of++
		out.RealHits.Of += r.photos - 1
		any := 0
		for _, h := range hits {
			if h.at > t {
				continue
			}
			any = 1
			out.Hits++
			if h.real {
				out.RealHits.Hits++
				if h.pdq <= 31 {
					out.Within31++
				}
				if h.pdq <= 48 {
					out.Within48++
				}
			}
		}
		out.Spliced.Hits += any
	}
	n := float64(max(out.Spliced.Of, 1))
	out.Tested, out.Hits = out.Tested/n, out.Hits/n
	out.Random = Entries * out.Tested / math.Exp2(float64(out.Bits))
	out.Filter = out.Tested * r.filters[lane.Name][t].error
	return out
}

// Collisions returns the share of pairs of drawings in which one is taken for
// the other.
func (r *Result) Collisions(m Method) (s Share) {
	for _, c := range r.collisions {
		s.Of++
		if m.found(c) {
			s.Hits++
		}
	}
	return s
}
