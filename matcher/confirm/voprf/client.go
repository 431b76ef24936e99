package voprf

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cloudflare/circl/oprf"

	"github.com/preseal/preseal/matcher/confirm"
)

// A Client makes private questions out of candidates. It is safe for concurrent
// use if its source of random bytes is.
type Client struct {
	id     confirm.KeyID
	oprf   oprf.VerifiableClient
	random io.Reader
}

// NewClient returns a client for the server with a public key, which comes from
// a signed manifest. All that hides the keys comes from random; outside of tests
// that is crypto/rand's Reader. An error wraps confirm.ErrMalformed: the key is
// no element of the group, or the identity.
func NewClient(public confirm.PublicKey, random io.Reader) (*Client, error) {
	if _, err := decodeElement(public[:]); err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	key := new(oprf.PublicKey)
	if err := key.UnmarshalBinary(suite, public[:]); err != nil {
		return nil, fmt.Errorf("public key: %w: %w", confirm.ErrMalformed, err)
	}
	return &Client{public.ID(), oprf.NewVerifiableClient(suite, key), random}, nil
}

// A Question is one round trip of the private protocol. It holds what unblinds
// the answer and is to be forgotten after it.
type Question struct {
	client  *Client
	request []byte
	blinded *oprf.FinalizeData
	slots   []int // where each key went
}

// Ask prepares a question about 1 to confirm.MaxKeys keys. It has 4, 8 or 16
// slots, the fewest that hold the keys; random inputs fill the others, and the
// order is random. The same keys never give the same bytes twice.
func (c *Client) Ask(keys []confirm.Key) (*Question, error) {
	m := slots(len(keys))
	if m == 0 || len(keys) == 0 {
		return nil, fmt.Errorf("a question holds 1 to %d keys, not %d", confirm.MaxKeys, len(keys))
	}
	order, err := c.shuffled(m)
	if err != nil {
		return nil, err
	}
	inputs := make([][]byte, m)
	for i, slot := range order {
		if i < len(keys) {
			inputs[slot], err = keys[i].Input()
		} else {
			inputs[slot], err = c.bytes(32) // blinded, it looks like any other
		}
		if err != nil {
			return nil, err
		}
	}
	blinds, err := c.blinds(m)
	if err != nil {
		return nil, err
	}
	blinded, request, err := c.blind(inputs, blinds)
	if err != nil {
		return nil, err
	}
	return &Question{c, request, blinded, order[:len(keys)]}, nil
}

// shuffled returns the numbers below m in random order: sorted by as many random
// numbers of 32 bits.
func (c *Client) shuffled(m int) ([]int, error) {
	b, err := c.bytes(4 * m)
	if err != nil {
		return nil, err
	}
	order := make([]int, m)
	for i := range order {
		order[i] = i
	}
	rank := func(i int) uint32 { return binary.BigEndian.Uint32(b[4*i:]) }
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(rank(i), rank(j)) })
	return order, nil
}

func (c *Client) blinds(m int) ([]oprf.Blind, error) {
	blinds := make([]oprf.Blind, m)
	for i := range blinds {
		b, err := c.bytes(64) // twice a scalar's length: none is likelier than others
		if err != nil {
			return nil, err
		}
		blinds[i] = suite.Group().HashToScalar(b, []byte("preseal blind"))
	}
	return blinds, nil
}

// blind makes a request of one input and blind for each slot.
func (c *Client) blind(inputs [][]byte, blinds []oprf.Blind) (*oprf.FinalizeData, []byte, error) {
	blinded, evaluation, err := c.oprf.DeterministicBlind(inputs, blinds)
	if err != nil {
		return nil, nil, fmt.Errorf("blind: %w", err)
	}
	b, err := (&request{c.id, evaluation.Elements}).encode()
	return blinded, b, err
}

func (c *Client) bytes(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(c.random, b); err != nil {
		return nil, fmt.Errorf("random bytes: %w", err)
	}
	return b, nil
}

// Request returns the bytes to send: 140, 268 or 524 of them.
func (q *Question) Request() []byte { return q.request }

// Outputs reads the server's response: one output per key, in the order asked.
// An error is a *Refusal, or wraps confirm.ErrMalformed or ErrBadProof. None of
// them says anything about the keys.
func (q *Question) Outputs(response []byte) ([]confirm.Output, error) {
	r, err := decodeResponse(response, int(q.request[3]), q.client.id)
	if err != nil {
		return nil, err
	}
	all, err := q.client.oprf.Finalize(q.blinded, &r.Evaluation)
	if errors.Is(err, oprf.ErrInvalidProof) {
		return nil, ErrBadProof
	}
	if err != nil {
		return nil, fmt.Errorf("finalize: %w", err)
	}
	outputs := make([]confirm.Output, len(q.slots))
	for i, slot := range q.slots {
		outputs[i] = confirm.Output(all[slot])
	}
	return outputs, nil
}
