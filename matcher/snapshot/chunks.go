package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"math/bits"
	"slices"
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
		out, file = hashed(out, 0, file[:n]), file[n:]
	}
	return out
}

// OpenChunks verifies the content of the file that ChunksName names, and returns the
// hash of each chunk: SHA-256 of a zero byte and the chunk. Failed checks are *Error.
func (m *Manifest) OpenChunks(b []byte) ([][32]byte, error) {
	if want := (m.Size + ChunkSize - 1) / ChunkSize * sha256.Size; int64(len(b)) != want {
		return nil, failed(Corrupt, "the hashes of the chunks have %d bytes, not %d", len(b), want)
	}
	if treeHash(b) != m.Tree {
		return nil, failed(Corrupt, "the hashes of the chunks are not those that were signed")
	}
	var out [][32]byte
	for leaf := range slices.Chunk(b, sha256.Size) {
		out = append(out, [32]byte(leaf))
	}
	return out, nil
}

// ChunksName returns the name of the file of the chunks' hashes.
func (m *Manifest) ChunksName() string { return hex.EncodeToString(m.Hash[:]) + ".chunks" }

// treeHash is the Merkle tree hash of RFC 6962, section 2.1, of one leaf or more.
func treeHash(leaves []byte) [32]byte {
	n := len(leaves) / sha256.Size
	if n == 1 {
		return [32]byte(leaves)
	}
	half := 1 << (bits.Len(uint(n-1)) - 1) * sha256.Size
	left, right := treeHash(leaves[:half]), treeHash(leaves[half:])
	return [32]byte(hashed(nil, 1, left[:], right[:]))
}

// hashed appends the hash of a leaf (0) or node (1) of the tree to out.
func hashed(out []byte, kind byte, parts ...[]byte) []byte {
	h := sha256.New()
	h.Write([]byte{kind})
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(out)
}
