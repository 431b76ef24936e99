package confirm

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
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

// Value returns the first bits of an output, 1 to 64, as a number. A snapshot
// holds values of log2(entries) + 24 bits.
func (o *Output) Value(bits int) uint64 { return binary.BigEndian.Uint64(o[:]) >> (64 - bits) }

// Bucket returns the name of the bucket that holds the entries with this key:
// the first bits of the output, 1 to 64, as ⌈bits/4⌉ hexadecimal digits.
func (o *Output) Bucket(bits int) string {
	return fmt.Sprintf("%0*x", (bits+3)/4, o.Value(bits))
}

// Format keeps the output out of logs: every verb prints its type.
func (o Output) Format(f fmt.State, _ rune) { fmt.Fprint(f, "confirm.Output") }
