package zstd

import (
	"bytes"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func pack(t testing.TB, filter []byte, options ...zstd.EOption) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.EncodeAll(filter, nil)
}

func TestRoundTrip(t *testing.T) {
	for _, size := range []int{24 + 8<<10, 100_001, 3 << 20} {
		filter := bytes.Repeat([]byte("0123456"), size/7+1)[:size]
		stream, err := Compress(filter)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decompress(stream, size); err != nil || !bytes.Equal(got, filter) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
	}
}

func TestDecompressRefuses(t *testing.T) {
	filter := make([]byte, 9<<20)
	good := pack(t, filter)
	for _, c := range []struct {
		name   string
		stream []byte
		size   int
	}{
		{"nothing", nil, 1},
		{"another format", filter[:100], 100},
		{"a cut frame", good[:len(good)-1], len(filter)},
		{"a byte fewer", good, len(filter) + 1},
		{"a byte more", good, len(filter) - 1},
		{"much more", good, 1},
		{"two frames", bytes.Repeat(good, 2), len(filter)},
		{"a large window", pack(t, filter, zstd.WithWindowSize(16<<20), zstd.WithSingleSegment(false)), len(filter)},
		{"a size below zero", good, -1},
		{"a size above the most", good, MaxSize + 1},
	} {
		if got, err := Decompress(c.stream, c.size); err == nil {
			t.Errorf("%s: got %d bytes, want an error", c.name, len(got))
		}
	}
}

func FuzzDecompress(f *testing.F) {
	f.Add(pack(f, []byte("filter")), 6)
	f.Add(pack(f, make([]byte, 1000)), 1000)
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd}, 0)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		size = min(size, 1<<20)
		if got, err := Decompress(stream, size); err == nil && len(got) != size {
			t.Errorf("got %d bytes, want %d", len(got), size)
		}
	})
}
