package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// outputs are n random numbers.
func outputs(n int) []uint64 {
	r := rand.New(rand.NewPCG(11, 12))
	out := make([]uint64, n)
	for i := range out {
		out[i] = r.Uint64()
	}
	return out
}

func withOutputs(t testing.TB, base *Snapshot, number uint64, key byte, listed []uint64) *Snapshot {
	t.Helper()
	s := spec(3)
	s.Version, s.Base = number, base
	s.Outputs = &OutputsSpec{Key: OPRF{KeyID: [8]byte{key}, PublicKey: [32]byte{key}}, Outputs: listed}
	file, m, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := Open(file, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func TestOutputs(t *testing.T) {
	for _, n := range []int{1, 2, 255, 256, 257, 20_000} {
		listed := outputs(n)
		listed[0] = math.MaxUint64
		s := withOutputs(t, nil, 1, 7, listed)
		o := s.Outputs()
		for _, y := range listed {
			if there, err := o.Contains(y); err != nil || !there {
				t.Fatalf("%d outputs: %x is missing: %v", n, y, err)
			}
		}
		for i := range uint64(50_000) {
			if there, err := o.Contains(scramble(i)); err != nil || there {
				t.Fatalf("%d outputs: %x is there, %v", n, scramble(i), err) // once in 300 runs, if it were random
			}
		}
		if bits := 8 * float64(o.Section().Length) / float64(n); n > 10_000 && bits > 26 {
			t.Errorf("%.2f bits for each of %d outputs", bits, n)
		}
		if s.Manifest().OPRF.KeyID != [8]byte{7} {
			t.Errorf("key id %x", s.Manifest().OPRF.KeyID)
		}
	}
	if s, _ := opened(t, spec(3)); s.Outputs() != nil {
		t.Error("outputs without any")
	}
}

func opened(t *testing.T, spec Spec) (*Snapshot, []byte) {
	t.Helper()
	file, m, err := Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(file, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, file
}

func TestOutputsChange(t *testing.T) {
	listed := outputs(1000)
	first := withOutputs(t, nil, 1, 7, listed[:900])
	next := withOutputs(t, first, 2, 7, listed[100:])
	delta, m := named(t, first, next)
	got, err := first.Apply(delta, m)
	if err != nil || !bytes.Equal(got, fileOf(t, next)) {
		t.Fatalf("the delta makes another file: %v", err)
	}
	if got := next.Outputs().Capacity(); got != 900 {
		t.Errorf("the capacity has become %d", got)
	}
	for i, y := range listed {
		if there, err := next.Outputs().Contains(y); err != nil || there != (i >= 100) {
			t.Fatalf("output %d is there: %v, %v", i, there, err)
		}
	}
	source, err := m.OpenSource(fileOf(t, first), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := source.Apply(delta, m); err != nil || !bytes.Equal(got, fileOf(t, next)) {
		t.Errorf("from the source alone, the delta makes another file: %v", err)
	}
	if _, err := m.OpenSource(fileOf(t, first)[:headerSize], nil); code(err) != WrongBase {
		t.Errorf("the header of the source: %v", err)
	}
	if _, err := MakeDelta(first, withOutputs(t, first, 2, 8, listed)); !errors.Is(err, ErrNoDelta) {
		t.Errorf("a delta to another key: %v", err)
	}
	s := spec(3)
	s.Base, s.Outputs = first, &OutputsSpec{Key: *first.manifest.OPRF, Outputs: outputs(1801)}
	var outgrown *OutgrownError
	if _, _, err := Build(s); !errors.As(err, &outgrown) {
		t.Errorf("1,801 outputs for a capacity of 900: %v", err)
	}
}

func TestHostileOutputs(t *testing.T) {
	s := withOutputs(t, nil, 1, 7, outputs(600))
	file := fileOf(t, s)
	row := headerSize + 3*rowSize
	u64 := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
	section := int(s.outputs.row.offset)
	index := section + riceHeaderSize
	for name, change := range map[string]func(b []byte, m *Manifest){
		"no key":          func(_ []byte, m *Manifest) { m.OPRF = nil },
		"another key":     func(_ []byte, m *Manifest) { m.OPRF = &OPRF{} },
		"m":               func(b []byte, _ *Manifest) { copy(b[row+32:], u64(600<<24+1)) },
		"m = 0":           func(b []byte, _ *Manifest) { copy(b[row+32:], u64(0)) },
		"m of 2^63":       func(b []byte, _ *Manifest) { copy(b[row+32:], u64(1<<63)) },
		"too many":        func(b []byte, _ *Manifest) { copy(b[row+24:], u64(1201)) },
		"none":            func(b []byte, _ *Manifest) { copy(b[row+24:], u64(0)) },
		"fewer than said": func(b []byte, _ *Manifest) { copy(b[row+24:], u64(599)) },
		"key bits":        func(b []byte, _ *Manifest) { b[row+44] = 63 },
		"section":         func(b []byte, _ *Manifest) { b[section+2000%int(s.outputs.row.length)] ^= 1 },
		"count of block":  func(b []byte, _ *Manifest) { b[index]++ },
		"size of block":   func(b []byte, _ *Manifest) { b[index+7] = 255 },
	} {
		for _, resign := range []bool{false, true} {
			m, bad := *s.manifest, bytes.Clone(file)
			change(bad, &m)
			if r := decodeRow(bad[row:]); resign && r.offset == s.outputs.row.offset {
				sum := sha256.Sum256(bad[section:][:r.length])
				copy(bad[row+64:], sum[:])
			}
			resigned(&m, bad)
			o, err := Open(bad, &m, nil)
			if err == nil {
				for y := range uint64(2000) { // every block
					if _, err = o.Outputs().Contains(y << 53); err != nil {
						break
					}
				}
			}
			if err == nil && name == "section" && resign {
				continue // other outputs, which someone signed
			}
			if code(err) != Corrupt {
				t.Errorf("%s, signed %v: got %v, want %s", name, resign, err, Corrupt)
			}
		}
	}
}
