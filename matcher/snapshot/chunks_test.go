package snapshot

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func TestChunks(t *testing.T) {
	data := make([]byte, 9*ChunkSize+1)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	for _, size := range []int{1, ChunkSize - 1, ChunkSize, ChunkSize + 1, 2 * ChunkSize, 5 * ChunkSize, 7*ChunkSize + 5, len(data)} {
		file := data[:size]
		leaves := MakeChunks(file)
		m := &Manifest{Size: int64(size), Tree: treeHash(leaves)}
		hashes, err := m.OpenChunks(leaves)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		for i, got := range hashes {
			chunk := file[i*ChunkSize : min((i+1)*ChunkSize, size)]
			if want := sha256.Sum256(append([]byte{0}, chunk...)); got != want {
				t.Errorf("%d bytes: chunk %d is %x, want %x", size, i, got, want)
			}
		}
		if want := logHash(t, file); m.Tree != want {
			t.Errorf("%d bytes: tree %x, a transparency log has %x", size, m.Tree, want)
		}
		for i := range leaves {
			bad := bytes.Clone(leaves)
			bad[i] ^= 1
			if _, err := m.OpenChunks(bad); code(err) != Corrupt {
				t.Fatalf("%d bytes: byte %d of the leaves: %v", size, i, err)
			}
			if _, err := m.OpenChunks(leaves[:i]); code(err) != Corrupt {
				t.Fatalf("%d bytes: leaves cut at %d: %v", size, i, err)
			}
		}
		if _, err := m.OpenChunks(append(leaves, leaves...)); code(err) != Corrupt {
			t.Errorf("%d bytes: leaves twice: %v", size, err)
		}
	}
}

// logHash is the hash of a transparency log whose records are the chunks.
func logHash(t *testing.T, file []byte) tlog.Hash {
	t.Helper()
	var stored []tlog.Hash
	n := int64(0)
	reader := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, err error) {
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for ; len(file) > 0; n++ {
		size := min(len(file), ChunkSize)
		hashes, err := tlog.StoredHashes(n, file[:size], reader)
		if err != nil {
			t.Fatal(err)
		}
		stored, file = append(stored, hashes...), file[size:]
	}
	hash, err := tlog.TreeHash(n, reader)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}
