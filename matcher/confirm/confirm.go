// Package confirm asks a server whether candidates are really listed. It turns
// keys into a request and a response into answers; carrying the bytes is the
// caller's. PROTOCOL.md beside this file specifies the messages.
//
// There are two protocols. With the private one, package voprf below this
// folder, the server learns nothing about the keys, and the client an Output
// for each of them, with which it looks up the snapshot and opens the entries:
//
//	client                                          server
//	keys ─ blind ─► request     m elements ───────► evaluate with its secret,
//	                                                prove that it did
//	outputs ◄─ verify, unblind ◄─ m elements, proof ─┘
//
// It needs arithmetic that the engine is not to carry, which is why it has a
// package of its own. The plain one shows the server the keys. It is for
// development and for lists that are public.
package confirm

import (
	"errors"
	"fmt"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
)

const (
	// MaxKeys is the most candidates that one question holds.
	MaxKeys = 16
	// MaxHashes is the most second hashes in one answer: entries can share a key.
	MaxHashes = 254
	// MaxRequest and MaxResponse bound the messages, in bytes.
	MaxRequest  = headerSize + MaxKeys*(2+maxKey)
	MaxResponse = headerSize + MaxKeys*(1+MaxHashes*hashSize)
	// ContentType is the media type of requests and responses.
	ContentType = "application/vnd.preseal.confirm"

	maxKey   = 32
	hashSize = 32 // of a PDQ
)

// A Key is a candidate: a key that hit the filter of a lane.
type Key struct {
	Lane  snapshot.Lane // 255 at most
	Bytes []byte        // 1 to 32 of them
}

// append adds lane | length | bytes to b, as both protocols have it.
func (k Key) append(b []byte) ([]byte, error) {
	if k.Lane > 255 || len(k.Bytes) < 1 || len(k.Bytes) > maxKey {
		return nil, fmt.Errorf("a key of %d bytes in lane %s cannot be asked for", len(k.Bytes), k.Lane)
	}
	return append(append(b, byte(k.Lane), byte(len(k.Bytes))), k.Bytes...), nil
}

// An Answer is what the server says of one key.
type Answer struct {
	Listed bool
	// Hashes are the PDQ hashes of the listed entries with this key, MaxHashes at
	// most. There are none for digests, and none if the list has none.
	Hashes []phash.PDQ
}

// A Client makes questions out of candidates.
type Client interface {
	// Ask prepares a question about 1 to MaxKeys keys.
	Ask(keys []Key) (Question, error)
}

// A Question is one round trip.
type Question interface {
	// Request returns the bytes to send.
	Request() []byte
	// Answers reads the server's response: one answer per key, in order. A
	// response that is not exactly what the protocol asks for is an error.
	Answers(response []byte) ([]Answer, error)
}

// A Server answers questions. It is safe for concurrent use.
type Server interface {
	// Answer returns the response to a request, or an error wrapping
	// ErrMalformed that says what is wrong with the request.
	Answer(request []byte) (response []byte, err error)
}

// ErrMalformed is wrapped by all errors that are the other side's fault.
var ErrMalformed = errors.New("malformed message")

// ErrTooMany says that a key has MaxHashes listed entries or more: there may be
// some that the answer leaves out.
var ErrTooMany = errors.New("more listed entries than an answer holds")
