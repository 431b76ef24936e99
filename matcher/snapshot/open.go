package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/bits-and-blooms/bloom/v3"
	"github.com/klauspost/compress/zstd"
)

const (
	// MaxFill is the largest share of a filter's bits that may be set. An
	// optimal filter has half of them set; more means that everything hits.
	MaxFill = 0.6

	maxBits         = 1 << 31 // of one filter: 256 MiB
	maxHashes       = 64
	bloomHeaderSize = 24
)

// Open verifies a snapshot file against its manifest, which OpenManifest
// returned: size, hash, layout, parameters, fill and canaries, in this order.
// Failed checks are *Error. The snapshot keeps b, which must not be changed.
func Open(b []byte, m *Manifest) (*Snapshot, error) {
	if len(b) > MaxSnapshot {
		return nil, failed(TooLarge, "the snapshot has %d bytes, more than %d", len(b), MaxSnapshot)
	}
	if int64(len(b)) != m.Size || sha256.Sum256(b) != m.Hash {
		return nil, failed(Corrupt, "the snapshot is not the file that was signed")
	}
	rows, err := decodeContainer(b, m.Version)
	if err != nil {
		return nil, err
	}
	s, err := openRows(b, m, rows)
	if err != nil {
		return nil, err
	}
	for _, l := range m.Lanes {
		if !s.Contains(l.Lane, l.Hit) || s.Contains(l.Lane, l.Miss) {
			return nil, failed(Canary, "the lane %s fails its test keys", l.Lane)
		}
	}
	return s, nil
}

// OpenSource opens an earlier snapshot of the list, which m names as the source of
// a delta, without the manifest that vouched for it: to apply that delta, or to make
// another. Its Manifest says what is known of it. Failed checks are *Error, with the
// code WrongBase where m names no such snapshot.
func (m *Manifest) OpenSource(b []byte) (*Snapshot, error) {
	if len(b) > MaxSnapshot {
		return nil, failed(TooLarge, "the snapshot has %d bytes, more than %d", len(b), MaxSnapshot)
	}
	d, ok := m.DeltaFrom(sha256.Sum256(b))
	if !ok {
		return nil, failed(WrongBase, "the manifest names no delta from this snapshot")
	}
	rows, err := decodeContainer(b, d.Version)
	if err != nil {
		return nil, err
	}
	earlier := &Manifest{
		Origin: m.Origin, Purpose: m.Purpose, Version: d.Version, Hash: d.Source, Size: int64(len(b)),
		Distance: m.Distance, Lanes: slices.Clone(m.Lanes),
	}
	for i := range earlier.Lanes { // which differ in their entries alone, or there would be no delta
		l := &earlier.Lanes[i]
		for _, r := range rows {
			if Lane(r.lane) == l.Lane {
				l.Entries = r.entries
			}
		}
		if l.Entries < 1 || l.Entries > 2*l.Capacity {
			return nil, failed(Corrupt, "the lane %s has %d entries, with a capacity of %d", l.Lane, l.Entries, l.Capacity)
		}
	}
	return openRows(b, earlier, rows)
}

// openRows opens the filters of a file.
func openRows(b []byte, m *Manifest, rows []row) (*Snapshot, error) {
	s := &Snapshot{manifest: m, file: b, rows: rows}
	for i := range rows {
		r := &rows[i]
		if r.kind != kindBloom && r.kind != kindRice || Lane(r.lane).KeySize() == 0 {
			if r.flags&critical != 0 {
				return nil, failed(UnsupportedVersion, "section %d is of kind %d and lane %s, which this version cannot read", i, r.kind, Lane(r.lane))
			}
			continue
		}
		sec, err := openSection(r, b[r.offset:r.offset+r.length:r.offset+r.length], m)
		if err != nil {
			return nil, err
		}
		sec.row = i
		if n := len(s.sections); n > 0 && s.sections[n-1].Lane >= sec.Lane {
			return nil, failed(Corrupt, "the lane %s is out of order", sec.Lane)
		}
		s.sections = append(s.sections, sec)
	}
	if len(s.sections) != len(m.Lanes) {
		return nil, failed(Corrupt, "the snapshot has %d lanes, but the manifest names %d", len(s.sections), len(m.Lanes))
	}
	return s, nil
}

// openSection checks a row's numbers against each other, the manifest and the
// data before it allocates what they ask for.
func openSection(r *row, data []byte, m *Manifest) (section, error) {
	lane := Lane(r.lane)
	info, ok := m.Lane(lane)
	switch {
	case !ok:
		return section{}, failed(Corrupt, "the manifest does not name the lane %s", lane)
	case r.entries != info.Entries:
		return section{}, failed(Corrupt, "the lane %s has %d entries, but the manifest says %d", lane, r.entries, info.Entries)
	case r.keyBits != uint32(8*lane.KeySize()) && (lane != PDQ || r.keyBits < MinKeyBits || r.keyBits > MaxKeyBits):
		return section{}, failed(Corrupt, "the lane %s has keys of %d bits", lane, r.keyBits)
	case r.bits < 64 || r.k < 1 || r.k > maxHashes || r.kind == kindBloom && r.bits > maxBits || r.kind == kindRice && (r.bits > riceMaxBits || r.k != 1):
		return section{}, failed(Corrupt, "the lane %s has a filter of %d bits with %d hash functions", lane, r.bits, r.k)
	}
	s := section{
		Section: Section{
			Kind: Bloom, Lane: lane, Length: int64(r.length), Entries: r.entries,
			Bits: r.bits, K: int(r.k), KeyBits: int(r.keyBits),
		},
		seed: r.seed,
	}
	if r.kind == kindRice {
		s.Kind = Rice
	}
	if want := filterBits(info.Capacity+1, s.Kind, info.Error); !near(r.bits, want) {
		return section{}, failed(Corrupt, "the lane %s has a filter of %d bits, where %d entries with an error of %g need %d", lane, r.bits, info.Capacity, info.Error, want)
	}
	if r.kind == kindRice {
		return s.openRice(data, info.Capacity)
	}
	return s.openBloom(data)
}

// near allows for what floating point makes of filterBits elsewhere.
func near(bits, want uint64) bool {
	return math.Abs(float64(bits)-float64(want)) <= 1+float64(want)/1000
}

// openRice reads positions. Entries may share one: a quarter of them must not.
func (s section) openRice(data []byte, capacity uint64) (section, error) {
	var err error
	if s.rice, err = decodeRice(data, s.Bits, s.Entries+1, riceShift(capacity, s.Bits)); err != nil {
		return section{}, failed(Corrupt, "the lane %s: %w", s.Lane, err)
	}
	count := s.rice.count
	s.Set = count
	if s.Fill = float64(count) / float64(s.Bits); s.Fill > MaxFill {
		return section{}, failed(Overfull, "the lane %s has %.0f %% of its bits set, more than %.0f %%", s.Lane, 100*s.Fill, 100*MaxFill)
	}
	if count < s.Entries/4 {
		return section{}, failed(Corrupt, "the lane %s cannot hold %d entries in %d positions", s.Lane, s.Entries, count)
	}
	s.short = newShort(nil, s.Bits, 1, s.seed)
	return s, nil
}

func (s section) openBloom(data []byte) (section, error) {
	words, err := readBloom(data, s.Bits, uint64(s.K))
	if err != nil {
		return section{}, failed(Corrupt, "the lane %s: %w", s.Lane, err)
	}
	set := uint64(0)
	for _, w := range words {
		set += uint64(bits.OnesCount64(w))
	}
	if s.Fill = float64(set) / float64(s.Bits); s.Fill > MaxFill {
		return section{}, failed(Overfull, "the lane %s has %.0f %% of its bits set, more than %.0f %%", s.Lane, 100*s.Fill, 100*MaxFill)
	}
	// Each entry sets at most k bits, and so does the canary. Fewer are set where
	// positions coincide, but not by more than what a random filter loses.
	expected := -math.Expm1(-float64(s.K) * float64(s.Entries) / float64(s.Bits))
	if set > uint64(s.K)*(s.Entries+1) || s.Fill < expected/4 {
		return section{}, failed(Corrupt, "the lane %s cannot hold %d entries in %d set bits of %d", s.Lane, s.Entries, set, s.Bits)
	}
	s.Set = set
	s.filter = bloom.FromWithM(words, uint(s.Bits), uint(s.K))
	s.short = newShort(words, s.Bits, s.K, s.seed)
	return s, nil
}

// readBloom unpacks a filter as bits-and-blooms writes it: m, k and the number
// of bits, then the words, all big-endian. That package's own reader believes
// its input; here every number is known beforehand.
func readBloom(data []byte, m, k uint64) ([]uint64, error) {
	size := bloomHeaderSize + int(m+63)/64*8
	raw, err := unpack(data, size)
	if err != nil {
		return nil, err
	}
	be := binary.BigEndian
	if be.Uint64(raw) != m || be.Uint64(raw[8:]) != k || be.Uint64(raw[16:]) != m {
		return nil, errors.New("the filter's header differs from the section table")
	}
	words := make([]uint64, (m+63)/64)
	for i := range words {
		words[i] = be.Uint64(raw[bloomHeaderSize+8*i:])
	}
	if m%64 != 0 && words[len(words)-1]>>(m%64) != 0 {
		return nil, errors.New("bits beyond the end of the filter are set")
	}
	return words, nil
}

// unpack decompresses one zstd frame to exactly size bytes.
func unpack(data []byte, size int) ([]byte, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(uint64(max(size, zstd.MinWindowSize))), zstd.WithDecoderMaxWindow(8<<20),
		zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	raw, err := d.DecodeAll(data, make([]byte, 0, size))
	if err != nil {
		return nil, err
	}
	if len(raw) != size {
		return nil, fmt.Errorf("the filter has %d bytes, not %d", len(raw), size)
	}
	return raw, nil
}

// pack is unpack's inverse: a single frame with its content size.
func pack(raw []byte) ([]byte, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20),
		zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return nil, err
	}
	defer e.Close()
	return e.EncodeAll(raw, nil), nil
}
