package main

import (
	"errors"
	"fmt"
	"io/fs"
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
		return nil
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
	return nil
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
