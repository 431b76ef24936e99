// Package voprf is the private confirmation: the verifiable oblivious
// pseudorandom function of RFC 9497 (ristretto255-SHA512), its two messages,
// and the entries that its outputs open. ../PROTOCOL.md specifies the bytes.
//
//	client, keys k1 … kn                    server, secret s, public key s·G
//
//	input i of each key, random ones up to m
//	b = r·H(i) for a random r each
//	            ── type │ version │ suite │ m │ key id │ m × b ──►
//	                                        e = s·b, and a proof that all
//	                                        e were made with the same s as s·G
//	            ◄── type │ version │ status │ m │ key id │ m × e │ proof ──
//	verify the proof
//	output = hash(i, (1/r)·e)
//
// The b are uniformly random whatever the keys are: the server learns that
// somebody asked, and m. The client learns one output for each b and nothing
// about others. The arithmetic is github.com/cloudflare/circl's.
package voprf

import (
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/oprf"

	"github.com/preseal/preseal/matcher/confirm"
)

// suite is the only one there is so far. Everything is evaluated in the
// verifiable mode: its context string goes into the hash to the group, so that
// outputs of the base mode are others.
var suite = oprf.SuiteRistretto255

// keyInfo separates the confirmation's keys from others made of the same seed.
const keyInfo = "preseal confirmation 1"

// A PrivateKey is a confirmation server's secret. It prints as its type.
type PrivateKey struct {
	key    *oprf.PrivateKey
	public confirm.PublicKey
}

// DeriveKey makes a private key of 32 random bytes: DeriveKeyPair of RFC 9497
// in the verifiable mode, with the info "preseal confirmation 1".
func DeriveKey(seed [32]byte) (*PrivateKey, error) {
	key, err := oprf.DeriveKey(suite, oprf.VerifiableMode, seed[:], []byte(keyInfo))
	if err != nil {
		return nil, fmt.Errorf("derive the confirmation's key: %w", err)
	}
	return newPrivateKey(key)
}

// newPrivateKey computes the public key at once: circl would on first use,
// which is no good for several goroutines.
func newPrivateKey(key *oprf.PrivateKey) (*PrivateKey, error) {
	public, err := key.Public().MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode the public key: %w", err)
	}
	return &PrivateKey{key, confirm.PublicKey(public)}, nil
}

// Public returns the key that clients verify answers with.
func (k *PrivateKey) Public() confirm.PublicKey { return k.public }

// Format keeps the secret out of logs: every verb prints its type.
func (k PrivateKey) Format(f fmt.State, _ rune) { io.WriteString(f, "voprf.PrivateKey") }

// A Status is what a response says besides its elements.
type Status byte

// The statuses. All but OK come without elements.
const (
	OK         Status = 0
	UnknownKey Status = 1 // the question was blinded for a key that the server does not have: newer or older
	Malformed  Status = 2 // the request is not what the protocol asks for
	Busy       Status = 3 // too many questions, by this client or by all
	Internal   Status = 4 // the server failed
)

var statusNames = [...]string{"ok", "unknown-key", "malformed", "busy", "internal"}

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status(%d)", byte(s))
}

// A Refusal is the error of a response that is well formed and no answer.
type Refusal struct {
	Status Status
	// KeyID names the server's current key.
	KeyID confirm.KeyID
}

func (r *Refusal) Error() string { return "the server refused the question: " + r.Status.String() }

// ErrBadProof says that the server did not evaluate the question with the
// secret behind its public key: it is broken, or singles somebody out.
var ErrBadProof = errors.New("the proof does not hold")
