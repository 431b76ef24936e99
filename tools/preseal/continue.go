package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/publish"
)

// choose sets what was asked for; the rest is as in the version before.
func (o *buildOptions) choose(c *cobra.Command, b *publish.Build) error {
	f := c.Flags()
	if f.Changed("purpose") {
		b.Purpose = o.purpose
	}
	if f.Changed("probes") {
		b.Probes = o.probes
	}
	if f.Changed("distance") {
		b.Distance = o.distance
	}
	if f.Changed("key-bits") {
		b.KeyBits = o.keyBits
	}
	if f.Changed("kind") {
		b.Kind = snapshot.Kind(o.kind)
	}
	b.Capacity = make(map[snapshot.Lane]uint64)
	for _, text := range o.capacities {
		lanes, number := list.Lanes, text
		if name, n, found := strings.Cut(text, "="); found {
			lane, err := snapshot.ParseLane(name)
			if err != nil {
				return output.Hint(fmt.Errorf("--capacity: %w", err), "for example --capacity pdq=1000000")
			}
			lanes, number = []snapshot.Lane{lane}, n
		}
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || n == 0 {
			return output.Hint(fmt.Errorf("--capacity %q is not a number of entries", text), "for example --capacity 1000000 or --capacity pdq=1000000")
		}
		for _, lane := range lanes {
			b.Capacity[lane] = n
		}
	}
	return nil
}

// findBase opens the version before this one, if there is one.
func (o *buildOptions) findBase(b *publish.Build) (err error) {
	if b.Base, err = b.OpenBase(o.out); err != nil {
		return unusable(err, o.out, "choose another folder with --out, or use the key and origin of the list that is there")
	}
	if o.base == "" {
		return samePurpose(b)
	}
	there := b.Base
	if b.Base, err = b.OpenBase(o.base); err != nil {
		return unusable(err, o.base, "a list can only continue one of the same origin and key")
	}
	if b.Base == nil {
		return output.Hint(fmt.Errorf("%s: %w", filepath.Join(o.base, publish.ManifestFile), fs.ErrNotExist), "--base names the folder of an earlier build")
	}
	if there != nil && there.Manifest.Version > b.Base.Manifest.Version {
		return output.Hint(fmt.Errorf("%s already holds version %d, which is newer than --base", o.out, there.Manifest.Version), "leave --base out to continue it")
	}
	return samePurpose(b)
}

// samePurpose fails if the list would get another purpose, which clients pin.
func samePurpose(b *publish.Build) error {
	if b.Base == nil || b.Purpose == "" || b.Purpose == b.Base.Manifest.Purpose {
		return nil
	}
	return output.Hint(fmt.Errorf("the purpose is %s in version %d", b.Base.Manifest.Purpose, b.Base.Manifest.Version),
		"a list with another purpose is another list: choose another folder with --out")
}

// continues fails if a version has another filter for a lane than the version before, or the other confirmation: no delta
// leads to it, and filters with the same seed and other sizes tell more about the list together than each does.
func (o *buildOptions) continues(b *publish.Build, d *publish.Draft) error {
	if b.Base == nil || o.restart {
		return nil
	}
	hint := "leave out what differs from the version before; or start anew with --restart: clients then download everything once, " +
		"and the two versions together tell more about the list"
	for _, s := range d.Opened.Sections() {
		for _, before := range b.Base.Sections {
			if s.Lane == before.Lane && (s.Bits != before.Bits || s.KeyBits != before.KeyBits || s.Kind != before.Kind) {
				return output.Hint(fmt.Errorf("the lane %s would have another filter than in version %d", s.Lane, b.Base.Manifest.Version), "%s", hint)
			}
		}
	}
	if isPlain := b.Base.Manifest.OPRF == nil; isPlain != o.plain {
		return output.Hint(fmt.Errorf("version %d is for the %s confirmation", b.Base.Manifest.Version, map[bool]string{true: "plain", false: "private"}[isPlain]), "%s", hint)
	}
	return nil
}

// lock makes this process the only one that changes a folder.
func lock(dir string) (release func(), err error) {
	release, err = publish.Lock(dir)
	if errors.Is(err, publish.ErrLocked) {
		return nil, output.Hint(err, "wait until it is done")
	}
	return release, err
}

// lockList is lock for a folder that has a list: where there is none, there is nothing to keep.
func lockList(dir string) (release func(), err error) {
	if _, err := os.Stat(filepath.Join(dir, publish.ManifestFile)); err != nil {
		return func() {}, nil
	}
	return lock(dir)
}

// unusable is an error about the version before, with the hint to give if that is another list's.
func unusable(err error, dir, foreign string) error {
	if errors.Is(err, publish.ErrForeign) {
		return output.Hint(fmt.Errorf("%s: %w", filepath.Join(dir, publish.ManifestFile), err), "%s", foreign)
	}
	return output.Hint(fmt.Errorf("the version before cannot be continued: %w", err), "copy the snapshot that its manifest names back to it, from where it is published")
}

// omitted says from which versions no delta leads.
func omitted(c *cobra.Command, f *publish.Files) {
	for _, o := range f.Omitted {
		problem(c, "no delta from version %d: %v", o.Version, o.Err)
	}
	if len(f.Omitted) > 0 {
		problem(c, "hint: clients that have %s download everything", choice(len(f.Omitted), "it", "these"))
	}
}
