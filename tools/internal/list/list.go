// Package list reads an operator's lists and holds their entries until they are built.
//
// A list file is CSV with a header that names at least the columns algorithm and hash, or newline-delimited JSON with
// the members algorithm and hash; the content decides, not the file's name. A label may follow and is not used yet.
package list

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
)

// Lanes are the lanes that a list can have entries for, in the order in which they are built.
var Lanes = []snapshot.Lane{snapshot.SHA256, snapshot.PHash}

// Set holds the keys of a list, lane by lane, in as many bytes as they have. The zero value is an empty Set. It is not
// safe for concurrent use until Sort was called and no key is added any more.
type Set struct {
	lanes map[snapshot.Lane]*keys
}

// Add appends a key, which has the size that its lane demands.
func (s *Set) Add(lane snapshot.Lane, key []byte) {
	if len(key) != lane.KeySize() {
		panic(fmt.Sprintf("list: a key of %d bytes in lane %s", len(key), lane))
	}
	if s.lanes == nil {
		s.lanes = make(map[snapshot.Lane]*keys)
	}
	k := s.lanes[lane]
	if k == nil {
		k = &keys{size: lane.KeySize()}
		s.lanes[lane] = k
	}
	k.flat = append(k.flat, key...)
}

// Sort puts the keys of every lane in ascending order, drops those that occur twice and returns how many it dropped.
func (s *Set) Sort() (duplicates int) {
	for _, k := range s.lanes {
		duplicates += k.sort()
	}
	return duplicates
}

// Contains reports whether key is in the lane of a sorted Set.
func (s *Set) Contains(lane snapshot.Lane, key []byte) bool {
	k := s.lanes[lane]
	if k == nil || len(key) != k.size {
		return false
	}
	i := sort.Search(k.Len(), func(i int) bool { return bytes.Compare(k.at(i), key) >= 0 })
	return i < k.Len() && bytes.Equal(k.at(i), key)
}

// Len returns the number of keys in a lane.
func (s *Set) Len(lane snapshot.Lane) int {
	if k := s.lanes[lane]; k != nil {
		return k.Len()
	}
	return 0
}

// Flat returns the keys of a lane one after the other. The caller must not change them.
func (s *Set) Flat(lane snapshot.Lane) []byte {
	if k := s.lanes[lane]; k != nil {
		return k.flat
	}
	return nil
}

// Keys returns the keys of a lane as slices of the Set's own memory.
func (s *Set) Keys(lane snapshot.Lane) [][]byte {
	out := make([][]byte, s.Len(lane))
	for i := range out {
		out[i] = s.lanes[lane].at(i)
	}
	return out
}

// keys is a sort.Interface over keys of one size that lie one after the other.
type keys struct {
	size int
	flat []byte
}

func (k *keys) at(i int) []byte    { return k.flat[i*k.size : (i+1)*k.size : (i+1)*k.size] }
func (k *keys) Len() int           { return len(k.flat) / k.size }
func (k *keys) Less(i, j int) bool { return bytes.Compare(k.at(i), k.at(j)) < 0 }
func (k *keys) Swap(i, j int) {
	var tmp [32]byte
	n := copy(tmp[:], k.at(i))
	copy(k.at(i), k.at(j))
	copy(k.at(j), tmp[:n])
}

func (k *keys) sort() (duplicates int) {
	sort.Sort(k)
	n := 0
	for i := range k.Len() {
		if n > 0 && bytes.Equal(k.at(n-1), k.at(i)) {
			duplicates++
			continue
		}
		copy(k.at(n), k.at(i))
		n++
	}
	k.flat = k.flat[:n*k.size]
	return duplicates
}

// ParseEntry reads an algorithm's name and a hash as a list spells them, in any case and with space around them.
func ParseEntry(algorithm, hash string) (snapshot.Lane, []byte, error) {
	name := strings.ToLower(strings.TrimSpace(algorithm))
	hash = strings.ToLower(strings.TrimSpace(hash))
	if name == "" {
		return 0, nil, fmt.Errorf("the algorithm is missing")
	}
	lane, err := snapshot.ParseLane(name)
	if err != nil {
		return 0, nil, err
	}
	if !slices.Contains(Lanes, lane) {
		return 0, nil, fmt.Errorf("lane %s is not supported yet", lane)
	}
	if lane == snapshot.PHash {
		h, err := phash.ParsePHash(hash)
		if err != nil {
			return 0, nil, fmt.Errorf("%s is not a phash: 16 hexadecimal digits", quote(hash))
		}
		if Degenerate(h) {
			return 0, nil, fmt.Errorf("the phash %s is that of flat pictures and would match all of them", h)
		}
		return lane, PHashKey(h), nil
	}
	key, err := hex.DecodeString(hash)
	if err != nil || len(key) != lane.KeySize() {
		return 0, nil, fmt.Errorf("%s is not a %s: %d hexadecimal digits", quote(hash), lane, 2*lane.KeySize())
	}
	return lane, key, nil
}

// PHashKey returns the key of the lane phash.
func PHashKey(h phash.PHash) []byte { return binary.BigEndian.AppendUint64(nil, uint64(h)) }

// Degenerate reports whether h is the hash of pictures of one flat colour.
func Degenerate(h phash.PHash) bool {
	return h == 0 || h == ^phash.PHash(0) || h == 1 || h == 1<<63
}

// quote shows at most 80 bytes of what a list file contains.
func quote(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%q…", s[:80])
	}
	return fmt.Sprintf("%q", s)
}
