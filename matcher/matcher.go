// Package matcher tests a file against a snapshot of a blocklist.
//
// It is the whole of preseal that runs before any question is asked: the
// file's digest and pictures in, a Finding out, which is either clear or names
// the candidates to confirm. It has no transport and no clock: the caller
// brings the bytes and the time. Decoding is package media's, hashing package
// phash's, the order of the probes package probe's, the filters package
// snapshot's, and the question to the server package confirm's.
package matcher

import (
	"bytes"
	"fmt"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
)

// MaxCandidates is the most candidates of a file: as many as two questions hold.
const MaxCandidates = 2 * confirm.MaxKeys

// A Matcher checks files against one snapshot. It is safe for concurrent use.
type Matcher struct {
	snapshot *snapshot.Snapshot
}

// New returns a matcher for a snapshot that snapshot.Open has verified.
func New(s *snapshot.Snapshot) *Matcher { return &Matcher{s} }

// Snapshot returns what the matcher checks against.
func (m *Matcher) Snapshot() *snapshot.Snapshot { return m.snapshot }

// A Query is what there is to know of a file.
type Query struct {
	SHA256 [32]byte
	// Pictures are the upright picture in grey: over white, and if it is
	// transparent, over black as well. Empty if the file cannot be decoded.
	Pictures []phash.Luma
}

// A Finding is the result of a check.
type Finding struct {
	// Candidates are the keys that hit, the likeliest MaxCandidates of them:
	// digests first, then in order of their probe's number.
	Candidates []Candidate
	// Overflow says that there were more.
	Overflow bool
	// Probes counts the keys tested, digests included.
	Probes int
	// Image is the hash of the first picture, nil if there is none.
	Image *phash.Image
	// Featureless says that no picture had enough structure to be probed.
	Featureless bool
}

// Clear reports whether nothing needs to be confirmed. A file that could not
// be hashed may be clear too: only its digest was tested then.
func (f Finding) Clear() bool { return len(f.Candidates) == 0 }

// A Candidate is a probe that hit a filter. It is no match yet.
type Candidate struct {
	Lane     snapshot.Lane
	Key      []byte
	Probe    int // its number among the probes of this view, from 1
	Distance int // bits flipped in the query's key

	// What was hashed: 0 is the whole picture, others are parts of it
	// (media.Windows), upright or turned. Other views may hit the same key: PDQs
	// are the hashes of all that did, for Confirmed.
	Window      int
	Orientation phash.Orientation
	PDQs        []phash.PDQ
}

// Keys returns what to ask the server about, in the order of the candidates.
// Two private questions hold them all. A plain one may not: then the answers
// clear nothing.
func (f Finding) Keys() []confirm.Key {
	keys := make([]confirm.Key, len(f.Candidates))
	for i, c := range f.Candidates {
		keys[i] = confirm.Key{Lane: c.Lane, Bytes: c.Key}
	}
	return keys
}

// Check tests a file. The error is a *snapshot.Error with the code Expired if
// the snapshot is too old at now, or says that a picture is malformed.
func (m *Matcher) Check(q Query, now time.Time) (Finding, error) {
	f, err := m.CheckPictures(q.Pictures, now)
	if err != nil {
		return Finding{}, err
	}
	return m.CheckDigest(f, q.SHA256), nil
}

// CheckPictures is the part of Check that needs no digest, which may take longer
// to make than the pictures. CheckDigest is the rest.
func (m *Matcher) CheckPictures(pictures []phash.Luma, now time.Time) (Finding, error) {
	var f Finding
	if err := m.snapshot.Manifest().CheckExpiry(now); err != nil {
		return Finding{}, err
	}
	f.Featureless = len(pictures) > 0
	var all, upright []View
	for i, picture := range pictures {
		windows, err := hash(picture)
		if err != nil {
			return Finding{}, fmt.Errorf("hash picture: %w", err)
		}
		if i == 0 {
			f.Image = windows[0]
		}
		all = append(all, Views(windows)...)
	}
	for _, v := range all {
		if v.Orientation == phash.Upright {
			upright = append(upright, v)
		}
	}
	f.Featureless = f.Featureless && len(all) == 0
	m.probe(&f, snapshot.PDQ, all)
	m.probe(&f, snapshot.PHash, upright) // a pHash cannot be turned
	return f, nil
}

// CheckDigest completes what CheckPictures found, which it takes over.
func (m *Matcher) CheckDigest(f Finding, sha256 [32]byte) Finding {
	if _, ok := m.snapshot.Manifest().Lane(snapshot.SHA256); ok {
		f.Probes++
		if m.snapshot.Contains(snapshot.SHA256, sha256[:]) {
			exact := Candidate{Lane: snapshot.SHA256, Key: bytes.Clone(sha256[:]), Probe: 1}
			f.Candidates = append([]Candidate{exact}, f.Candidates...)
		}
	}
	f.rank()
	return f
}

// Confirmed reports whether a server's answer makes a candidate a match, and
// the smallest distance of the picture's PDQ hash to a listed one, -1 if none
// was compared. A digest is its own proof. A perceptual key is not: the second
// hash decides, unless the manifest says that the lane has entries without one.
// Two things do not clear a file and are errors: an answer without the second
// hash that the manifest promises wraps confirm.ErrMalformed, and one with as
// many hashes as fit, none of them near, confirm.ErrTooMany.
func (m *Matcher) Confirmed(c Candidate, a confirm.Answer) (match bool, distance int, err error) {
	lane, ok := m.snapshot.Manifest().Lane(c.Lane)
	if !ok {
		return false, -1, fmt.Errorf("the snapshot has no lane %s", c.Lane)
	}
	if !a.Listed {
		return false, -1, nil
	}
	distance = -1
	for _, listed := range a.Hashes {
		for _, own := range c.PDQs {
			if d := own.Distance(listed); distance < 0 || d < distance {
				distance = d
			}
		}
	}
	switch {
	case lane.Proof == snapshot.Exact:
		return true, -1, nil
	case distance >= 0 && distance <= m.snapshot.Manifest().Distance:
		return true, distance, nil
	case len(a.Hashes) >= confirm.MaxHashes:
		return false, distance, fmt.Errorf("%w: %d in the lane %s", confirm.ErrTooMany, len(a.Hashes), c.Lane)
	case distance >= 0:
		return false, distance, nil
	case lane.Proof == snapshot.SingleHash:
		return true, -1, nil
	}
	return false, -1, fmt.Errorf("%w: no second hash for the lane %s", confirm.ErrMalformed, c.Lane)
}

// maxHits bounds what a filter that hits too often can make of one file.
const maxHits = 256

// hit takes a candidate, or adds its hashes to what is there already.
func (f *Finding) hit(c Candidate) {
	for i := range f.Candidates {
		if have := &f.Candidates[i]; have.Lane == c.Lane && bytes.Equal(have.Key, c.Key) {
			have.PDQs = append(have.PDQs, c.PDQs...)
			return
		}
	}
	f.Candidates = append(f.Candidates, c)
}

// rank sorts the candidates and keeps MaxCandidates of them. Digests
// have one probe each and come first of those with the number 1.
func (f *Finding) rank() {
	// By insertion: they are few, and the engine is 4 KB smaller than with slices.SortStableFunc and Insert.
	for i := range f.Candidates {
		for ; i > 0 && f.Candidates[i].Probe < f.Candidates[i-1].Probe; i-- {
			f.Candidates[i], f.Candidates[i-1] = f.Candidates[i-1], f.Candidates[i]
		}
	}
	if len(f.Candidates) > MaxCandidates {
		f.Candidates, f.Overflow = f.Candidates[:MaxCandidates:MaxCandidates], true
	}
}
