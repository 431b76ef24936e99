package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/picture"
	"github.com/preseal/preseal/tools/internal/publish"
)

// exclude checks the pictures of the folders given with --exclude as a client would, and drops and names what they come
// near to, until they come near to nothing. It returns what is to be published then.
func (o *buildOptions) exclude(c *cobra.Command, b *publish.Build, d *publish.Draft) (*publish.Draft, error) {
	paths, err := o.excludedPictures(c)
	if err != nil || len(paths) == 0 {
		return d, err
	}
	// With fewer entries other key bits might be chosen, and the pictures might come near to others.
	b.KeyBits = d.Opened.KeyBits(snapshot.PDQ)
	for len(paths) > 0 {
		round := &exclusion{m: matcher.New(d.Opened), index: list.NewIndex(b.List, b.KeyBits), b: b, near: map[string]string{}}
		if paths, err = o.excludeRound(c, round, paths); err != nil {
			return nil, err
		}
		if len(round.near) == 0 {
			return d, nil
		}
		for _, lane := range list.Lanes {
			b.List.Remove(lane, func(hash []byte, from list.Place) bool {
				picture, near := round.near[lane.String()+string(hash)]
				if near {
					o.excluded++
					fmt.Fprintf(c.ErrOrStderr(), "%s: the %s %x is near %s: dropped\n", o.place(from), lane, hash, output.Name(picture))
				}
				return near
			})
		}
		if b.List.Empty() {
			return nil, output.Hint(errors.New("nothing to build: all entries were dropped"), "look at the pictures given with --exclude")
		}
		if d, err = b.Draft(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (o *buildOptions) excludedPictures(c *cobra.Command) (paths []string, err error) {
	for _, dir := range o.excludes {
		if err := needFolder(dir, "exclude"); err != nil {
			return nil, err
		}
		for path, err := range files([]string{dir}) {
			if err != nil {
				o.reject(c, message(path, err))
				continue
			}
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// excludeRound checks the pictures and returns those that had more candidates than a Finding holds.
func (o *buildOptions) excludeRound(c *cobra.Command, round *exclusion, paths []string) (again []string, err error) {
	defer o.progress.Clear()
	for i, path := range paths {
		o.progress.Update("excluded pictures", int64(i), int64(len(paths)))
		more, err := round.check(c.Context(), path)
		switch {
		case c.Context().Err() != nil:
			return nil, c.Context().Err()
		case err != nil:
			o.progress.Clear()
			o.reject(c, message(filepath.Clean(path), err))
		case more:
			again = append(again, path)
		}
	}
	return again, nil
}

// An exclusion is one round of checks.
type exclusion struct {
	m     *matcher.Matcher
	index *list.Index
	b     *publish.Build
	near  map[string]string // lane and hash of an entry to the picture that it is near
}

// check notes the entries that are near a picture; of a file that is none, the digest. It reports whether there may be
// more.
func (e *exclusion) check(ctx context.Context, path string) (more bool, err error) {
	p, err := picture.ReadFile(ctx, path)
	if err != nil {
		return false, err
	}
	f, err := e.m.Check(matcher.Query{SHA256: p.SHA256, Pictures: p.Planes}, e.b.Now)
	if err != nil {
		return false, err
	}
	found := false
	note := func(lane snapshot.Lane, hash []byte) {
		e.near[lane.String()+string(hash)], found = path, true
	}
	for _, cand := range f.Candidates {
		if cand.Lane == snapshot.PDQ {
			for _, h := range e.index.PDQs(cand.Key, math.MaxInt) {
				note(cand.Lane, h[:])
			}
		} else if e.index.Set().Contains(cand.Lane, cand.Key) { // and not the filter's error
			note(cand.Lane, cand.Key)
		}
	}
	return f.Overflow && found, p.Detail
}
