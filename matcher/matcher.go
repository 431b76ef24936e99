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
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/probe"
	"github.com/preseal/preseal/matcher/snapshot"
)

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
	// Candidates are the keys that hit, digests first, then likeliest first:
	// confirm.MaxKeys at most.
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
	Probe    int // its number in the lane, from 1
	Distance int // bits flipped in the query's key
}

// Question returns what to ask the server about a finding.
func (f Finding) Question(c confirm.Client) (confirm.Question, error) {
	keys := make([]confirm.Key, len(f.Candidates))
	for i, cand := range f.Candidates {
		keys[i] = confirm.Key{Lane: cand.Lane, Bytes: cand.Key}
	}
	return c.Ask(keys)
}

// Check tests a file. The error is a *snapshot.Error with the code Expired if
// the snapshot is too old at now, or says that a picture is malformed.
func (m *Matcher) Check(q Query, now time.Time) (Finding, error) {
	var f Finding
	if err := m.snapshot.Manifest().CheckExpiry(now); err != nil {
		return Finding{}, err
	}
	if _, ok := m.snapshot.Manifest().Lane(snapshot.SHA256); ok {
		f.Probes++
		if m.snapshot.Contains(snapshot.SHA256, q.SHA256[:]) {
			f.add(Candidate{Lane: snapshot.SHA256, Key: bytes.Clone(q.SHA256[:]), Probe: 1})
		}
	}
	f.Featureless = len(q.Pictures) > 0
	for i, picture := range q.Pictures {
		im, err := phash.Of(picture)
		if err != nil {
			return Finding{}, fmt.Errorf("hash picture: %w", err)
		}
		if i == 0 {
			f.Image = &im
		}
		if im.Featureless() {
			continue
		}
		f.Featureless = false
		m.probe(&f, im)
	}
	return f, nil
}

// probe tests the likeliest variants of a picture's hash.
func (m *Matcher) probe(f *Finding, im phash.Image) {
	lane, ok := m.snapshot.Manifest().Lane(snapshot.PHash)
	if !ok {
		return
	}
	var key [8]byte
	number := 0
	for flips := range probe.Likeliest(im.Margins[:], lane.Probes) {
		number++
		binary.BigEndian.PutUint64(key[:], uint64(im.PHash)^flips)
		if m.snapshot.Contains(snapshot.PHash, key[:]) {
			f.add(Candidate{snapshot.PHash, bytes.Clone(key[:]), number, bits.OnesCount64(flips)})
		}
	}
	f.Probes += number
}

// add appends a candidate unless it is there already or there is no room.
func (f *Finding) add(c Candidate) {
	for _, have := range f.Candidates {
		if have.Lane == c.Lane && bytes.Equal(have.Key, c.Key) {
			return
		}
	}
	if len(f.Candidates) == confirm.MaxKeys {
		f.Overflow = true
		return
	}
	f.Candidates = append(f.Candidates, c)
}
