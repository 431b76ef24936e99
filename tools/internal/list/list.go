// Package list reads an operator's lists and holds their entries until they are built.
//
// A list file is CSV with a header that names at least the columns algorithm and hash, or newline-delimited JSON with
// the members algorithm and hash; the content decides, not the file's name. Quality, from 0 to 100, says how far a
// perceptual hash can be relied upon. A label may follow and is not used yet.
package list

import (
	"bytes"
	"fmt"
	"slices"
	"sort"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
)

// Lanes are the lanes that a list can have entries for, in the order in which they are built.
var Lanes = []snapshot.Lane{snapshot.SHA256, snapshot.PHash, snapshot.PDQ}

// Set holds the hashes of a list, lane by lane, in as many bytes as they have. The zero value is an empty Set. It is not
// safe for concurrent use until Sort was called and nothing is added any more.
type Set struct {
	lanes map[snapshot.Lane]*table
	pairs table // a pHash and a PDQ hash of the same picture, PairSize bytes
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
	t.add(hash, from)
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
	s.pairs.add(pair, Place{})
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

// table is a sort.Interface over rows of one size that lie one after the other.
type table struct {
	size   int
	flat   []byte
	places []Place // of each row; nil as long as all are zero
}

func (t *table) add(row []byte, from Place) {
	if t.places == nil && from != (Place{}) {
		t.places = make([]Place, t.Len())
	}
	t.flat = append(t.flat, row...)
	if t.places != nil {
		t.places = append(t.places, from)
	}
}

func (t *table) at(i int) []byte { return t.flat[i*t.size : (i+1)*t.size : (i+1)*t.size] }

func (t *table) place(i int) Place {
	if t.places == nil {
		return Place{}
	}
	return t.places[i]
}

func (t *table) Len() int {
	if t.size == 0 {
		return 0
	}
	return len(t.flat) / t.size
}

func (t *table) Less(i, j int) bool {
	if c := bytes.Compare(t.at(i), t.at(j)); c != 0 {
		return c < 0
	}
	a, b := t.place(i), t.place(j)
	return a.Source < b.Source || a.Source == b.Source && a.Line < b.Line
}

func (t *table) Swap(i, j int) {
	var tmp [PairSize]byte
	n := copy(tmp[:], t.at(i))
	copy(t.at(i), t.at(j))
	copy(t.at(j), tmp[:n])
	if t.places != nil {
		t.places[i], t.places[j] = t.places[j], t.places[i]
	}
}

// find returns the first row that does not sort before prefix.
func (t *table) find(prefix []byte) int {
	return sort.Search(t.Len(), func(i int) bool { return bytes.Compare(t.at(i), prefix) >= 0 })
}

func (t *table) sort(duplicate func(row []byte, place, first Place)) {
	sort.Sort(t)
	first := 0
	t.remove(func(row []byte, from Place) bool {
		// What is kept stays in front of what is looked at.
		if first > 0 && bytes.Equal(t.at(first-1), row) {
			duplicate(row, from, t.place(first-1))
			return true
		}
		first++
		return false
	})
}

// remove keeps the order of the rest.
func (t *table) remove(drop func(row []byte, from Place) bool) {
	n := 0
	for i := range t.Len() {
		row, place := t.at(i), t.place(i)
		if drop(row, place) {
			continue
		}
		copy(t.at(n), row)
		if t.places != nil {
			t.places[n] = place
		}
		n++
	}
	t.flat = t.flat[:n*t.size]
	if t.places != nil {
		t.places = slices.Clip(t.places[:n])
	}
}
