package client

import (
	"context"
	"errors"
	"time"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/tools/internal/picture"
)

// The kinds of a Verdict.
const (
	Clear       = "clear"       // no candidate; nothing was sent
	Cleared     = "cleared"     // a candidate, and the server said that it is not listed
	Match       = "match"       // a candidate, and the server said that it is listed
	Unsupported = "unsupported" // its digest is not listed, and it cannot be hashed
	Unavailable = "unavailable" // no valid snapshot, or a candidate that could not be confirmed
)

// Reasons of a Verdict besides those of package media, of Error and of snapshot.Error.
const (
	Featureless    = "featureless"     // unsupported: too little structure to be hashed
	NoConfirmation = "no-confirmation" // unavailable: a candidate and no server to ask
	Overflow       = "overflow"        // unavailable: more candidates than may be asked about
)

// A Verdict is the answer about one file.
type Verdict struct {
	File       string `json:"file"`
	Kind       string `json:"kind"`
	Reason     string `json:"reason"`     // why it is unsupported or unavailable, else ""
	Lane       string `json:"lane"`       // of the match, or of the first candidate, else ""
	Candidates int    `json:"candidates"` // probes that hit
	Probes     int    `json:"probes"`     // probes made
	Distance   *int   `json:"distance"`   // bits flipped in the match or first candidate, null without one
	Requests   int    `json:"requests"`   // questions sent
	Detail     error  `json:"-"`          // what went wrong, if Reason is not ""
}

// A Checker checks files against a snapshot. Confirmer may be nil.
type Checker struct {
	Matcher   *matcher.Matcher
	Confirmer *Confirmer
}

// Check returns the verdict about a picture or other file. The error is that of ctx.
func (c *Checker) Check(ctx context.Context, p *picture.Picture, now time.Time) (Verdict, error) {
	v := Verdict{}
	f, err := c.Matcher.Check(matcher.Query{SHA256: p.SHA256, Pictures: p.Planes}, now)
	if err != nil {
		return Failed(err), nil
	}
	v.Candidates, v.Probes = len(f.Candidates), f.Probes
	reason, detail := p.Reason, p.Detail
	if reason == "" && f.Featureless {
		reason, detail = Featureless, errors.New("the picture has too little structure to be told from others")
	}
	v.Kind = Clear
	if !f.Clear() {
		v.point(f.Candidates[0])
		listed, err := c.confirm(ctx, f, &v)
		switch {
		case ctx.Err() != nil:
			return Verdict{}, ctx.Err()
		case err != nil:
			v.Kind, v.Reason, v.Detail = Unavailable, Reason(err), err
			if errors.Is(err, errNoConfirmation) {
				v.Reason = NoConfirmation
			}
			return v, nil
		case listed >= 0:
			v.point(f.Candidates[listed])
			v.Kind = Match
			return v, nil
		case f.Overflow:
			v.Kind, v.Reason, v.Detail = Unavailable, Overflow, errors.New("more candidates than can be asked about")
			return v, nil
		}
		v.Kind = Cleared
	}
	if reason != "" {
		v.Kind, v.Reason, v.Detail = Unsupported, reason, detail
	}
	return v, nil
}

// Failed returns the verdict about any file when there is no usable snapshot.
func Failed(err error) Verdict {
	return Verdict{Kind: Unavailable, Reason: Reason(err), Detail: err}
}

func (v *Verdict) point(c matcher.Candidate) { v.Lane, v.Distance = c.Lane.String(), &c.Distance }

var errNoConfirmation = errors.New("a candidate, and no confirmation server to ask")

// confirm returns which candidate is listed, -1 if none is.
func (c *Checker) confirm(ctx context.Context, f matcher.Finding, v *Verdict) (int, error) {
	if c.Confirmer == nil {
		return -1, errNoConfirmation
	}
	q, err := f.Question(confirm.PlainClient{})
	if err != nil {
		return -1, &Error{BadAnswer, err}
	}
	v.Requests++
	answers, err := c.Confirmer.Ask(ctx, q)
	if err != nil {
		return -1, err
	}
	for i, a := range answers {
		if a.Listed {
			return i, nil
		}
	}
	return -1, nil
}
