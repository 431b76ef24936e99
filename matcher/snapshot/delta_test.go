package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/preseal/preseal/matcher/snapshot/zstd"
)

// version builds and opens a version of a list that continues base and has these hashes of the lane.
func version(t testing.TB, base *Snapshot, number uint64, lanes ...LaneKeys) *Snapshot {
	t.Helper()
	s := spec(1)
	s.Version, s.Lanes, s.Base = number, lanes, base
	file, m, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := Open(file, m, zstd.Decompress)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func fileOf(t testing.TB, s *Snapshot) []byte {
	t.Helper()
	b, err := s.read(0, uint64(s.manifest.Size))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// named makes the delta and names it in a copy of to's manifest.
func named(t testing.TB, from, to *Snapshot) ([]byte, *Manifest) {
	t.Helper()
	delta, err := MakeDelta(from, to)
	if err != nil {
		t.Fatal(err)
	}
	m := *to.manifest
	m.Deltas = []DeltaInfo{{from.manifest.Version, from.manifest.Hash, sha256.Sum256(delta), int64(len(delta))}}
	return delta, &m
}

func TestDeltas(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, lane := range []Lane{SHA256, PHash, PDQ} {
		hashes, size := hashesOf(lane, 30_000), lane.HashSize()
		part := func(from, to int) []byte { return hashes[size*from : size*to] }
		first := version(t, nil, 1, LaneKeys{Lane: lane, Hashes: part(0, 20_000), Capacity: 20_000})
		for name, list := range map[string][]byte{
			"the same":          part(0, 20_000),
			"one more":          part(0, 20_001),
			"one less":          part(1, 20_000),
			"some of each":      part(500, 20_300),
			"many more":         part(0, 30_000),
			"few left":          part(19_990, 20_000),
			"all others":        part(20_000, 30_000),
			"one left":          part(7, 8),
			"half and shuffled": bytes.Join(shuffled(r, keys(lane, 10_000)), nil),
		} {
			next := version(t, first, 2, LaneKeys{Lane: lane, Hashes: list})
			delta, m := named(t, first, next)
			got, err := first.Apply(delta, m)
			if err != nil || !bytes.Equal(got, fileOf(t, next)) {
				t.Fatalf("%s, %s: a delta of %d bytes makes another file: %v", lane, name, len(delta), err)
			}
			if name == "the same" && len(delta) != deltaHeaderSize+deltaRowSize {
				t.Errorf("%s: %d bytes for an unchanged list", lane, len(delta))
			}
			opened, err := Open(got, m, zstd.Decompress)
			if err != nil {
				t.Fatal(err)
			}
			gone := KeyOf(lane, part(0, 1), opened.KeyBits(lane))
			if name == "one less" && lane != SHA256 && opened.Contains(lane, gone) {
				t.Errorf("%s: a removed entry is still there", lane)
			}
		}
	}
}

// What a manifest says of the source of a delta is enough to open it.
func TestOpenSource(t *testing.T) {
	size := PDQ.HashSize()
	list := hashesOf(PDQ, 3000)
	digests := hashesOf(SHA256, 100)
	lanes := func(from, to int) []LaneKeys {
		return []LaneKeys{{Lane: PDQ, Hashes: list[size*from : size*to]}, {Lane: SHA256, Hashes: digests}}
	}
	first := version(t, nil, 1, lanes(0, 2000)...)
	second := version(t, first, 2, lanes(5, 2100)...)
	third := version(t, second, 3, lanes(0, 3000)...)
	_, m := named(t, first, second)
	source, err := m.OpenSource(fileOf(t, first), zstd.Decompress)
	if err != nil {
		t.Fatal(err)
	}
	delta, to := named(t, source, third)
	want, _ := named(t, first, third)
	if !bytes.Equal(delta, want) {
		t.Error("the delta differs from the one of the snapshot as it was published")
	}
	if got, err := source.Apply(delta, to); err != nil || !bytes.Equal(got, fileOf(t, third)) {
		t.Errorf("the delta makes another file: %v", err)
	}
	if _, err := m.OpenSource(fileOf(t, third), zstd.Decompress); code(err) != WrongBase {
		t.Errorf("a snapshot that is not named: %v", err)
	}
	lies := *m
	lies.Deltas = []DeltaInfo{{Version: 7, Source: first.manifest.Hash}}
	if _, err := lies.OpenSource(fileOf(t, first), zstd.Decompress); code(err) != Corrupt {
		t.Errorf("another version than the file's: %v", err)
	}
	lies.Deltas, lies.Lanes = m.Deltas, slices.Clone(m.Lanes)
	lies.Lanes[1].Capacity = 999
	if _, err := lies.OpenSource(fileOf(t, first), zstd.Decompress); code(err) != Corrupt {
		t.Errorf("more than twice the capacity: %v", err)
	}
}

// With another capacity, keys are as long as that demands.
func TestRecapacity(t *testing.T) {
	list := hashesOf(PDQ, 100)
	first := version(t, nil, 1, LaneKeys{Lane: PDQ, Hashes: list})
	same := version(t, first, 2, LaneKeys{Lane: PDQ, Hashes: list, KeyBits: 60})
	if got := version(t, same, 3, LaneKeys{Lane: PDQ, Hashes: list}).KeyBits(PDQ); got != 60 {
		t.Errorf("keys of %d bits, want those of the version before", got)
	}
	const capacity = 200_000_000
	if got, want := version(t, first, 2, LaneKeys{Lane: PDQ, Hashes: list, Capacity: capacity}).KeyBits(PDQ), PDQKeyBits(capacity, DefaultProbes); got != want {
		t.Errorf("keys of %d bits, want %d", got, want)
	}
}

func shuffled[T any](r *rand.Rand, s []T) []T {
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	return s
}

// Edits at the ends of blocks and buckets, and everywhere in small sets.
func TestSplices(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 400 {
		m := uint64(64 << r.UintN(12))
		old := scattered(1+r.IntN(int(m)/2), m)
		new := scattered(1+r.IntN(int(m)/2), m)
		if r.IntN(2) == 0 { // few changes, so that the code stays the same
			new = slices.Clone(old)
			for range 1 + r.IntN(3) {
				p := r.Uint64N(m)
				if at, there := slices.BinarySearch(new, p); there {
					new = slices.Delete(new, at, at+1)
				} else {
					new = slices.Insert(new, at, p)
				}
			}
		}
		if len(new) == 0 {
			continue
		}
		shift := 3 + r.UintN(10)
		encode := func(positions []uint64) []byte {
			return appendRice(nil, slices.Values(positions), uint64(len(positions)), m, shift)
		}
		s, err := decodeRice(encode(old), m, m, shift)
		if err != nil {
			t.Fatal(err)
		}
		var edits []edit
		for p := range m {
			_, before := slices.BinarySearch(old, p)
			_, after := slices.BinarySearch(new, p)
			if before != after {
				edits = append(edits, edit{p, before})
			}
		}
		if got, ok := s.appendSpliced(nil, edits); !ok || !bytes.Equal(got, encode(new)) {
			t.Fatalf("%d to %d positions below %d in blocks of 2^%d by %d edits: another section, %v", len(old), len(new), m, shift, len(edits), ok)
		}
		// What is there cannot be added again, in a full set or a changed code.
		for _, n := range []int{1, len(old)} {
			edits = edits[:0]
			for _, p := range old[:n] {
				edits = append(edits, edit{p, false})
			}
			if _, ok := s.appendSpliced(nil, edits); ok {
				t.Fatalf("%d positions that are there are added", n)
			}
		}
	}
}

func TestNoDelta(t *testing.T) {
	lane := func(n int) LaneKeys { return LaneKeys{Lane: PDQ, Hashes: hashesOf(PDQ, n)} }
	first := version(t, nil, 1, lane(1000))
	bloom := lane(1000)
	bloom.Kind = Bloom
	other := lane(1000)
	other.Capacity = 3000
	key := lane(1000)
	key.KeyBits = 60
	for name, next := range map[string]*Snapshot{
		"another kind":     version(t, nil, 2, bloom),
		"another size":     version(t, nil, 2, other),
		"another key":      version(t, nil, 2, key),
		"another lane":     version(t, nil, 2, LaneKeys{Lane: PHash, Hashes: hashesOf(PHash, 1000)}),
		"one more lane":    version(t, nil, 2, lane(1000), LaneKeys{Lane: PHash, Hashes: hashesOf(PHash, 1000)}),
		"a bloom.zst lane": nil,
	} {
		from := first
		if next == nil {
			from = version(t, nil, 1, bloom)
			bloom.Hashes = hashesOf(PDQ, 1001)
			next = version(t, from, 2, bloom)
		}
		if _, err := MakeDelta(from, next); !errors.Is(err, ErrNoDelta) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An unchanged section of any kind is kept.
	bloom.Hashes = hashesOf(PDQ, 1000)
	from := version(t, nil, 1, bloom)
	to := version(t, from, 2, bloom)
	delta, m := named(t, from, to)
	if got, err := from.Apply(delta, m); err != nil || !bytes.Equal(got, fileOf(t, to)) {
		t.Errorf("an unchanged bloom.zst section: %v", err)
	}
}

func TestBuildContinues(t *testing.T) {
	lane := func(n int) LaneKeys { return LaneKeys{Lane: PDQ, Hashes: hashesOf(PDQ, n)} }
	first := version(t, nil, 1, LaneKeys{Lane: PDQ, Hashes: hashesOf(PDQ, 1000), Probes: 4096, KeyBits: 60})
	next := version(t, first, 2, lane(2000))
	a, b := first.Sections()[0], next.Sections()[0]
	if a.Bits != b.Bits || a.KeyBits != b.KeyBits || b.Entries != 2000 || next.manifest.Lanes[0].Probes != 4096 ||
		next.manifest.Lanes[0].Error != first.manifest.Lanes[0].Error || next.manifest.Lanes[0].Capacity != 1000 {
		t.Errorf("the filter changed from %+v to %+v", a, b)
	}
	s := spec(1)
	s.Lanes, s.Base = []LaneKeys{lane(2001)}, first
	var outgrown *OutgrownError
	if _, _, err := Build(s); !errors.As(err, &outgrown) || *outgrown != (OutgrownError{PDQ, 2001, 1000}) {
		t.Errorf("2,001 entries for a capacity of 1,000: %v", err)
	}
	s.Lanes[0].Capacity = 4000
	if _, m, err := Build(s); err != nil || m.Lanes[0].Capacity != 4000 {
		t.Errorf("another capacity: %v", err)
	}
}

func TestHostileDeltas(t *testing.T) {
	lane := func(from, to int) LaneKeys {
		return LaneKeys{Lane: PHash, Hashes: hashesOf(PHash, to)[8*from:], Capacity: 300}
	}
	first := version(t, nil, 1, lane(0, 300))
	next := version(t, first, 2, lane(5, 310))
	delta, m := named(t, first, next)
	if _, err := next.Apply(delta, m); code(err) != WrongBase {
		t.Errorf("applied to another snapshot: %v", err)
	}
	for i := range delta {
		bad := bytes.Clone(delta)
		bad[i] ^= 1
		if _, err := first.Apply(bad, m); code(err) != Corrupt {
			t.Fatalf("byte %d: %v", i, err)
		}
		if _, err := first.Apply(delta[:i], m); code(err) != Corrupt {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	// Now with a hash that fits, as if a signer had vouched for it.
	le, row := binary.LittleEndian, deltaHeaderSize
	put32 := func(at int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { le.PutUint32(b[at:], v); return b }
	}
	for _, c := range []struct {
		name   string
		change func([]byte) []byte
		want   Code
	}{
		{"magic", put32(0, 0), Corrupt},
		{"major version", put32(8, 2), UnsupportedVersion},
		{"no sections", put32(12, 0), Corrupt},
		{"2^32-1 sections", put32(12, math.MaxUint32), Corrupt},
		{"length", put32(16, 0), Corrupt},
		{"from another version", put32(24, 7), WrongBase},
		{"to another version", put32(32, 7), Corrupt},
		{"from another file", put32(40, 7), WrongBase},
		{"reserved", put32(92, 1), Corrupt},
		{"one more removed", put32(row+8, 6), Corrupt},
		{"2^32-1 removed", put32(row+8, math.MaxUint32), Corrupt},
		{"one more added", put32(row+12, le.Uint32(delta[row+12:])+1), Corrupt},
		{"2^32-1 added", put32(row+12, math.MaxUint32), Corrupt},
		{"larger than there is", put32(row+16, math.MaxUint32), Corrupt},
		{"added larger than there is", put32(row+20, math.MaxUint32), Corrupt},
		{"a byte behind", func(b []byte) []byte {
			b = append(b, 0)
			le.PutUint64(b[16:], uint64(len(b)))
			return b
		}, Corrupt},
		{"only the header", func(b []byte) []byte {
			b = b[:deltaHeaderSize]
			le.PutUint64(b[16:], uint64(len(b)))
			return b
		}, Corrupt},
		{"empty", func([]byte) []byte { return nil }, Corrupt},
	} {
		bad := c.change(bytes.Clone(delta))
		m.Deltas[0].Hash, m.Deltas[0].Size = sha256.Sum256(bad), int64(len(bad))
		file, err := first.Apply(bad, m)
		if err == nil { // then Open sees it
			_, err = Open(file, m, zstd.Decompress)
		}
		if code(err) != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
	// What takes out everything, and what puts in what is there.
	for name, change := range map[string]deltaRow{"everything removed": {removed: 301}, "added again": {added: 301}} {
		numbers, limit := slices.Collect(first.sections[0].rice.all()), first.sections[0].Bits
		if change.removed > 0 {
			limit = 301
			for i := range numbers {
				numbers[i] = uint64(i)
			}
		}
		data := appendNumbers(nil, numbers, limit)
		if change.entries = 300; change.removed > 0 {
			change.removedSize = uint32(len(data))
		} else {
			change.addedSize = uint32(len(data))
		}
		bad := append(change.encode(bytes.Clone(delta[:deltaHeaderSize])), data...)
		le.PutUint64(bad[16:], uint64(len(bad)))
		m.Deltas[0].Hash, m.Deltas[0].Size = sha256.Sum256(bad), int64(len(bad))
		if _, err := first.Apply(bad, m); code(err) != Corrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDelta(f *testing.F) {
	lane := func(from, to int) LaneKeys {
		return LaneKeys{Lane: PHash, Hashes: hashesOf(PHash, to)[8*from:], Capacity: 300}
	}
	first := version(f, nil, 1, lane(0, 300))
	delta, m := named(f, first, version(f, first, 2, lane(5, 310)))
	f.Add(delta)
	f.Fuzz(func(t *testing.T, delta []byte) {
		m := *m
		m.Deltas = []DeltaInfo{{1, first.manifest.Hash, sha256.Sum256(delta), int64(len(delta))}}
		file, err := first.Apply(delta, &m)
		if err != nil {
			return
		}
		if len(file) > int(first.manifest.Size)+16*len(delta)+1<<12 {
			t.Errorf("%d bytes made of %d and %d", len(file), first.manifest.Size, len(delta))
		}
		resigned(&m, file)
		Open(file, &m, zstd.Decompress) // must not panic
	})
}
