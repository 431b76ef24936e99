package sealed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/list"
)

var (
	key      = [32]byte{1, 2, 3}
	manifest = []byte("a manifest")
)

func set(n int) *list.Set {
	s := new(list.Set)
	for i := range n {
		k := binary.BigEndian.AppendUint64(nil, uint64(i)*0x9e3779b97f4a7c15)
		s.Add(snapshot.PHash, k)
		s.Add(snapshot.SHA256, bytes.Repeat(k, 4))
	}
	s.Sort()
	return s
}

func seal(t testing.TB, s *list.Set) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Seal(&b, s, key, manifest); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	// 1,638 entries of 40 bytes and 2 headers fill a chunk to within 16 bytes; 3,277 are three chunks.
	for _, n := range []int{0, 1, 1637, 1638, 1639, 3277, 20000} {
		want := set(n)
		got, err := Open(bytes.NewReader(seal(t, want)), key, manifest)
		if err != nil {
			t.Fatalf("%d entries: %v", n, err)
		}
		for _, lane := range list.Lanes {
			if !bytes.Equal(got.Flat(lane), want.Flat(lane)) {
				t.Errorf("%d entries: lane %s differs", n, lane)
			}
		}
	}
}

func TestExactChunk(t *testing.T) {
	s := new(list.Set)
	for i := range (chunkSize - headerSize) / 8 {
		s.Add(snapshot.PHash, binary.BigEndian.AppendUint64(nil, uint64(i)))
	}
	b := seal(t, s)
	if want := len(magic) + saltSize + chunkSize + tagSize; len(b) != want {
		t.Fatalf("%d bytes, want %d: one full chunk", len(b), want)
	}
	if _, err := Open(bytes.NewReader(b), key, manifest); err != nil {
		t.Error(err)
	}
}

func TestWrongKeyOrManifest(t *testing.T) {
	b := seal(t, set(10))
	if _, err := Open(bytes.NewReader(b), [32]byte{9}, manifest); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another key: error %v, want ErrWrongKey", err)
	}
	if _, err := Open(bytes.NewReader(b), key, []byte("another")); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another manifest: error %v, want ErrWrongKey", err)
	}
}

func TestMangled(t *testing.T) {
	good := seal(t, set(20))
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		if s, err := Open(bytes.NewReader(bad), key, manifest); err == nil || s != nil {
			t.Fatalf("byte %d changed: no error", i)
		}
		if s, err := Open(bytes.NewReader(good[:i]), key, manifest); err == nil || s != nil {
			t.Fatalf("cut to %d bytes: no error", i)
		}
	}
	if _, err := Open(bytes.NewReader(append(bytes.Clone(good), 0)), key, manifest); err == nil {
		t.Error("a byte more: no error")
	}
}

// Chunks must not be dropped, doubled or exchanged.
func TestChunks(t *testing.T) {
	good := seal(t, set(20000))
	head, sealedChunk := len(magic)+saltSize, chunkSize+tagSize
	chunk := func(i int) []byte { return good[head+i*sealedChunk : head+(i+1)*sealedChunk] }
	rest := good[head+2*sealedChunk:]
	for name, parts := range map[string][][]byte{
		"dropped":   {good[:head], chunk(1), rest},
		"doubled":   {good[:head], chunk(0), chunk(0), chunk(1), rest},
		"exchanged": {good[:head], chunk(1), chunk(0), rest},
		"cut off":   {good[:head], chunk(0), chunk(1)},
	} {
		if _, err := Open(bytes.NewReader(bytes.Join(parts, nil)), key, manifest); err == nil {
			t.Errorf("chunks %s: no error", name)
		}
	}
}
