package confirm

import (
	"fmt"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
)

// The plain messages:
//
//	request   1 | version 0 | n | n × ( lane | length | key )
//	response  2 | version 0 | n | n × ( h | h × PDQ )
//
// with h the number of second hashes, or one of the two values below.
const (
	typeRequest  = 1
	typeResponse = 2
	plain        = 0
	headerSize   = 3

	notListed  = 0
	singleHash = 255 // listed, without a second hash
)

// PlainClient is the Client of the plain protocol.
type PlainClient struct{}

// Ask implements Client.
func (PlainClient) Ask(keys []Key) (Question, error) {
	if len(keys) < 1 || len(keys) > MaxKeys {
		return nil, fmt.Errorf("a question holds 1 to %d keys, not %d", MaxKeys, len(keys))
	}
	q := plainQuestion{typeRequest, plain, byte(len(keys))}
	for _, k := range keys {
		var err error
		if q, err = k.append(q); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// A plainQuestion is its own request.
type plainQuestion []byte

func (q plainQuestion) Request() []byte { return q }

func (q plainQuestion) Answers(response []byte) ([]Answer, error) {
	n := int(q[2])
	if len(response) < headerSize || response[0] != typeResponse || response[1] != plain || int(response[2]) != n {
		return nil, fmt.Errorf("%w: the response does not fit the request", ErrMalformed)
	}
	answers, rest := make([]Answer, n), response[headerSize:]
	for i := range answers {
		if len(rest) == 0 {
			return nil, fmt.Errorf("%w: answer %d is missing", ErrMalformed, i)
		}
		status := rest[0]
		rest = rest[1:]
		answers[i].Listed = status != notListed
		if status == notListed || status == singleHash {
			continue
		}
		if status > MaxHashes || len(rest) < int(status)*hashSize {
			return nil, fmt.Errorf("%w: answer %d is %d", ErrMalformed, i, status)
		}
		for range status {
			answers[i].Hashes = append(answers[i].Hashes, phash.PDQ(rest))
			rest = rest[hashSize:]
		}
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes follow the last answer", ErrMalformed, len(rest))
	}
	return answers, nil
}

// NewPlainServer returns the Server of the plain protocol. look finds a key in
// the list; it must be safe for concurrent use and must not keep the key's
// bytes. Hashes beyond MaxHashes are not sent.
func NewPlainServer(look func(Key) Answer) Server { return plainServer(look) }

type plainServer func(Key) Answer

func (look plainServer) Answer(request []byte) ([]byte, error) {
	if len(request) < headerSize || request[0] != typeRequest || request[1] != plain {
		return nil, fmt.Errorf("%w: not a plain request", ErrMalformed)
	}
	n, rest := int(request[2]), request[headerSize:]
	if n < 1 || n > MaxKeys {
		return nil, fmt.Errorf("%w: %d keys, not 1 to %d", ErrMalformed, n, MaxKeys)
	}
	response := []byte{typeResponse, plain, byte(n)}
	for i := range n {
		if len(rest) < 2 || rest[1] < 1 || rest[1] > maxKey || len(rest)-2 < int(rest[1]) {
			return nil, fmt.Errorf("%w: key %d does not fit", ErrMalformed, i)
		}
		end := 2 + int(rest[1])
		switch a := look(Key{snapshot.Lane(rest[0]), rest[2:end]}); {
		case !a.Listed:
			response = append(response, notListed)
		case len(a.Hashes) == 0:
			response = append(response, singleHash)
		default:
			hashes := a.Hashes[:min(len(a.Hashes), MaxHashes)]
			response = append(response, byte(len(hashes)))
			for _, h := range hashes {
				response = append(response, h[:]...)
			}
		}
		rest = rest[end:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes follow the last key", ErrMalformed, len(rest))
	}
	return response, nil
}
