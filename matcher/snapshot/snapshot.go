// Package snapshot builds, signs and opens snapshots: the compressed filters of
// a blocklist that a client downloads, and the manifest that vouches for them.
// FORMAT.md beside this file specifies the bytes.
//
//	DIR/manifest         a signed note: the only one of these that changes
//	DIR/<sha256>.snap    header, section table, one filter per lane
//	DIR/<sha256>.chunks  the hashes of its pieces, for downloads that resume
//	DIR/<sha256>.delta   what makes it out of an earlier one
//
// A client opens the manifest first, with the keys that it trusts, and then
// the file that the manifest names by its hash. Nothing is parsed before it is
// verified, no length is believed before it is compared with what is there,
// and nothing half-opened is ever returned.
package snapshot

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// A Lane is the entries of one hash algorithm.
type Lane uint16

// The lanes that have a number in the format. This version of the package
// builds and opens all but MD5.
const (
	SHA256 Lane = 1 // SHA-256 of the file
	MD5    Lane = 2 // MD5 of the file
	PHash  Lane = 3 // goimagehash's pHash of the picture, big-endian
	PDQ    Lane = 4 // PDQ hash of the picture
)

// lanes lists what this package can build and open.
var lanes = []struct {
	lane              Lane
	name              string
	hashSize, keySize int
}{
	{SHA256, "sha256", 32, 32},
	{PHash, "phash", 8, 8},
	{PDQ, "pdq", 32, 8}, // the key is the lowest frequencies, in the low bits of a number
}

func (l Lane) String() string {
	for _, known := range lanes {
		if known.lane == l {
			return known.name
		}
	}
	if l == MD5 {
		return "md5"
	}
	return fmt.Sprintf("lane(%d)", uint16(l))
}

// HashSize returns the length of a listed hash in bytes, 0 for a lane that this
// version does not support.
func (l Lane) HashSize() int {
	for _, known := range lanes {
		if known.lane == l {
			return known.hashSize
		}
	}
	return 0
}

// KeySize returns the length in bytes of what a filter holds of a hash, 0 for a
// lane that this version does not support.
func (l Lane) KeySize() int {
	for _, known := range lanes {
		if known.lane == l {
			return known.keySize
		}
	}
	return 0
}

// ParseLane returns the lane of a name. It knows the supported lanes only.
func ParseLane(name string) (Lane, error) {
	for _, known := range lanes {
		if known.name == name {
			return known.lane, nil
		}
	}
	if name == MD5.String() {
		return 0, fmt.Errorf("lane %s is not supported yet", name)
	}
	return 0, fmt.Errorf("there is no lane %.20q", name)
}

// A Snapshot is a verified set of filters. It is safe for concurrent use.
type Snapshot struct {
	manifest *Manifest
	file     io.ReaderAt
	rows     []row // of all sections, also those that are skipped
	sections []section
	outputs  *Outputs // nil if there are none
}

// A section is one open filter, of either kind.
type section struct {
	Section
	row   int // in the table
	seed  [8]byte
	short short    // of both kinds: where keys are, and for Bloom what is there
	rice  *riceSet // nil for Bloom
}

// A Kind is a way to write a filter.
type Kind string

// The kinds. Rice is a fifth smaller than what Bloom can be, and quicker to ask.
// Any program that has bits-and-blooms and zstd can read Bloom.
const (
	Rice  Kind = "rice"
	Bloom Kind = "bloom.zst"
	PRF   Kind = "prf" // of Outputs alone
)

// A Section describes one filter of a snapshot.
type Section struct {
	Kind    Kind
	Lane    Lane
	Length  int64   // bytes on the wire
	Entries uint64  // keys listed, canary not counted
	Set     uint64  // bits that are set
	Bits    uint64  // m
	K       int     // hash functions
	KeyBits int     // bits of a key
	Fill    float64 // share of the bits that are set
}

// Contains reports whether the filter of a lane may hold key. A lane that the
// snapshot does not have holds nothing.
func (s *Snapshot) Contains(lane Lane, key []byte) bool {
	for i := range s.sections {
		if s.sections[i].Lane == lane {
			return s.sections[i].contains(key)
		}
	}
	return false
}

// Tester returns a function that reports whether Contains holds for one of
// many keys of a lane that have 8 bytes, as little-endian numbers: key^f for every
// f of flips. It takes a fraction of the time, least where it is known about how
// many keys there will be. It is for one goroutine.
func (s *Snapshot) Tester(lane Lane, keys int) func(key uint64, flips []uint64) bool {
	for i := range s.sections {
		if row := &s.sections[i]; row.Lane == lane && lane.KeySize() == 8 {
			if row.rice != nil {
				return row.short.tester(row.rice, keys)
			}
			return func(key uint64, flips []uint64) bool {
				return slices.ContainsFunc(flips, func(flip uint64) bool { return row.short.contains(key ^ flip) })
			}
		}
	}
	return func(uint64, []uint64) bool { return false }
}

// contains asks with the seed before the key.
func (s *section) contains(key []byte) bool {
	switch {
	case len(key) != s.Lane.KeySize():
		return false
	case s.rice != nil:
		return s.rice.contains(s.position(key))
	case len(key) == 8:
		return s.short.contains(binary.LittleEndian.Uint64(key))
	}
	return s.short.containsLong(s.seeded(key))
}

func (s *section) seeded(key []byte) []byte {
	return append(append(make([]byte, 0, len(s.seed)+len(key)), s.seed[:]...), key...)
}

// position returns the only position of a key in a filter with one hash function.
func (s *section) position(key []byte) uint64 {
	if len(key) == 8 {
		return s.short.position(binary.LittleEndian.Uint64(key))
	}
	return locations(s.seeded(key))[0] % s.Bits
}

// riceOf returns the positions of a row, nil if it is of another kind.
func (s *Snapshot) riceOf(row int) (*riceSet, error) {
	if s.outputs != nil && s.outputs.number == row {
		return s.outputs.whole()
	}
	for i := range s.sections {
		if s.sections[i].row == row {
			return s.sections[i].rice, nil
		}
	}
	return nil, nil
}

// KeyBits returns how many bits of a hash the keys of a lane have, 0 if the
// snapshot does not have the lane.
func (s *Snapshot) KeyBits(lane Lane) int {
	for i := range s.sections {
		if s.sections[i].Lane == lane {
			return s.sections[i].KeyBits
		}
	}
	return 0
}

// Manifest returns what vouches for the snapshot. It must not be changed.
func (s *Snapshot) Manifest() *Manifest { return s.manifest }

// Sections describes the filters, in the order of the file.
func (s *Snapshot) Sections() []Section {
	out := make([]Section, len(s.sections))
	for i := range s.sections {
		out[i] = s.sections[i].Section
	}
	return out
}
