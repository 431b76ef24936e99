package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

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
// Failed checks are *Error. b is not kept.
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
	s := &Snapshot{manifest: m}
	for i := range rows {
		r := &rows[i]
		if r.kind != kindBloom || Lane(r.lane).KeySize() == 0 {
			if r.flags&critical != 0 {
				return nil, failed(UnsupportedVersion, "section %d is of kind %d and lane %s, which this version cannot read", i, r.kind, Lane(r.lane))
			}
			continue
		}
		sec, err := openSection(r, b[r.offset:r.offset+r.length], m)
		if err != nil {
			return nil, err
		}
		if n := len(s.sections); n > 0 && s.sections[n-1].Lane >= sec.Lane {
			return nil, failed(Corrupt, "the lane %s is out of order", sec.Lane)
		}
		s.sections = append(s.sections, sec)
	}
	if len(s.sections) != len(m.Lanes) {
		return nil, failed(Corrupt, "the snapshot has %d lanes, but the manifest names %d", len(s.sections), len(m.Lanes))
	}
	for _, l := range m.Lanes {
		if !s.Contains(l.Lane, l.Hit) || s.Contains(l.Lane, l.Miss) {
			return nil, failed(Canary, "the lane %s fails its test keys", l.Lane)
		}
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
	case r.bits < 64 || r.bits > maxBits || r.k < 1 || r.k > maxHashes:
		return section{}, failed(Corrupt, "the lane %s has a filter of %d bits with %d hash functions", lane, r.bits, r.k)
	}
	words, err := readBloom(data, r.bits, uint64(r.k))
	if err != nil {
		return section{}, failed(Corrupt, "the lane %s: %w", lane, err)
	}
	set := 0
	for _, w := range words {
		set += bits.OnesCount64(w)
	}
	fill := float64(set) / float64(r.bits)
	if fill > MaxFill {
		return section{}, failed(Overfull, "the lane %s has %.0f %% of its bits set, more than %.0f %%", lane, 100*fill, 100*MaxFill)
	}
	// Each entry sets at most k bits, and so does the canary. Fewer are set where
	// positions coincide, but not by more than what a random filter loses.
	if expected := -math.Expm1(-float64(r.k) * float64(r.entries) / float64(r.bits)); uint64(set) > uint64(r.k)*(r.entries+1) || fill < expected/4 {
		return section{}, failed(Corrupt, "the lane %s cannot hold %d entries in %d set bits of %d", lane, r.entries, set, r.bits)
	}
	return section{
		Section: Section{
			Kind: "bloom.zst", Lane: lane, Length: int64(r.length), Entries: r.entries,
			Bits: r.bits, K: int(r.k), KeyBits: int(r.keyBits), Fill: fill,
		},
		seed:   r.seed,
		filter: bloom.FromWithM(words, uint(r.bits), uint(r.k)),
		short:  newShort(words, r.bits, int(r.k), r.seed),
	}, nil
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
