package voprf

import (
	"bytes"
	"fmt"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"
	"github.com/cloudflare/circl/zk/dleq"

	"github.com/preseal/preseal/matcher/confirm"
)

// The messages:
//
//	request   1 | version 1 | suite 1 | m | key id 8 | m × element 32
//	response  2 | version 1 | status  | m | key id 8 | m × element 32 | proof 64
//
// A response that is no answer has zeros for elements and proof, so that its
// length tells nothing.
const (
	typeRequest  = 1
	typeResponse = 2
	version      = 1
	suiteID      = 1 // ristretto255-SHA512

	headerSize  = 12
	elementSize = 32
	proofSize   = 64

	// MaxRequest and MaxResponse are the lengths in bytes of the messages with 16
	// slots.
	MaxRequest  = headerSize + confirm.MaxKeys*elementSize
	MaxResponse = MaxRequest + proofSize
)

// sizes are the numbers of slots that a question can have.
var sizes = [...]int{4, 8, confirm.MaxKeys}

// slots returns the smallest size that holds n keys, 0 if none does.
func slots(n int) int {
	for _, m := range sizes {
		if n <= m {
			return m
		}
	}
	return 0
}

func requestSize(m int) int  { return headerSize + m*elementSize }
func responseSize(m int) int { return requestSize(m) + proofSize }

// A request is a decoded question.
type request struct {
	id       confirm.KeyID
	elements []oprf.Blinded
}

func (r *request) encode() ([]byte, error) {
	m := len(r.elements)
	b := append(make([]byte, 0, requestSize(m)), typeRequest, version, suiteID, byte(m))
	return appendElements(append(b, r.id[:]...), r.elements)
}

// decodeRequest rejects whatever encode does not make.
func decodeRequest(b []byte) (*request, error) {
	m := framed(b)
	switch {
	case m == 0:
		return nil, fmt.Errorf("%w: %d bytes are no request", confirm.ErrMalformed, len(b))
	case b[0] != typeRequest || b[1] != version || b[2] != suiteID:
		return nil, fmt.Errorf("%w: type %d, version %d, suite %d", confirm.ErrMalformed, b[0], b[1], b[2])
	}
	elements, err := decodeElements(b[headerSize:], m)
	if err != nil {
		return nil, err
	}
	return &request{confirm.KeyID(b[headerSize-8:]), elements}, nil
}

// framed returns m if b has the length of a request with as many slots as it
// says, else 0.
func framed(b []byte) int {
	if len(b) < headerSize {
		return 0
	}
	if m := int(b[3]); m > 0 && slots(m) == m && len(b) == requestSize(m) {
		return m
	}
	return 0
}

// A response is a decoded answer.
type response struct {
	id confirm.KeyID
	oprf.Evaluation
}

func (r *response) encode() ([]byte, error) {
	proof, err := r.Proof.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode proof: %w", err)
	}
	b, err := appendElements(responseHeader(OK, len(r.Elements), r.id), r.Elements)
	return append(b, proof...), err
}

// refusal is the response without an answer.
func refusal(status Status, m int, id confirm.KeyID) []byte {
	return responseHeader(status, m, id)[:responseSize(m)]
}

func responseHeader(status Status, m int, id confirm.KeyID) []byte {
	b := append(make([]byte, 0, responseSize(m)), typeResponse, version, byte(status), byte(m))
	return append(b, id[:]...)
}

// decodeResponse reads the response to a request with m slots for the key id.
// A well-formed refusal is a *Refusal.
func decodeResponse(b []byte, m int, asked confirm.KeyID) (*response, error) {
	if len(b) != responseSize(m) || b[0] != typeResponse || b[1] != version || int(b[3]) != m {
		return nil, fmt.Errorf("%w: the response does not fit the request", confirm.ErrMalformed)
	}
	status, id, rest := Status(b[2]), confirm.KeyID(b[headerSize-8:]), b[headerSize:]
	switch {
	case int(status) >= len(statusNames):
		return nil, fmt.Errorf("%w: %s", confirm.ErrMalformed, status)
	case status == OK && id != asked, status == UnknownKey && id == asked:
		return nil, fmt.Errorf("%w: %s for the key %x", confirm.ErrMalformed, status, id)
	case status != OK && !bytes.Equal(rest, make([]byte, len(rest))):
		return nil, fmt.Errorf("%w: %s with elements", confirm.ErrMalformed, status)
	case status != OK:
		return nil, &Refusal{status, id}
	}
	evaluation, err := decodeEvaluation(rest, m)
	if err != nil {
		return nil, err
	}
	return &response{id, evaluation}, nil
}

// decodeEvaluation reads m elements and a proof of b, which is as long as they.
func decodeEvaluation(b []byte, m int) (oprf.Evaluation, error) {
	elements, err := decodeElements(b, m)
	if err != nil {
		return oprf.Evaluation{}, err
	}
	proof := new(dleq.Proof)
	if err := proof.UnmarshalBinary(suite.Group(), b[m*elementSize:]); err != nil {
		return oprf.Evaluation{}, fmt.Errorf("%w: proof: %w", confirm.ErrMalformed, err)
	}
	return oprf.Evaluation{Elements: elements, Proof: proof}, nil
}

func appendElements(b []byte, elements []group.Element) ([]byte, error) {
	for i, e := range elements {
		encoded, err := e.MarshalBinaryCompress()
		if err != nil {
			return nil, fmt.Errorf("encode element %d: %w", i, err)
		}
		b = append(b, encoded...)
	}
	return b, nil
}

// decodeElements reads the first m elements of b, which is long enough.
func decodeElements(b []byte, m int) ([]group.Element, error) {
	elements := make([]group.Element, m)
	for i := range elements {
		var err error
		if elements[i], err = decodeElement(b[i*elementSize:][:elementSize]); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return elements, nil
}

// decodeElement rejects encodings that are not canonical (RFC 9496, 4.3.1), as
// circl does, and the identity, which RFC 9497 leaves to its callers.
func decodeElement(b []byte) (group.Element, error) {
	e := suite.Group().NewElement()
	if err := e.UnmarshalBinary(b); err != nil {
		return nil, fmt.Errorf("%w: not an element of the group", confirm.ErrMalformed)
	}
	if e.IsIdentity() {
		return nil, fmt.Errorf("%w: the identity", confirm.ErrMalformed)
	}
	return e, nil
}
