package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/picture"
)

// The kinds of a Verdict.
const (
	Clear       = "clear"       // no candidate; nothing was sent
	Cleared     = "cleared"     // a candidate, of an older snapshot perhaps; it is not listed or listed for another picture
	Match       = "match"       // a candidate that is listed, and its second hash is near
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
	Requests   int    `json:"requests"`   // sent: questions, and buckets of entries
	Label      string `json:"label"`      // of the entry that is the match, "" if it has none

	// Of the same candidate, null without one: the number at which it hit, the part of the picture and the orientation.
	Probe       *int `json:"probe"`
	Window      *int `json:"window"`
	Orientation *int `json:"orientation"`
	// SecondHash is how many bits lie between the picture's PDQ hash and a listed one, null if none was compared.
	SecondHash *int `json:"secondHash"`

	Detail error `json:"-"` // what went wrong, if Reason is not ""
}

// A Checker checks files against a snapshot. It is not safe for concurrent use.
type Checker struct {
	Matcher   *matcher.Matcher
	Confirmer *Confirmer // nil if there is no server to ask
	// Plain asks by the plain protocol, which shows the server the candidates. Otherwise a snapshot that is not made for
	// the private one cannot be confirmed.
	Plain bool
	// Reload returns the snapshot as it is now, for when the server has another key than this one, or other entries. It
	// may be nil.
	Reload func(context.Context) (*snapshot.Snapshot, error)
}

// Check returns the verdict about a picture or other file. The error is that of ctx.
func (c *Checker) Check(ctx context.Context, p *picture.Picture, now time.Time) (Verdict, error) {
	v, err := c.check(ctx, p, now)
	if err != nil || c.Reload == nil || !stale(v) {
		return v, err
	}
	s, err := c.Reload(ctx)
	switch {
	case ctx.Err() != nil:
		return Verdict{}, ctx.Err()
	case err != nil:
		v.Detail = fmt.Errorf("%w, and the snapshot could not be loaded again: %w", v.Detail, err)
		return v, nil
	case s.Manifest().Version <= c.Matcher.Snapshot().Manifest().Version:
		return v, nil
	}
	c.Matcher = matcher.New(s)
	next, err := c.check(ctx, p, now)
	if next.Requests += v.Requests; next.Kind == Clear && next.Requests > 0 {
		next.Kind = Cleared // a question was sent, whatever the newer snapshot says
	}
	return next, err
}

// stale reports whether a newer snapshot may help.
func stale(v Verdict) bool { return v.Reason == UnknownKey || errors.Is(v.Detail, errNoEntry) }

func (c *Checker) check(ctx context.Context, p *picture.Picture, now time.Time) (Verdict, error) {
	v := Verdict{}
	reason, detail := p.Reason, p.Detail
	f, err := c.Matcher.Check(matcher.Query{SHA256: p.SHA256, Pictures: p.Planes}, now)
	if err != nil && Reason(err) == "" { // a malformed picture still has a digest
		reason, detail = media.Undecodable, err
		f, err = c.Matcher.Check(matcher.Query{SHA256: p.SHA256}, now)
	}
	if err != nil {
		return Failed(err), nil
	}
	v.Candidates, v.Probes = len(f.Candidates), f.Probes
	if reason == "" && f.Featureless {
		reason, detail = Featureless, errors.New(picture.Featureless(f.Image))
	}
	v.Kind = Clear
	if !f.Clear() {
		v.point(f.Candidates[0])
		matched, err := c.confirm(ctx, f, &v)
		switch {
		case ctx.Err() != nil:
			return Verdict{}, ctx.Err()
		case err != nil:
			v.Kind, v.Reason, v.Detail = Unavailable, Reason(err), err
			return v, nil
		case matched:
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

// point makes v about a candidate.
func (v *Verdict) point(c matcher.Candidate) {
	orientation := int(c.Orientation)
	v.Lane, v.Distance, v.Probe, v.Window, v.Orientation = c.Lane.String(), &c.Distance, &c.Probe, &c.Window, &orientation
}

// confirm asks about all candidates and points v at the first that is a match, or else at one that came near.
func (c *Checker) confirm(ctx context.Context, f matcher.Finding, v *Verdict) (matched bool, err error) {
	if c.Confirmer == nil {
		return false, &Error{NoConfirmation, errors.New("a candidate, and no confirmation server to ask")}
	}
	before := c.Confirmer.Sent()
	defer func() { v.Requests = c.Confirmer.Sent() - before }()
	if c.Plain {
		return c.confirmPlain(ctx, f, v)
	}
	return c.confirmPrivate(ctx, f, v)
}

// confirmPlain asks about as many candidates as one question holds.
func (c *Checker) confirmPlain(ctx context.Context, f matcher.Finding, v *Verdict) (matched bool, err error) {
	keys := f.Keys()
	q, err := confirm.PlainClient{}.Ask(keys[:min(len(keys), confirm.MaxKeys)])
	if err != nil {
		return false, &Error{BadAnswer, err}
	}
	answers, err := c.Confirmer.Ask(ctx, q)
	if err != nil {
		return false, err
	}
	var failed error // unless another candidate is a match, the answer clears nothing
	for i, a := range answers {
		match, err := c.judge(f.Candidates[i], a, v)
		if match {
			return true, nil
		}
		failed = cmp.Or(err, failed)
	}
	if failed == nil && len(answers) < len(keys) {
		failed = &Error{Overflow, errors.New("more candidates than a plain question holds")}
	}
	return false, failed
}

// judge says whether a candidate is a match, and points v at it if it is, or if none before came nearer.
func (c *Checker) judge(cand matcher.Candidate, a confirm.Answer, v *Verdict) (match bool, err error) {
	match, distance, err := c.Matcher.Confirmed(cand, a)
	if errors.Is(err, confirm.ErrTooMany) {
		err = &Error{Overflow, err}
	} else if err != nil {
		err = &Error{BadAnswer, err}
	}
	if match || distance >= 0 && (v.SecondHash == nil || distance < *v.SecondHash) {
		v.point(cand)
		if v.SecondHash = nil; distance >= 0 {
			v.SecondHash = &distance
		}
	}
	return match, err
}
