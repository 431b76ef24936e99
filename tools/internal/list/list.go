// Package list reads an operator's lists and holds their entries until they are built.
//
// A list file is CSV with a header that names at least the columns algorithm and hash, or newline-delimited JSON with
// the members algorithm and hash; the content decides, not the file's name. Quality, from 0 to 100, says how far a
// perceptual hash can be relied upon. A label, UTF-8 of 32 bytes at most, is what a client gets to know of an entry that
// it found; most entries need none.
package list

import (
	"bytes"
	"fmt"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
)

// Lanes are the lanes that a list can have entries for, in the order in which they are built.
var Lanes = []snapshot.Lane{snapshot.SHA256, snapshot.PHash, snapshot.PDQ}

// Set holds the hashes of a list, lane by lane, in as many bytes as they have. The zero value is an empty Set. It is not
// safe for concurrent use until Sort was called and nothing is added any more.
type Set struct {
	lanes  map[snapshot.Lane]*table
	pairs  table    // a pHash and a PDQ hash of the same picture, PairSize bytes
	labels []string // each once, the empty one first; nil as long as there is no other
	number map[string]uint32
}

// PairSize is the length in bytes of a pHash, big-endian, and the PDQ hash of the same picture.
const PairSize = 8 + 32

// A Place says where a hash was found. Source and Line are the caller's to number; hashes whose place does not matter
// have the zero Place.
type Place struct{ Source, Line uint32 }

// A Duplicate is a hash that was listed before.
type Duplicate struct {
	Lane         snapshot.Lane
	Hash         []byte
	Place, First Place
}

// Add appends a hash, which has the size that its lane demands.
func (s *Set) Add(lane snapshot.Lane, hash []byte) { s.AddFrom(lane, hash, Place{}) }

// AddFrom appends a hash and remembers where it was found.
func (s *Set) AddFrom(lane snapshot.Lane, hash []byte, from Place) {
	s.AddLabelled(lane, hash, "", from)
}

// AddLabelled appends a hash with a label, which must be a valid one.
func (s *Set) AddLabelled(lane snapshot.Lane, hash []byte, label string, from Place) {
	if len(hash) != lane.HashSize() {
		panic(fmt.Sprintf("list: a hash of %d bytes in lane %s", len(hash), lane))
	}
	if s.lanes == nil {
		s.lanes = make(map[snapshot.Lane]*table)
	}
	t := s.lanes[lane]
	if t == nil {
		t = &table{size: lane.HashSize()}
		s.lanes[lane] = t
	}
	t.add(hash, from, s.labelled(label))
}

// labelled returns the number of a label.
func (s *Set) labelled(label string) uint32 {
	if label == "" {
		return 0
	}
	n, known := s.number[label]
	if !known {
		if s.number == nil {
			s.labels, s.number = []string{""}, make(map[string]uint32)
		}
		n = uint32(len(s.labels))
		s.labels, s.number[label] = append(s.labels, label), n
	}
	return n
}

// AddPicture appends the perceptual hashes of a picture, and as a pair. It leaves out a pHash that is degenerate, and then
// reports false.
func (s *Set) AddPicture(im *phash.Image, from Place) bool {
	s.AddFrom(snapshot.PDQ, im.PDQ[:], from)
	key := PHashKey(im.PHash)
	if Degenerate(snapshot.PHash, key) {
		return false
	}
	s.AddFrom(snapshot.PHash, key, from)
	s.AddPair(append(key, im.PDQ[:]...))
	return true
}

// AddPair appends a pair: the PDQ hash that decides whether what hits the pHash is the same picture.
func (s *Set) AddPair(pair []byte) {
	s.pairs.size = PairSize
	s.pairs.add(pair, Place{}, 0)
}

// Sort puts the hashes of every lane in ascending order, drops those that occur twice, but for the first of each, and
// returns what it dropped.
func (s *Set) Sort() []Duplicate {
	var out []Duplicate
	for _, lane := range Lanes {
		if t := s.lanes[lane]; t != nil {
			t.sort(func(hash []byte, place, first Place) {
				out = append(out, Duplicate{lane, bytes.Clone(hash), place, first})
			})
		}
	}
	s.pairs.sort(func([]byte, Place, Place) {})
	return out
}

// Remove drops the hashes of a lane that drop says, and their pairs. The slice is only valid during the call.
func (s *Set) Remove(lane snapshot.Lane, drop func(hash []byte, from Place) bool) {
	t := s.lanes[lane]
	if t == nil {
		return
	}
	t.remove(drop)
	if lane == snapshot.PHash {
		s.pairs.remove(func(pair []byte, _ Place) bool { return !s.Contains(lane, pair[:8]) })
	}
}

// Contains reports whether hash is in the lane of a sorted Set.
func (s *Set) Contains(lane snapshot.Lane, hash []byte) bool {
	t := s.lanes[lane]
	if t == nil || len(hash) != t.size {
		return false
	}
	i := t.find(hash)
	return i < t.Len() && bytes.Equal(t.at(i), hash)
}

// Label returns the label of a hash in a sorted Set, "" if it has none or is not there.
func (s *Set) Label(lane snapshot.Lane, hash []byte) string {
	if s.labels == nil || !s.Contains(lane, hash) {
		return ""
	}
	t := s.lanes[lane]
	return s.labels[t.label(t.find(hash))]
}

// Seconds returns the PDQ hashes that a sorted Set has of the pictures with this pHash, max at most.
func (s *Set) Seconds(hash []byte, max int) (out []phash.PDQ) {
	for i := s.pairs.find(hash); i < s.pairs.Len() && len(out) < max; i++ {
		pair := s.pairs.at(i)
		if !bytes.Equal(pair[:8], hash) {
			break
		}
		out = append(out, phash.PDQ(pair[8:]))
	}
	return out
}

// Singles counts the pHashes of a sorted Set without a PDQ hash.
func (s *Set) Singles() int {
	n, pair := 0, 0
	for i := range s.Len(snapshot.PHash) {
		hash := s.lanes[snapshot.PHash].at(i)
		for pair < s.pairs.Len() && bytes.Compare(s.pairs.at(pair)[:8], hash) < 0 {
			pair++
		}
		if pair == s.pairs.Len() || !bytes.HasPrefix(s.pairs.at(pair), hash) {
			n++
		}
	}
	return n
}

// Len returns the number of hashes in a lane.
func (s *Set) Len(lane snapshot.Lane) int {
	if t := s.lanes[lane]; t != nil {
		return t.Len()
	}
	return 0
}

// Empty reports whether no lane has a hash.
func (s *Set) Empty() bool {
	for _, t := range s.lanes {
		if t.Len() > 0 {
			return false
		}
	}
	return true
}

// Flat returns the hashes of a lane one after the other. The caller must not change them.
func (s *Set) Flat(lane snapshot.Lane) []byte {
	if t := s.lanes[lane]; t != nil {
		return t.flat
	}
	return nil
}

// Pairs returns the pairs one after the other. The caller must not change them.
func (s *Set) Pairs() []byte { return s.pairs.flat }

// Hashes returns the hashes of a lane as slices of the Set's own memory.
func (s *Set) Hashes(lane snapshot.Lane) [][]byte {
	out := make([][]byte, s.Len(lane))
	for i := range out {
		out[i] = s.lanes[lane].at(i)
	}
	return out
}
