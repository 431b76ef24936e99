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
	key  = [32]byte{1, 2, 3}
	mark = snapshot.Mark{Version: 1, Hash: [32]byte{4, 5, 6}}
)

func set(n int) *list.Set {
	s := new(list.Set)
	for i := range n {
		k := binary.BigEndian.AppendUint64(nil, uint64(i)*0x9e3779b97f4a7c15)
		s.Add(snapshot.PHash, k)
		s.Add(snapshot.SHA256, bytes.Repeat(k, 4))
		s.Add(snapshot.PDQ, bytes.Repeat(k, 4))
		if i%3 > 0 {
			s.AddPair(bytes.Repeat(k, 5))
		}
	}
	s.Sort()
	return s
}

func seal(t testing.TB, s *list.Set) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Seal(&b, s, key, mark); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000, 1001, 20000} {
		want := set(n)
		got, err := Open(bytes.NewReader(seal(t, want)), key, mark)
		if err != nil {
			t.Fatalf("%d entries: %v", n, err)
		}
		for _, lane := range list.Lanes {
			if !bytes.Equal(got.Flat(lane), want.Flat(lane)) {
				t.Errorf("%d entries: lane %s differs", n, lane)
			}
		}
		if !bytes.Equal(got.Pairs(), want.Pairs()) {
			t.Errorf("%d entries: the pairs differ", n)
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
	if _, err := Open(bytes.NewReader(b), key, mark); err != nil {
		t.Error(err)
	}
}

func TestWrongKeyOrManifest(t *testing.T) {
	b := seal(t, set(10))
	if _, err := Open(bytes.NewReader(b), [32]byte{9}, mark); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another key: error %v, want ErrWrongKey", err)
	}
	if _, err := Open(bytes.NewReader(b), key, snapshot.Mark{Version: 1}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another manifest: error %v, want ErrWrongKey", err)
	}
}

func TestMangled(t *testing.T) {
	good := seal(t, set(20))
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		if s, err := Open(bytes.NewReader(bad), key, mark); err == nil || s != nil {
			t.Fatalf("byte %d changed: no error", i)
		}
		if s, err := Open(bytes.NewReader(good[:i]), key, mark); err == nil || s != nil {
			t.Fatalf("cut to %d bytes: no error", i)
		}
	}
	if _, err := Open(bytes.NewReader(append(bytes.Clone(good), 0)), key, mark); err == nil {
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
		if _, err := Open(bytes.NewReader(bytes.Join(parts, nil)), key, mark); err == nil {
			t.Errorf("chunks %s: no error", name)
		}
	}
}

// sealRaw seals any plaintext: only the holder of the key can, but even that one may err.
func sealRaw(t testing.TB, plain []byte) []byte {
	t.Helper()
	header := make([]byte, len(magic)+saltSize)
	copy(header, magic)
	aead, err := newAEAD(key, header[len(magic):], mark)
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.NewBuffer(header)
	c := &chunks{w: b, aead: aead}
	if _, err := c.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := c.flush(1); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func block(lane snapshot.Lane, kind uint16, count uint64, rows ...[]byte) []byte {
	h := binary.BigEndian.AppendUint16(nil, uint16(lane))
	h = binary.BigEndian.AppendUint16(h, kind)
	h = binary.BigEndian.AppendUint64(append(h, 0, 0, 0, 0), count)
	return append(h, bytes.Join(rows, nil)...)
}

func TestBlocks(t *testing.T) {
	one, two := bytes.Repeat([]byte{1}, 40), bytes.Repeat([]byte{2}, 40)
	for name, plain := range map[string][]byte{
		"unknown lane":      block(9, hashes, 0),
		"md5":               block(snapshot.MD5, hashes, 0),
		"unknown kind":      block(snapshot.PHash, 2, 0),
		"pairs of digests":  block(snapshot.SHA256, pairs, 0),
		"lane twice":        append(block(snapshot.PDQ, hashes, 1, one[:32]), block(snapshot.PDQ, hashes, 1, two[:32])...),
		"lanes exchanged":   append(block(snapshot.PDQ, hashes, 1, one[:32]), block(snapshot.PHash, hashes, 1, one[:8])...),
		"pairs first":       append(block(snapshot.PHash, pairs, 1, one), block(snapshot.PHash, hashes, 1, one[:8])...),
		"pair not listed":   append(block(snapshot.PHash, hashes, 1, one[:8]), block(snapshot.PHash, pairs, 1, two)...),
		"order":             block(snapshot.PDQ, hashes, 2, two[:32], one[:32]),
		"twice":             block(snapshot.PDQ, hashes, 2, one[:32], one[:32]),
		"too many promised": block(snapshot.PDQ, hashes, 1<<63, one[:32]),
		"half a header":     block(snapshot.PDQ, hashes, 0)[:9],
	} {
		if s, err := Open(bytes.NewReader(sealRaw(t, plain)), key, mark); err == nil || s != nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzOpen(f *testing.F) {
	one := bytes.Repeat([]byte{1}, 40)
	f.Add(append(block(snapshot.PHash, hashes, 1, one[:8]), block(snapshot.PHash, pairs, 1, one)...))
	f.Add(block(snapshot.PDQ, hashes, 1, one[:32]))
	f.Fuzz(func(t *testing.T, plain []byte) {
		s, err := Open(bytes.NewReader(sealRaw(t, plain)), key, mark)
		if err != nil {
			return
		}
		rows := 0
		for _, lane := range list.Lanes {
			rows += len(s.Flat(lane))
		}
		if rows+len(s.Pairs()) > len(plain) {
			t.Error("more came out than went in")
		}
	})
}
