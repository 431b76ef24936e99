package client

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
)

const (
	// jitter is how long a question waits at most before it is asked again: a server that comes back is not to hear from
	// everybody at once.
	jitter = time.Second
	// longestWait is the longest wait that a server can ask for. A file is not held back longer.
	longestWait = 10 * time.Second
)

// A Confirmer asks a confirmation server. It asks once more where the connection failed, no answer came, or the server was
// busy.
type Confirmer struct {
	base    *url.URL
	timeout time.Duration
	jitter  time.Duration
	sent    atomic.Int64 // requests
}

// NewConfirmer returns a Confirmer for a server's address.
func NewConfirmer(where string, timeout time.Duration) (*Confirmer, error) {
	base, ok := Base(where, "v1/")
	if !ok {
		return nil, fmt.Errorf("%q is not an http or https address", where)
	}
	return &Confirmer{base: base, timeout: timeout, jitter: jitter}, nil
}

// Ask makes one round trip of the plain protocol.
func (c *Confirmer) Ask(ctx context.Context, q confirm.Question) ([]confirm.Answer, error) {
	b, err := c.post(ctx, "plain", q.Request(), confirm.MaxResponse)
	if err != nil {
		return nil, err
	}
	answers, err := q.Answers(b)
	if err != nil {
		return nil, &Error{BadAnswer, err}
	}
	return answers, nil
}

// Evaluate makes one round trip of the private protocol.
func (c *Confirmer) Evaluate(ctx context.Context, q *voprf.Question) ([]confirm.Output, error) {
	b, err := c.post(ctx, "evaluate", q.Request(), voprf.MaxResponse)
	if err != nil {
		return nil, err
	}
	outputs, err := q.Outputs(b)
	if err != nil {
		return nil, &Error{reasonOf(err), err}
	}
	return outputs, nil
}

// reasonOf tells the errors of voprf.Question.Outputs apart.
func reasonOf(err error) string {
	var refusal *voprf.Refusal
	switch {
	case errors.Is(err, voprf.ErrBadProof):
		return BadProof
	case !errors.As(err, &refusal):
		return BadAnswer
	case refusal.Status == voprf.UnknownKey:
		return UnknownKey
	case refusal.Status == voprf.Busy:
		return Busy
	}
	return Server
}

// Bucket fetches the entries of a bucket. The request names the bucket and nothing else.
func (c *Confirmer) Bucket(ctx context.Context, id confirm.KeyID, name string) ([]byte, error) {
	return c.again(ctx, func() ([]byte, error) {
		return exchange(ctx, c.timeout, voprf.MaxBucket+1, func(ctx context.Context) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath("entries", hex.EncodeToString(id[:]), name).String(), nil)
		})
	})
}

// post sends a question and returns the response, a byte more than allowed at most.
func (c *Confirmer) post(ctx context.Context, name string, request []byte, limit int64) ([]byte, error) {
	return c.again(ctx, func() ([]byte, error) {
		return exchange(ctx, c.timeout, limit+1, func(ctx context.Context) (*http.Request, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath(name).String(), bytes.NewReader(request))
			if err == nil {
				r.Header.Set("Content-Type", confirm.ContentType)
			}
			return r, err
		})
	})
}

// again makes a request, and a second time where that is of use.
func (c *Confirmer) again(ctx context.Context, request func() ([]byte, error)) ([]byte, error) {
	c.sent.Add(1)
	b, err := request()
	var wait *waitError
	switch {
	case err == nil || ctx.Err() != nil:
		return b, err
	case errors.As(err, &wait):
		if wait.after > longestWait {
			return nil, err
		}
	case Reason(err) != Network && Reason(err) != Timeout:
		return nil, err
	}
	pause := time.Duration(rand.Int64N(int64(c.jitter)))
	if wait != nil {
		pause += wait.after
	}
	select {
	case <-time.After(pause):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.sent.Add(1)
	return request()
}

// Sent returns how many requests were made.
func (c *Confirmer) Sent() int { return int(c.sent.Load()) }
