package voprf

import (
	"fmt"

	"github.com/cloudflare/circl/oprf"

	"github.com/preseal/preseal/matcher/confirm"
)

// A Server answers private questions. It is safe for concurrent use, and works
// equally long on all well-formed requests of a size.
type Server struct {
	current confirm.KeyID
	keys    map[confirm.KeyID]oprf.VerifiableServer
}

// NewServer returns a server with the current key, and with older ones while
// clients with older snapshots are to be answered.
func NewServer(current *PrivateKey, older ...*PrivateKey) *Server {
	s := &Server{current.public.ID(), make(map[confirm.KeyID]oprf.VerifiableServer)}
	for _, k := range append(older, current) {
		s.keys[k.public.ID()] = oprf.NewVerifiableServer(suite, k.key)
	}
	return s
}

// Current returns the id of the current key.
func (s *Server) Current() confirm.KeyID { return s.current }

// Has reports whether the server answers questions for a key.
func (s *Server) Has(id confirm.KeyID) bool {
	_, ok := s.keys[id]
	return ok
}

// Answer returns the response to a request, which is always fit to be sent, and
// the status that it has. It keeps nothing.
func (s *Server) Answer(request []byte) (response []byte, status Status) {
	r, err := decodeRequest(request)
	if err != nil {
		return s.Refuse(request, Malformed), Malformed
	}
	key, ok := s.keys[r.id]
	if !ok {
		return s.Refuse(request, UnknownKey), UnknownKey
	}
	response, err = evaluate(key, r)
	if err != nil {
		return s.Refuse(request, Internal), Internal
	}
	return response, OK
}

func evaluate(key oprf.VerifiableServer, r *request) ([]byte, error) {
	e, err := key.Evaluate(&oprf.EvaluationRequest{Elements: r.elements})
	if err != nil {
		return nil, err
	}
	return (&response{r.id, *e}).encode()
}

// Refuse returns a response with a status other than OK, as long as the answer
// would be. The request may be of any kind: one that is not as long as it says
// counts as one with 4 slots.
func (s *Server) Refuse(request []byte, status Status) []byte {
	return refusal(status, max(framed(request), sizes[0]), s.current)
}

// An Evaluator computes outputs without a question, for whoever builds a
// snapshot. It is safe for concurrent use.
type Evaluator struct{ server oprf.VerifiableServer }

// NewEvaluator returns the evaluator with a key.
func NewEvaluator(k *PrivateKey) *Evaluator {
	return &Evaluator{oprf.NewVerifiableServer(suite, k.key)}
}

// Output returns what clients get for a key. It fails for keys that cannot be
// asked for.
func (e *Evaluator) Output(key confirm.Key) (confirm.Output, error) {
	input, err := key.Input()
	if err != nil {
		return confirm.Output{}, err
	}
	return e.output(input)
}

func (e *Evaluator) output(input []byte) (confirm.Output, error) {
	y, err := e.server.FullEvaluate(input)
	if err != nil {
		return confirm.Output{}, fmt.Errorf("evaluate: %w", err)
	}
	return confirm.Output(y), nil
}
