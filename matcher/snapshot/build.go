package snapshot

import (
	"cmp"
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
	Outputs   *OutputsSpec
	// Compress makes a zstd frame (RFC 8878) of a filter, as package zstd does. Only
	// the kind Bloom needs it.
	Compress func(filter []byte) ([]byte, error)
	// Base is an earlier snapshot of the list, or nil. What a lane does not say of
	// itself is as it was there, so that a delta can lead from it.
	Base *Snapshot
}

// LaneKeys are the entries of one lane.
type LaneKeys struct {
	Lane Lane
	// Hashes are the listed ones, one after the other, Lane.HashSize bytes each, in
	// any order; repetitions count once.
	Hashes   []byte
	Capacity uint64  // entries that the filter is sized for; 0 means as many as there are
	Probes   int     // 0 means 1 for digests, DefaultProbes for perceptual hashes
	Error    float64 // per probe, with Capacity entries; 0 means DefaultDigestError, or what DefaultCandidates needs
	KeyBits  int     // of PDQ keys; 0 means as in Base if Capacity and Probes are, else PDQKeyBits of them
	Kind     Kind    // "" means Rice
	// SingleHash says that some PHash entries have no PDQ hash to confirm with.
	SingleHash bool
}

// An OutgrownError says that a lane has more than twice the entries that its filter
// was sized for.
type OutgrownError struct {
	Lane              Lane
	Entries, Capacity uint64
}

func (e *OutgrownError) Error() string {
	return fmt.Sprintf("%d entries are more than twice the %d that the filter was sized for", e.Entries, e.Capacity)
}

// Build makes a snapshot file and its manifest, which remains to be signed.
// The same spec always makes the same bytes, so that a second signer can build
// it anew and compare. It wraps *OutgrownError if a lane has outgrown its capacity.
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
	var filters []*filter
	for i, l := range lanes {
		if len(l.Hashes) == 0 {
			continue
		}
		if i > 0 && lanes[i-1].Lane == l.Lane {
			return nil, nil, fmt.Errorf("build snapshot: lane %s is given twice", l.Lane)
		}
		l.follow(spec.Base)
		if l.Kind == Bloom && spec.Compress == nil {
			return nil, nil, fmt.Errorf("build snapshot: lane %s: nothing compresses the kind %s", l.Lane, l.Kind)
		}
		f, info, err := buildLane(l, spec.Origin)
		if err != nil {
			return nil, nil, fmt.Errorf("build snapshot: lane %s: %w", l.Lane, err)
		}
		rows, filters, m.Lanes = append(rows, f.tableRow()), append(filters, f), append(m.Lanes, info)
	}
	if len(rows) == 0 {
		return nil, nil, errors.New("build snapshot: the list has no entries")
	}
	if spec.Outputs != nil {
		r, err := spec.Outputs.tableRow(spec.Base)
		if err != nil {
			return nil, nil, fmt.Errorf("build snapshot: outputs: %w", err)
		}
		rows, m.OPRF = append(rows, r), &spec.Outputs.Key
	}
	file, err = layOut(spec.Version, rows, 0, func(i int, b []byte) (_ []byte, err error) {
		start := len(b)
		if i < len(filters) {
			b, err = filters[i].append(b, spec.Compress)
		} else {
			b = spec.Outputs.append(b, rows[i].bits)
		}
		rows[i].sum = sha256.Sum256(b[start:])
		return b, err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("build snapshot: %w", err)
	}
	if len(file) > MaxSnapshot {
		return nil, nil, fmt.Errorf("build snapshot: %d bytes are more than %d", len(file), MaxSnapshot)
	}
	m.Hash, m.Size, m.Tree = sha256.Sum256(file), int64(len(file)), treeHash(MakeChunks(file))
	m.Head = sha256.Sum256(file[:headerSize+rowSize*len(rows)])
	if _, err := parseManifest(m.Text()); err != nil {
		return nil, nil, fmt.Errorf("build snapshot: %w", err)
	}
	return file, m, nil
}

// follow takes from base what the lane leaves open.
func (l *LaneKeys) follow(base *Snapshot) {
	if base == nil {
		return
	}
	info, _ := base.manifest.Lane(l.Lane)
	for _, s := range base.sections {
		if s.Lane != l.Lane {
			continue
		}
		l.Kind = cmp.Or(l.Kind, s.Kind)
		l.Capacity = cmp.Or(l.Capacity, info.Capacity)
		if l.Probes == 0 || l.Probes == info.Probes {
			l.Error = cmp.Or(l.Error, info.Error)
		}
		l.Probes = cmp.Or(l.Probes, info.Probes)
		if l.Probes == info.Probes && l.Capacity == info.Capacity {
			l.KeyBits = cmp.Or(l.KeyBits, s.KeyBits)
		}
	}
}

func buildLane(l LaneKeys, origin string) (*filter, LaneInfo, error) {
	size := l.Lane.HashSize()
	if size == 0 {
		return nil, LaneInfo{}, errors.New("not supported")
	}
	if len(l.Hashes)%size != 0 {
		return nil, LaneInfo{}, fmt.Errorf("%d bytes are no hashes of %d bytes each", len(l.Hashes), size)
	}
	l.setDefaults(uint64(len(l.Hashes) / size))
	if err := l.validate(); err != nil {
		return nil, LaneInfo{}, err
	}
	f := newFilter(&l, seed(origin, l.Lane))
	f.fill(l.Hashes)
	if f.Entries > 2*l.Capacity {
		return nil, LaneInfo{}, &OutgrownError{l.Lane, f.Entries, l.Capacity}
	}
	info := LaneInfo{
		Lane: l.Lane, Entries: f.Entries, Capacity: l.Capacity, Error: l.Error, Probes: l.Probes, Proof: l.proof(),
		Hit: KeyOf(l.Lane, derive(size, "hit", origin, l.Lane, 0), l.KeyBits),
	}
	f.add(info.Hit)
	f.finish()
	for i := uint32(0); ; i++ {
		info.Miss = KeyOf(l.Lane, derive(size, "miss", origin, l.Lane, i), l.KeyBits)
		if !f.contains(info.Miss) {
			return f, info, nil
		}
	}
}

func (l *LaneKeys) validate() error {
	switch {
	case l.Kind != Rice && l.Kind != Bloom:
		return fmt.Errorf("there is no kind %.20q", l.Kind)
	case l.Probes < 1 || l.Probes > MaxProbes || !(l.Error > 0 && l.Error <= 0.5):
		return fmt.Errorf("%d probes with an error rate of %g are out of range", l.Probes, l.Error)
	case l.Lane == PDQ && (l.KeyBits < MinKeyBits || l.KeyBits > MaxKeyBits):
		return fmt.Errorf("keys of %d bits are out of range", l.KeyBits)
	case l.Capacity < 1 || l.Capacity > maxEntries:
		return fmt.Errorf("a capacity of %d entries is out of range", l.Capacity)
	}
	if bits := filterBits(l.Capacity+1, l.Kind, l.Error); l.Kind == Bloom && bits > maxBits {
		return fmt.Errorf("%d entries need a filter of %d bits, more than %d", l.Capacity, bits, maxBits)
	}
	return nil
}

// KeyOf returns what a filter holds of a hash: the hash itself, but for PDQ its
// keyBits lowest frequencies as an 8-byte number, big-endian.
func KeyOf(lane Lane, hash []byte, keyBits int) []byte {
	if lane != PDQ {
		return hash
	}
	return binary.BigEndian.AppendUint64(nil, shortKey(lane, hash, keyBits))
}

// shortKey is KeyOf for lanes with keys of 8 bytes, as a number.
func shortKey(lane Lane, hash []byte, keyBits int) uint64 {
	if lane == PDQ {
		return phash.PDQ(hash).Key(keyBits)
	}
	return binary.BigEndian.Uint64(hash)
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

func (l *LaneKeys) setDefaults(entries uint64) {
	l.Capacity = cmp.Or(l.Capacity, entries)
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
		l.KeyBits = PDQKeyBits(int(l.Capacity), l.Probes)
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
