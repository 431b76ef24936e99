package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
)

const (
	// MaxFill is the largest share of a filter's bits that may be set. An
	// optimal filter has half of them set; more means that everything hits.
	MaxFill = 0.6

	maxBits         = 1 << 31 // of one filter: 256 MiB
	maxHashes       = 64
	bloomHeaderSize = 24
)

// A Decompress returns the size bytes that a zstd stream (RFC 8878) holds, and an
// error if it holds fewer or more. Size is 256 MiB and a few bytes at most. Package
// zstd has one. Only sections of the kind Bloom need it: decoders are large, and who
// knows that there are none, or has one elsewhere, need not carry it.
type Decompress func(stream []byte, size int) ([]byte, error)

// ErrCompressed says that a snapshot has a section of the kind Bloom, and that
// there was no Decompress to open it with.
var ErrCompressed = errors.New("nothing decompresses the kind bloom.zst")

// Open is OpenAt for a file in memory. The snapshot keeps b, which must not be changed.
func Open(b []byte, m *Manifest, d Decompress) (*Snapshot, error) {
	return OpenAt(bytes.NewReader(b), m, d)
}

// OpenAt verifies a snapshot file against its manifest, which OpenManifest
// returned: size, hashes, layout, parameters, fill and canaries, in this order.
// Failed checks are *Error; other errors are r's. Without d, which may be nil, it
// returns ErrCompressed as soon as the table shows a section that needs it. The
// snapshot goes on to read from r: what only a candidate needs is read and verified
// with the first one.
func OpenAt(r io.ReaderAt, m *Manifest, d Decompress) (*Snapshot, error) {
	if m.Size > MaxSnapshot {
		return nil, failed(TooLarge, "the snapshot has %d bytes, more than %d", m.Size, MaxSnapshot)
	}
	s, err := openRows(r, m, d)
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
// code WrongBase where m names no such snapshot. Decompress is as OpenAt has it.
func (m *Manifest) OpenSource(b []byte, decompress Decompress) (*Snapshot, error) {
	if len(b) > MaxSnapshot {
		return nil, failed(TooLarge, "the snapshot has %d bytes, more than %d", len(b), MaxSnapshot)
	}
	d, ok := m.DeltaFrom(sha256.Sum256(b))
	if !ok {
		return nil, failed(WrongBase, "the manifest names no delta from this snapshot")
	}
	size, err := headSize(b[:min(len(b), headerSize)])
	if err != nil {
		return nil, err
	}
	if size > len(b) {
		return nil, failed(Corrupt, "the snapshot ends within its table")
	}
	rows, err := decodeHead(b[:size], uint64(len(b)), d.Version)
	if err != nil {
		return nil, err
	}
	earlier := &Manifest{
		Origin: m.Origin, Purpose: m.Purpose, Version: d.Version, Hash: d.Source, Size: int64(len(b)), Head: sha256.Sum256(b[:size]),
		Distance: m.Distance, Lanes: slices.Clone(m.Lanes), OPRF: m.OPRF,
	}
	for i := range earlier.Lanes { // which differ in their entries alone, or there would be no delta
		l := &earlier.Lanes[i]
		for _, r := range rows {
			if r.kind != kindPRF && Lane(r.lane) == l.Lane {
				l.Entries = r.entries
			}
		}
		if l.Entries < 1 || l.Entries > 2*l.Capacity {
			return nil, failed(Corrupt, "the lane %s has %d entries, with a capacity of %d", l.Lane, l.Entries, l.Capacity)
		}
	}
	return openRows(bytes.NewReader(b), earlier, decompress)
}

// openRows opens what is in a file.
func openRows(r io.ReaderAt, m *Manifest, d Decompress) (*Snapshot, error) {
	s := &Snapshot{manifest: m, file: r}
	head, err := s.readHead()
	if err != nil {
		return nil, err
	}
	if s.rows, err = decodeHead(head, uint64(m.Size), m.Version); err != nil {
		return nil, err
	}
	if d == nil && slices.ContainsFunc(s.rows, row.isCompressed) {
		return nil, ErrCompressed
	}
	end := uint64(len(head))
	for i := range s.rows {
		if err := s.checkPadding(end, s.rows[i].offset); err != nil {
			return nil, err
		}
		if err := s.openRow(i, d); err != nil {
			return nil, err
		}
		end = s.rows[i].offset + s.rows[i].length
	}
	if err := s.checkPadding(end, uint64(m.Size)); err != nil {
		return nil, err
	}
	if (s.outputs == nil) != (m.OPRF == nil) {
		return nil, failed(Corrupt, "outputs without a key in the manifest, or a key without outputs")
	}
	if len(s.sections) != len(m.Lanes) {
		return nil, failed(Corrupt, "the snapshot has %d lanes, but the manifest names %d", len(s.sections), len(m.Lanes))
	}
	return s, nil
}

// readHead returns header and table, which the manifest has the hash of: what it
// says of the sections, their hashes among it, can be believed then.
func (s *Snapshot) readHead() ([]byte, error) {
	header, err := s.read(0, min(headerSize, uint64(s.manifest.Size)))
	if err != nil {
		return nil, err
	}
	if n, err := s.file.ReadAt(make([]byte, 1), s.manifest.Size); n > 0 || err == nil {
		return nil, failed(Corrupt, "the snapshot has more than its %d bytes", s.manifest.Size)
	}
	size, err := headSize(header)
	if err != nil {
		return nil, err
	}
	head, err := s.read(0, uint64(size))
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(head) != s.manifest.Head {
		return nil, failed(Corrupt, "the snapshot does not begin like the file that was signed")
	}
	return head, nil
}

// read returns bytes of the file.
func (s *Snapshot) read(at, size uint64) ([]byte, error) {
	if size > uint64(s.manifest.Size) || at > uint64(s.manifest.Size)-size {
		return nil, failed(Corrupt, "the snapshot ends before byte %d", at+size)
	}
	b := make([]byte, size)
	n, err := s.file.ReadAt(b, int64(at))
	if n == len(b) {
		return b, nil
	}
	if err == io.EOF {
		return nil, failed(Corrupt, "the snapshot has %d bytes, not %d", at+uint64(n), s.manifest.Size)
	}
	return nil, fmt.Errorf("read snapshot: %w", err)
}

// section returns the bytes of a section, verified.
func (s *Snapshot) section(i int) ([]byte, error) {
	b, err := s.read(s.rows[i].offset, s.rows[i].length)
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(b) != s.rows[i].sum {
		return nil, failed(Corrupt, "section %d is not what was signed", i)
	}
	return b, nil
}

func (s *Snapshot) checkPadding(from, to uint64) error {
	b, err := s.read(from, to-from)
	if err == nil && !allZero(b) {
		err = failed(Corrupt, "bytes before byte %d are not zero", to)
	}
	return err
}

// isCompressed reports whether a section is opened, and needs a Decompress.
func (r row) isCompressed() bool { return r.kind == kindBloom && Lane(r.lane).KeySize() > 0 }

// openRow opens a section, or skips it if it may be.
func (s *Snapshot) openRow(i int, d Decompress) error {
	r := &s.rows[i]
	if r.kind == kindPRF && r.lane == 0 {
		return s.openOutputs(i)
	}
	data, err := s.section(i)
	if err != nil {
		return err
	}
	if r.kind != kindBloom && r.kind != kindRice || Lane(r.lane).KeySize() == 0 {
		if r.flags&critical != 0 {
			return failed(UnsupportedVersion, "section %d is of kind %d and lane %s, which this version cannot read", i, r.kind, Lane(r.lane))
		}
		return nil
	}
	sec, err := openSection(r, data, s.manifest, d)
	if err != nil {
		return err
	}
	if n := len(s.sections); n > 0 && s.sections[n-1].Lane >= sec.Lane {
		return failed(Corrupt, "the lane %s is out of order", sec.Lane)
	}
	sec.row = i
	s.sections = append(s.sections, sec)
	return nil
}

// openSection checks a row's numbers against each other, the manifest and the
// data before it allocates what they ask for.
func openSection(r *row, data []byte, m *Manifest, d Decompress) (section, error) {
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
	return s.openBloom(data, d)
}

// near allows for what floating point makes of filterBits elsewhere.
func near(bits, want uint64) bool {
	return math.Abs(float64(bits)-float64(want)) <= 1+float64(want)/1000
}

// openRice reads positions. Entries may share one: a quarter of them must not.
func (s section) openRice(data []byte, capacity uint64) (section, error) {
	var err error
	if s.rice, err = decodeRice(data, s.Bits, s.Entries+1, riceShift(capacity, s.Bits, riceBlock)); err != nil {
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

func (s section) openBloom(data []byte, d Decompress) (section, error) {
	words, err := readBloom(data, s.Bits, uint64(s.K), d)
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
	s.short = newShort(words, s.Bits, s.K, s.seed)
	return s, nil
}

// readBloom unpacks a filter as bits-and-blooms writes it: m, k and the number
// of bits, then the words, all big-endian. That package's own reader believes
// its input; here every number is known beforehand.
func readBloom(data []byte, m, k uint64, decompress Decompress) ([]uint64, error) {
	size := bloomHeaderSize + int(m+63)/64*8
	raw, err := decompress(data, size)
	if err != nil {
		return nil, err
	}
	if len(raw) != size {
		return nil, fmt.Errorf("the filter has %d bytes, not %d", len(raw), size)
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
