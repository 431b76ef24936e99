package confirm

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// A PublicKey is a server's public key of the private protocol: an encoded
// element of ristretto255, which voprf.NewClient checks.
type PublicKey [32]byte

// A KeyID names a public key in messages and in the names of files.
type KeyID [8]byte

// ID returns the first 8 bytes of SHA-256("preseal oprf key\n" key).
func (p PublicKey) ID() KeyID {
	sum := sha256.Sum256(append([]byte("preseal oprf key\n"), p[:]...))
	return KeyID(sum[:])
}

// inputVersion is the first byte of what the server's function is applied to.
const inputVersion = 1

// Input returns what the server's function is applied to, blinded:
//
//	version 1 | lane | length | key
//
// It fails for keys that cannot be asked for.
func (k Key) Input() ([]byte, error) { return k.append([]byte{inputVersion}) }

// An Output is what the server's function makes of a key. Without the server,
// nobody can tell it from random bytes. It is secret: it opens the entries with
// the key.
type Output [64]byte

// Value returns the first bits of an output, 0 to 64, as a number. A snapshot
// holds values of log2(entries) + 24 bits.
func (o *Output) Value(bits int) uint64 { return binary.BigEndian.Uint64(o[:]) >> (64 - bits) }

// Bucket returns the name of the bucket that holds the entries with this key,
// given BucketBits: so many first bits of the output, see BucketName.
func (o *Output) Bucket(bits int) string { return BucketName(o.Value(bits), bits) }

// BucketName returns the name of the bucket with a number below 2^bits: ⌈bits/4⌉
// lower-case hexadecimal digits, "0" for the only one of no bits.
func BucketName(number uint64, bits int) string { return fmt.Sprintf("%0*x", (bits+3)/4, number) }

// bucketKeys is how many keys share a bucket at most, on average, as long as a
// list has no more than the outputs' capacity.
const bucketKeys = 512

// BucketBits returns how many bits of an output name its bucket, 0 to 55, given
// the capacity of the snapshot's outputs: the fewest with which 512 keys or fewer
// share a bucket on average. Whoever serves it learns that a client looked for
// one of these: of more than 256, once the capacity is reached.
func BucketBits(capacity uint64) int { return bits.Len64((max(capacity, 1) - 1) / bucketKeys) }

// Format keeps the output out of logs: every verb prints its type.
func (o Output) Format(f fmt.State, _ rune) { fmt.Fprint(f, "confirm.Output") }
