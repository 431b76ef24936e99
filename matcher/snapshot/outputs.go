package snapshot

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"sync"
)

// The outputs of the confirmation's PRF for all entries of all lanes, as far as
// they tell an entry from anything else: of the first eight bytes of each, y as a
// number, the position ⌊y·m/2^64⌋ in m = capacity·2^24. One that is not listed is
// there with a probability of 2^-24, or 2^-23 once there are twice as many as the capacity.
//
// The positions are coded like those of a filter, in smaller blocks: a candidate decodes one
// of them, and nobody else any.
const (
	outputsExtra = 24
	outputsBlock = 1 << 8
	maxOutputs   = 1 << 32
)

// An OutputsSpec is what the section of outputs is built from.
type OutputsSpec struct {
	Key      OPRF
	Outputs  []uint64 // the first eight bytes of each output, big-endian, in any order
	Capacity uint64   // of how many; 0 means as in Spec.Base, or as many as there are
}

// tableRow returns what the table says of the section, but for its place and sum.
// It makes positions of the outputs.
func (o *OutputsSpec) tableRow(base *Snapshot) (row, error) {
	capacity := o.Capacity
	if base != nil && base.outputs != nil && base.outputs.row.seed == o.Key.KeyID {
		capacity = cmp.Or(capacity, base.outputs.row.bits>>outputsExtra)
	}
	capacity = cmp.Or(capacity, uint64(len(o.Outputs)))
	m := capacity << outputsExtra
	if capacity < 1 || capacity > maxOutputs || len(o.Outputs) == 0 {
		return row{}, fmt.Errorf("%d with a capacity of %d are out of range", len(o.Outputs), capacity)
	}
	if uint64(len(o.Outputs)) > 2*capacity {
		return row{}, &OutgrownError{0, uint64(len(o.Outputs)), capacity}
	}
	return row{kind: kindPRF, flags: critical, entries: uint64(len(o.Outputs)), bits: m, k: 1, keyBits: 64, seed: o.Key.KeyID}, nil
}

func (o *OutputsSpec) append(b []byte, m uint64) []byte {
	positions := make([]uint64, len(o.Outputs))
	for i, y := range o.Outputs {
		positions[i], _ = bits.Mul64(y, m)
	}
	slices.Sort(positions)
	positions = slices.Compact(positions)
	return appendRice(b, slices.Values(positions), uint64(len(positions)), m, riceShift(m>>outputsExtra, m, outputsBlock))
}

// Outputs are the open section. They are safe for concurrent use.
type Outputs struct {
	number   int // of the section
	row      row
	snapshot *Snapshot

	mu     sync.Mutex
	rice   *riceSet // nil until it is needed
	starts []uint32 // where each block begins
}

// Outputs returns the outputs of the confirmation's PRF, nil if the snapshot has none.
func (s *Snapshot) Outputs() *Outputs { return s.outputs }

// openOutputs checks a row's numbers. What is in the section is read when it is needed.
func (s *Snapshot) openOutputs(i int) error {
	r := s.rows[i]
	capacity := r.bits >> outputsExtra
	switch {
	case s.outputs != nil:
		return failed(Corrupt, "there are outputs twice")
	case s.manifest.OPRF == nil || r.seed != s.manifest.OPRF.KeyID:
		return failed(Corrupt, "the outputs are of another key than the manifest's")
	case r.k != 1 || r.keyBits != 64 || r.bits != capacity<<outputsExtra || capacity < 1 || capacity > maxOutputs || r.entries < 1 || r.entries > 2*capacity:
		return failed(Corrupt, "%d outputs below %d, with %d bits of %d functions", r.entries, r.bits, r.keyBits, r.k)
	}
	s.outputs = &Outputs{row: r, number: i, snapshot: s}
	return nil
}

// Section describes the section.
func (o *Outputs) Section() Section {
	return Section{
		Kind: PRF, Length: int64(o.row.length), Entries: o.row.entries, Set: o.row.entries, Bits: o.row.bits, K: 1, KeyBits: int(o.row.keyBits),
		Fill: float64(o.row.entries) / float64(o.row.bits),
	}
}

// Capacity returns how many outputs there can be; twice as many at most.
func (o *Outputs) Capacity() uint64 { return o.row.bits >> outputsExtra }

// load reads and verifies the section once.
func (o *Outputs) load() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.rice != nil {
		return nil
	}
	data, err := o.snapshot.section(o.number)
	if err != nil {
		return err
	}
	rice, err := parseRice(data, o.row.bits, o.row.entries, riceShift(o.row.bits>>outputsExtra, o.row.bits, outputsBlock))
	if err == nil && rice.count < o.row.entries/4 {
		err = fmt.Errorf("%d positions for %d", rice.count, o.row.entries)
	}
	if err != nil {
		return failed(Corrupt, "the outputs: %w", err)
	}
	starts, at := make([]uint32, 0, len(rice.index)/riceIndexSize), uint64(0)
	for i := range uint64(cap(starts)) {
		starts = append(starts, uint32(at))
		if _, size := rice.block(i); size > uint64(len(rice.gaps))-at {
			return failed(Corrupt, "the outputs: block %d is larger than what there is", i)
		} else {
			at += size
		}
	}
	o.rice, o.starts = rice, starts
	return nil
}

// Contains reports whether an output, of which y is the first eight bytes as a
// big-endian number, is listed. The first call reads and verifies the section; failed checks are
// *Error.
func (o *Outputs) Contains(y uint64) (bool, error) {
	if err := o.load(); err != nil {
		return false, err
	}
	want, _ := bits.Mul64(y, o.row.bits)
	block := want >> o.rice.shift
	in, size := o.rice.block(block)
	start := uint64(o.starts[block])
	r := o.rice.code.reader(o.rice.gaps[:start+size], 8*start, o.row.bits)
	for next := block << o.rice.shift; in > 0 && next <= want; in-- {
		gap, ok := r.next()
		if !ok {
			return false, failed(Corrupt, "the outputs: the gaps of block %d do not fit", block)
		}
		if next += gap; next == want {
			return true, nil
		}
		next++
	}
	return false, nil
}

// whole returns all positions, for deltas.
func (o *Outputs) whole() (*riceSet, error) {
	if err := o.load(); err != nil {
		return nil, err
	}
	s := *o.rice
	s.size()
	if err := s.scan(); err != nil {
		return nil, failed(Corrupt, "the outputs: %w", err)
	}
	return &s, nil
}
