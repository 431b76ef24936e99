package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
)

// errNoEntry says that a bucket does not have what the snapshot lists: either of them is older, or it was tampered with.
// It clears nothing.
var errNoEntry = errors.New("the snapshot lists a candidate whose entries cannot be opened")

// confirmPrivate asks by the private protocol:
//
//	questions about all candidates, all at once ──► an output for each
//	outputs that the snapshot lists              ──► their buckets one by one, no other request
//	their entries' second hashes                 ──► a match, or not
func (c *Checker) confirmPrivate(ctx context.Context, f matcher.Finding, v *Verdict) (matched bool, err error) {
	s := c.Matcher.Snapshot()
	if s.Outputs() == nil {
		return false, &Error{NoConfirmation, errors.New("the list is not made for the private confirmation")}
	}
	outputs, failed := c.outputs(ctx, s.Manifest().OPRF, f.Keys())
	b := buckets{have: make(map[string][]byte), fetch: func(name string) ([]byte, error) {
		return c.Confirmer.Bucket(ctx, s.Manifest().OPRF.KeyID, name)
	}}
	for i, output := range outputs {
		if output == nil {
			continue // failed says why
		}
		there, err := s.Outputs().Contains(output.Value(64))
		if err != nil {
			return false, err
		}
		if !there {
			continue
		}
		match, err := c.open(&b, s, output, f.Candidates[i], v)
		if match {
			return true, nil
		}
		failed = cmp.Or(failed, err)
	}
	return false, failed
}

// outputs asks for the output of each key. All questions are sent at once: a second one that came after the first was
// answered would say that the first was answered with no. Where one fails, its keys' outputs are nil, and the error says
// why.
func (c *Checker) outputs(ctx context.Context, key *snapshot.OPRF, keys []confirm.Key) ([]*confirm.Output, error) {
	public := confirm.PublicKey(key.PublicKey)
	client, err := voprf.NewClient(public, rand.Reader)
	if err == nil && public.ID() != key.KeyID {
		err = errors.New("its id is that of another key")
	}
	if err != nil {
		return nil, &snapshot.Error{Code: snapshot.Corrupt, Err: fmt.Errorf("the manifest's public key: %w", err)}
	}
	outputs := make([]*confirm.Output, len(keys))
	var failures []error
	var mu sync.Mutex
	var questions sync.WaitGroup
	at := 0
	for asked := range slices.Chunk(keys, confirm.MaxKeys) {
		to := outputs[at : at+len(asked)]
		at += len(asked)
		q, err := client.Ask(asked)
		if err != nil {
			return nil, &Error{BadAnswer, err}
		}
		questions.Go(func() {
			answers, err := c.Confirmer.Evaluate(ctx, q)
			mu.Lock()
			defer mu.Unlock()
			for i := range answers {
				to[i] = &answers[i]
			}
			if err != nil {
				failures = append(failures, err)
			}
		})
	}
	questions.Wait()
	if len(failures) > 0 {
		return outputs, failures[0]
	}
	return outputs, nil
}

// buckets are those of one file's candidates, each fetched once. After one that cannot be fetched, or does not open, no
// further one is: whoever serves nothing or garbage would be told the buckets of more and more keys of one picture.
type buckets struct {
	fetch  func(name string) ([]byte, error)
	have   map[string][]byte
	failed error // why no further one is fetched
}

// get returns a bucket.
func (b *buckets) get(name string) ([]byte, error) {
	if bucket, have := b.have[name]; have {
		return bucket, nil
	}
	if b.failed != nil {
		return nil, b.failed
	}
	bucket, err := b.fetch(name)
	if err != nil {
		b.failed = err
		return nil, err
	}
	b.have[name] = bucket
	return bucket, nil
}

// entries returns what a bucket has of an output.
func (b *buckets) entries(name string, o *confirm.Output) ([]voprf.Entry, error) {
	bucket, err := b.get(name)
	if err != nil {
		return nil, err
	}
	entries, err := voprf.Open(o, bucket)
	if err != nil {
		err = &Error{BadAnswer, fmt.Errorf("%w: %w", errNoEntry, err)}
		b.failed = cmp.Or(b.failed, err)
	}
	return entries, err
}

// open compares the second hashes of the entries of a listed output.
func (c *Checker) open(b *buckets, s *snapshot.Snapshot, o *confirm.Output, cand matcher.Candidate, v *Verdict) (match bool, err error) {
	entries, err := b.entries(o.Bucket(confirm.BucketBits(s.Outputs().Capacity())), o)
	if err != nil {
		return false, err
	}
	answer := confirm.Answer{Listed: true}
	for _, e := range entries {
		if e.PDQ != nil {
			answer.Hashes = append(answer.Hashes, *e.PDQ)
		}
	}
	if match, err = c.judge(cand, answer, v); match {
		v.Label = labelOf(entries, cand.PDQs)
	}
	return match, err
}

// labelOf returns the label of the entry that is nearest to a picture, or of the first if none has a second hash.
func labelOf(entries []voprf.Entry, own []phash.PDQ) string {
	label, nearest := entries[0].Label, -1
	for _, e := range entries {
		if e.PDQ == nil {
			continue
		}
		for _, h := range own {
			if d := h.Distance(*e.PDQ); nearest < 0 || d < nearest {
				label, nearest = e.Label, d
			}
		}
	}
	return label
}
