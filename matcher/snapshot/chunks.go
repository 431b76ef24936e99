package snapshot

import (
	"encoding/hex"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// ChunkSize is the size of the pieces in which a snapshot file can be downloaded
// and verified, in bytes. The last one may be smaller.
const ChunkSize = 1 << 20

// MakeChunks returns the file beside a snapshot that holds the hash of each of
// its chunks: the leaves of a Merkle tree (RFC 6962), the hash of which is in the manifest.
func MakeChunks(file []byte) []byte {
	var out []byte
	for len(file) > 0 {
		n := min(len(file), ChunkSize)
		leaf := tlog.RecordHash(file[:n])
		out, file = append(out, leaf[:]...), file[n:]
	}
	return out
}

// OpenChunks verifies the content of the file that ChunksName names, and returns the
// hash of each chunk: SHA-256 of a zero byte and the chunk. Failed checks are *Error.
func (m *Manifest) OpenChunks(b []byte) ([][32]byte, error) {
	if want := (m.Size + ChunkSize - 1) / ChunkSize * tlog.HashSize; int64(len(b)) != want {
		return nil, failed(Corrupt, "the hashes of the chunks have %d bytes, not %d", len(b), want)
	}
	if treeHash(b) != m.Tree {
		return nil, failed(Corrupt, "the hashes of the chunks are not those that were signed")
	}
	var out [][32]byte
	for leaf := range slices.Chunk(b, tlog.HashSize) {
		out = append(out, [32]byte(leaf))
	}
	return out, nil
}

// ChunksName returns the name of the file of the chunks' hashes.
func (m *Manifest) ChunksName() string { return hex.EncodeToString(m.Hash[:]) + ".chunks" }

// treeHash is the Merkle tree hash of RFC 6962, section 2.1, of one leaf or more.
func treeHash(leaves []byte) [32]byte {
	n := len(leaves) / tlog.HashSize
	if n == 1 {
		return [32]byte(leaves)
	}
	half := 1 << (bits.Len(uint(n-1)) - 1) * tlog.HashSize
	return tlog.NodeHash(treeHash(leaves[:half]), treeHash(leaves[half:]))
}
