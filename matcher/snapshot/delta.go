package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// A delta makes a later snapshot of a list out of an earlier one: for each
// section which positions to take out, by their rank, and which to put in, both
// Golomb coded. FORMAT.md draws it.
const (
	deltaMagic      = "pdelta\n\x00"
	deltaHeaderSize = 96
	deltaRowSize    = 56
	// MaxDelta is the size of the largest delta, in bytes. Where so much has
	// changed, a snapshot is not much larger.
	MaxDelta = 16 << 20
	// MaxDeltas is from how many versions before its own a manifest names deltas.
	MaxDeltas = 16
)

// A deltaRow says what changes in one section.
type deltaRow struct {
	entries                uint64   // of the new section
	removed, added         uint32   // how many positions
	removedSize, addedSize uint32   // in bytes
	sum                    [32]byte // of the new section
}

func (r *deltaRow) encode(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, r.entries)
	for _, v := range []uint32{r.removed, r.added, r.removedSize, r.addedSize} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return append(b, r.sum[:]...)
}

func decodeDeltaRow(b []byte) (r deltaRow) {
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	return deltaRow{
		entries: binary.LittleEndian.Uint64(b), removed: u32(8), added: u32(12), removedSize: u32(16), addedSize: u32(20),
		sum: [32]byte(b[24:56]),
	}
}

// ErrNoDelta says that no delta leads from one snapshot to another: their
// filters differ in more than their entries.
var ErrNoDelta = errors.New("there is no delta between these snapshots")

// MakeDelta returns the file that makes to out of from, an earlier snapshot of
// the same list. It wraps ErrNoDelta if there is none: where lanes, kinds, sizes, seeds or
// keys differ, a section that is not of the kind rice has changed, or the result
// is more than MaxDelta.
func MakeDelta(from, to *Snapshot) ([]byte, error) {
	if len(from.rows) != len(to.rows) {
		return nil, fmt.Errorf("%w: another number of sections", ErrNoDelta)
	}
	var rows []deltaRow
	var data []byte
	for i := range to.rows {
		if !sameFilter(&from.rows[i], &to.rows[i]) {
			return nil, fmt.Errorf("%w: section %d has other parameters", ErrNoDelta, i)
		}
		r := deltaRow{entries: to.rows[i].entries, sum: to.rows[i].sum}
		if from.rows[i].sum != to.rows[i].sum {
			a, err := from.riceOf(i)
			if err != nil {
				return nil, err
			}
			b, err := to.riceOf(i)
			if err != nil {
				return nil, err
			}
			if a == nil || b == nil || a.shift != b.shift {
				return nil, fmt.Errorf("%w: section %d cannot be edited", ErrNoDelta, i)
			}
			data = r.diff(data, a, b)
		}
		rows = append(rows, r)
	}
	size := deltaHeaderSize + deltaRowSize*len(rows) + len(data)
	if size > MaxDelta {
		return nil, fmt.Errorf("%w: it would have %d bytes, more than %d", ErrNoDelta, size, MaxDelta)
	}
	out := make([]byte, 0, size)
	out = append(out, deltaMagic...)
	out = binary.LittleEndian.AppendUint16(out, major)
	out = binary.LittleEndian.AppendUint16(out, minor)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(rows)))
	out = binary.LittleEndian.AppendUint64(out, uint64(size))
	out = binary.LittleEndian.AppendUint64(out, from.manifest.Version)
	out = binary.LittleEndian.AppendUint64(out, to.manifest.Version)
	out = append(out, from.manifest.Hash[:]...)
	out = append(out, make([]byte, deltaHeaderSize-len(out))...)
	for i := range rows {
		out = rows[i].encode(out)
	}
	return append(out, data...), nil
}

// sameFilter reports whether sections differ in nothing but what they hold.
func sameFilter(a, b *row) bool {
	return a.kind == b.kind && a.lane == b.lane && a.flags == b.flags && a.bits == b.bits && a.k == b.k &&
		a.keyBits == b.keyBits && a.seed == b.seed
}

// diff appends the changes from a to b, whose blocks are alike, to data and sets the row to them.
func (r *deltaRow) diff(data []byte, a, b *riceSet) []byte {
	var removed, added, old, new []uint64
	var rank, atA, atB uint64
	for block := range uint64(len(a.index) / riceIndexSize) {
		old, atA = a.appendBlock(old[:0], block, atA)
		new, atB = b.appendBlock(new[:0], block, atB)
		left := new
		for _, p := range old {
			for len(left) > 0 && left[0] < p {
				added, left = append(added, left[0]), left[1:]
			}
			if len(left) > 0 && left[0] == p {
				left = left[1:]
			} else {
				removed = append(removed, rank)
			}
			rank++
		}
		added = append(added, left...)
	}
	r.removed, r.added = uint32(len(removed)), uint32(len(added))
	before := len(data)
	data = appendNumbers(data, removed, a.count)
	r.removedSize = uint32(len(data) - before)
	before = len(data)
	data = appendNumbers(data, added, a.m)
	r.addedSize = uint32(len(data) - before)
	return data
}

// appendNumbers writes the gaps of sorted numbers below limit after data.
func appendNumbers(data []byte, numbers []uint64, limit uint64) []byte {
	g, w, next := golombFor(uint64(len(numbers)), limit), bitWriter{out: data}, uint64(0)
	for _, n := range numbers {
		g.write(&w, n-next)
		next = n + 1
	}
	w.align()
	return w.out
}

// readNumbers reads count numbers below limit, which fill data.
func readNumbers(data []byte, count uint32, limit uint64) ([]uint64, error) {
	g := golombFor(uint64(count), limit)
	if uint64(count) > 8*uint64(len(data))/g.minBits() {
		return nil, fmt.Errorf("%d numbers do not fit in %d bytes", count, len(data))
	}
	r, next, out := g.reader(data, 0, limit), uint64(0), make([]uint64, 0, count)
	for range count {
		gap, ok := r.next()
		if !ok || next+gap >= limit {
			return nil, errors.New("a number does not fit")
		}
		out = append(out, next+gap)
		next += gap + 1
	}
	if !r.ends() {
		return nil, errors.New("something follows the last number")
	}
	return out, nil
}

// Apply makes the file of m, a later manifest of the same list, out of s and a
// delta, which one of m.Deltas must name. Open is to verify the result. Failed checks are
// *Error, with the code WrongBase where the delta is for another snapshot. It
// allocates no more than a constant times the sizes of s and the delta.
func (s *Snapshot) Apply(delta []byte, m *Manifest) ([]byte, error) {
	info, ok := m.DeltaFrom(s.manifest.Hash)
	if !ok {
		return nil, failed(WrongBase, "the manifest names no delta from this snapshot")
	}
	if int64(len(delta)) != info.Size || sha256.Sum256(delta) != info.Hash {
		return nil, failed(Corrupt, "the delta is not the file that was signed")
	}
	rows, err := s.decodeDelta(delta, m)
	if err != nil {
		return nil, err
	}
	data := delta[deltaHeaderSize+deltaRowSize*len(rows):]
	next := slices.Clone(s.rows)
	return layOut(m.Version, next, int(s.manifest.Size)+16*len(delta), func(i int, b []byte) ([]byte, error) {
		r := &rows[i]
		size := uint64(r.removedSize) + uint64(r.addedSize)
		if size > uint64(len(data)) {
			return nil, failed(Corrupt, "section %d of the delta is cut", i)
		}
		if b, err = s.appendEdited(b, i, r, data[:size]); err != nil {
			return nil, err
		}
		if data = data[size:]; i == len(rows)-1 && len(data) > 0 {
			return nil, failed(Corrupt, "bytes follow the last section of the delta")
		}
		next[i].entries, next[i].sum = r.entries, r.sum
		return b, nil
	})
}

// decodeDelta checks the header and returns the rows.
func (s *Snapshot) decodeDelta(b []byte, m *Manifest) ([]deltaRow, error) {
	le := binary.LittleEndian
	if len(b) < deltaHeaderSize || string(b[:8]) != deltaMagic {
		return nil, failed(Corrupt, "the file does not begin like a delta")
	}
	if v := le.Uint16(b[8:]); v != major {
		return nil, failed(UnsupportedVersion, "the delta has format version %d, not %d", v, major)
	}
	count := le.Uint32(b[12:])
	switch {
	case le.Uint64(b[16:]) != uint64(len(b)):
		return nil, failed(Corrupt, "the header gives another length than the delta has")
	case le.Uint64(b[24:]) != s.manifest.Version || !bytes.Equal(b[40:72], s.manifest.Hash[:]):
		return nil, failed(WrongBase, "the delta is from version %d, and version %d is open", le.Uint64(b[24:]), s.manifest.Version)
	case le.Uint64(b[32:]) != m.Version:
		return nil, failed(Corrupt, "the delta is to version %d, and the manifest has version %d", le.Uint64(b[32:]), m.Version)
	case !allZero(b[72:deltaHeaderSize]):
		return nil, failed(Corrupt, "reserved bytes of the delta are not zero")
	case uint64(count) != uint64(len(s.rows)) || deltaHeaderSize+deltaRowSize*int(count) > len(b):
		return nil, failed(Corrupt, "a delta of %d sections for %d", count, len(s.rows))
	}
	rows := make([]deltaRow, count)
	for i := range rows {
		rows[i] = decodeDeltaRow(b[deltaHeaderSize+deltaRowSize*i:])
	}
	return rows, nil
}

// appendEdited appends what becomes of a section to b.
func (s *Snapshot) appendEdited(b []byte, i int, r *deltaRow, data []byte) ([]byte, error) {
	if r.removed == 0 && r.added == 0 && len(data) == 0 {
		section, err := s.section(i)
		return append(b, section...), err
	}
	old, err := s.riceOf(i)
	if err != nil {
		return nil, err
	}
	if old == nil {
		return nil, failed(Corrupt, "section %d cannot be edited", i)
	}
	edits, err := old.edits(r, data)
	if err != nil {
		return nil, failed(Corrupt, "section %d of the delta: %w", i, err)
	}
	b, ok := old.appendSpliced(b, edits)
	if !ok {
		return nil, failed(Corrupt, "section %d of the delta adds what is there", i)
	}
	return b, nil
}

// edits reads the changes to a section.
func (s *riceSet) edits(r *deltaRow, data []byte) ([]edit, error) {
	ranks, err := readNumbers(data[:r.removedSize], r.removed, s.count)
	if err != nil {
		return nil, fmt.Errorf("removals: %w", err)
	}
	added, err := readNumbers(data[r.removedSize:], r.added, s.m)
	if err != nil {
		return nil, fmt.Errorf("additions: %w", err)
	}
	if uint64(len(ranks)) == s.count {
		return nil, errors.New("nothing is left")
	}
	removed, edits := s.selected(ranks), make([]edit, 0, len(ranks)+len(added))
	for len(removed)+len(added) > 0 {
		if len(added) == 0 || len(removed) > 0 && removed[0] <= added[0] {
			edits, removed = append(edits, edit{removed[0], true}), removed[1:]
		} else {
			edits, added = append(edits, edit{added[0], false}), added[1:]
		}
	}
	return edits, nil
}
