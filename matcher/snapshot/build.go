package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/preseal/preseal/matcher/phash"
)

// Defaults of LaneKeys.
const (
	// DefaultProbes is the number of variants tested of a perceptual hash.
	DefaultProbes = 1 << 16
	// DefaultCandidates is how many innocent pictures in one have a candidate in a
	// lane by the filter's error alone: the error times all probes of a picture
	// without a frame. Each further window adds as much again for its probes.
	DefaultCandidates = 0.0025
	// DefaultDigestError is the error rate of exact digests. It is high on
	// purpose: a filter that answers few questions wrongly tells whoever
	// downloads it more about the list.
	DefaultDigestError = 1.0 / 256
)

// A Spec is what a snapshot is built from.
type Spec struct {
	Origin    string // see Manifest
	Purpose   string // "" means DefaultPurpose
	Version   uint64
	Published time.Time
	Expires   time.Time // MaxLifetime after Published at most
	Previous  [32]byte
	Distance  int        // of the second hash; 0 means DefaultDistance
	Lanes     []LaneKeys // in any order, each lane once; empty ones are left out
}

// LaneKeys are the entries of one lane.
type LaneKeys struct {
	Lane    Lane
	Keys    [][]byte // hashes, each Lane.HashSize bytes; repetitions count once
	Probes  int      // 0 means 1 for digests, DefaultProbes for perceptual hashes
	Error   float64  // per probe; 0 means DefaultDigestError, or what DefaultCandidates needs
	KeyBits int      // of PDQ keys; 0 means PDQKeyBits of entries and Probes
	Kind    Kind     // "" means Rice
	// SingleHash says that some PHash entries have no PDQ hash to confirm with.
	SingleHash bool
}

// Build makes a snapshot file and its manifest, which remains to be signed.
// The same spec always makes the same bytes, so that a second signer can build
// it anew and compare. The slices of keys are sorted and compacted in place.
func Build(spec Spec) (file []byte, m *Manifest, err error) {
	m = &Manifest{
		Origin: spec.Origin, Purpose: spec.Purpose, Version: spec.Version, Previous: spec.Previous,
		Published: spec.Published.UTC().Truncate(time.Second), Expires: spec.Expires.UTC().Truncate(time.Second),
	}
	if m.Purpose == "" {
		m.Purpose = DefaultPurpose
	}
	if m.Distance = spec.Distance; m.Distance == 0 {
		m.Distance = DefaultDistance
	}
	lanes := slices.Clone(spec.Lanes)
	slices.SortFunc(lanes, func(a, b LaneKeys) int { return int(a.Lane) - int(b.Lane) })
	var rows []row
	var sections [][]byte
	for i, l := range lanes {
		if len(l.Keys) == 0 {
			continue
		}
		if i > 0 && lanes[i-1].Lane == l.Lane {
			return nil, nil, fmt.Errorf("build snapshot: lane %s is given twice", l.Lane)
		}
		r, data, info, err := buildLane(l, spec.Origin)
		if err != nil {
			return nil, nil, fmt.Errorf("build snapshot: lane %s: %w", l.Lane, err)
		}
		rows, sections, m.Lanes = append(rows, r), append(sections, data), append(m.Lanes, info)
	}
	if len(rows) == 0 {
		return nil, nil, errors.New("build snapshot: the list has no entries")
	}
	file = encodeContainer(spec.Version, rows, sections)
	if len(file) > MaxSnapshot {
		return nil, nil, fmt.Errorf("build snapshot: %d bytes are more than %d", len(file), MaxSnapshot)
	}
	m.Hash, m.Size = sha256.Sum256(file), int64(len(file))
	if _, err := parseManifest(m.Text()); err != nil {
		return nil, nil, fmt.Errorf("build snapshot: %w", err)
	}
	return file, m, nil
}

func buildLane(l LaneKeys, origin string) (r row, data []byte, info LaneInfo, err error) {
	hashSize, size := l.Lane.HashSize(), l.Lane.KeySize()
	if size == 0 {
		return r, nil, info, errors.New("not supported")
	}
	for _, k := range l.Keys {
		if len(k) != hashSize {
			return r, nil, info, fmt.Errorf("a hash has %d bytes, not %d", len(k), hashSize)
		}
	}
	slices.SortFunc(l.Keys, bytes.Compare)
	hashes := slices.CompactFunc(l.Keys, bytes.Equal)
	l.setDefaults(len(hashes))
	if l.Kind != Rice && l.Kind != Bloom {
		return r, nil, info, fmt.Errorf("there is no kind %.20q", l.Kind)
	}
	if l.Probes < 1 || l.Probes > MaxProbes || !(l.Error > 0 && l.Error <= 0.5) {
		return r, nil, info, fmt.Errorf("%d probes with an error rate of %g are out of range", l.Probes, l.Error)
	}
	if l.Lane == PDQ && (l.KeyBits < MinKeyBits || l.KeyBits > MaxKeyBits) {
		return r, nil, info, fmt.Errorf("keys of %d bits are out of range", l.KeyBits)
	}

	// Hashes can share a key: the frames of a film do.
	keys := make([][]byte, len(hashes))
	for i, hash := range hashes {
		keys[i] = KeyOf(l.Lane, hash, l.KeyBits)
	}
	slices.SortFunc(keys, bytes.Compare)
	keys = slices.CompactFunc(keys, bytes.Equal)
	entries := uint64(len(keys))
	if bits := filterBits(entries+1, l.Kind, l.Error); l.Kind == Bloom && bits > maxBits {
		return r, nil, info, fmt.Errorf("%d entries need a filter of %d bits, more than %d", entries, bits, maxBits)
	}

	f := newFilter(&l, entries, seed(origin, l.Lane))
	for _, key := range keys {
		f.add(key)
	}
	info = LaneInfo{Lane: l.Lane, Entries: entries, Error: l.Error, Probes: l.Probes, Proof: l.proof()}
	info.Hit = KeyOf(l.Lane, derive(hashSize, "hit", origin, l.Lane, 0), l.KeyBits)
	f.add(info.Hit)
	f.finish()
	for i := uint32(0); ; i++ {
		info.Miss = KeyOf(l.Lane, derive(hashSize, "miss", origin, l.Lane, i), l.KeyBits)
		if !f.contains(info.Miss) {
			break
		}
	}
	r = row{
		kind: kindRice, lane: uint16(l.Lane), flags: critical, entries: entries,
		bits: f.Bits, k: uint32(f.K), keyBits: uint32(l.KeyBits), seed: f.seed,
	}
	if f.Kind == Bloom {
		r.kind = kindBloom
	}
	data, err = f.encode()
	return r, data, info, err
}

// KeyOf returns what a filter holds of a hash: the hash itself, but for PDQ its
// keyBits lowest frequencies as an 8-byte number, big-endian.
func KeyOf(lane Lane, hash []byte, keyBits int) []byte {
	if lane != PDQ {
		return hash
	}
	return binary.BigEndian.AppendUint64(nil, phash.PDQ(hash).Key(keyBits))
}

// Bounds of the length of PDQ keys, in bits. Below UsualKeyBits, which is what
// short lists get, pictures that are merely composed alike become candidates.
const (
	MinKeyBits   = 48
	UsualKeyBits = 52
	MaxKeyBits   = 64
)

// PDQKeyBits returns how long PDQ keys must be for a list of so many entries
// and so many probes, so that at most one innocent picture in a thousand is
// near an entry by accident. Real hashes crowd together: they hit more often than
// random numbers would, 16 times in the one measurement that had any hits (52
// bits; preseal bench recall). crowding leaves room above that.
func PDQKeyBits(entries, probes int) int {
	const crowding, accidents = 64, 0.001
	bits := math.Ceil(math.Log2(float64(entries) * float64(probes) * crowding / accidents))
	return int(min(max(bits, UsualKeyBits), MaxKeyBits))
}

// DefaultError returns the error rate that a lane gets for so many probes.
func DefaultError(lane Lane, probes int) float64 {
	switch lane {
	case PHash:
		return DefaultCandidates / float64(probes)
	case PDQ: // the seven other orientations have an eighth of the probes each
		return DefaultCandidates / float64(probes) * 8 / 15
	}
	return DefaultDigestError
}

func (l *LaneKeys) proof() Proof {
	switch {
	case l.Lane == SHA256:
		return Exact
	case l.SingleHash:
		return SingleHash
	}
	return SecondHash
}

func (l *LaneKeys) setDefaults(entries int) {
	perceptual := l.Lane == PHash || l.Lane == PDQ
	if l.Probes == 0 {
		l.Probes = 1
		if perceptual {
			l.Probes = DefaultProbes
		}
	}
	if l.Error == 0 {
		l.Error = DefaultError(l.Lane, l.Probes)
	}
	if l.Kind == "" {
		l.Kind = Rice
	}
	if l.Lane != PDQ {
		l.KeyBits = 8 * l.Lane.KeySize()
	} else if l.KeyBits == 0 {
		l.KeyBits = PDQKeyBits(entries, l.Probes)
	}
}

// seed is fixed by the list's name: snapshots of one list stay comparable from
// version to version, and anyone can build them again.
func seed(origin string, lane Lane) (s [8]byte) {
	copy(s[:], derive(8, "seed", origin, lane, 0))
	return s
}

// derive returns size ≤ 32 bytes that no one chose.
func derive(size int, what, origin string, lane Lane, n uint32) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "preseal %s\n%s\n%s\n", what, origin, lane)
	h.Write(binary.LittleEndian.AppendUint32(nil, n))
	return h.Sum(nil)[:size]
}
