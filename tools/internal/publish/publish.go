// Package publish builds a list into the folder that is published:
//
//	DIR/manifest         signed; changes with each version, and is the last to be written
//	DIR/<sha256>.snap    the snapshot that the manifest names, and the earlier ones that its deltas are from
//	DIR/<sha256>.chunks  the hashes of the snapshot's chunks
//	DIR/<sha256>.delta   what makes the snapshot out of an earlier one
//
// and for the private confirmation
//
//	DIR/entries/<key id>/<bucket>  what clients get to know of entries that they find, sealed with the outputs
//	DIR/outputs.sealed             the outputs, encrypted for the next build
//
// or for the plain one
//
//	DIR/list.sealed      the entries, encrypted for the confirmation server
//
// The three that are named by their content never change. Older ones stay until they are Unneeded:
// clients may be in the middle of them, and the next build makes its deltas from them.
package publish

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/matcher/snapshot/zstd"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
)

// A Build is made from the builder's keys and a sorted list.
type Build struct {
	Keys    *keys.Set
	List    *list.Set
	Origin  string // "" means the name of the signer
	Purpose string // "" means that of Base, or else snapshot.DefaultPurpose
	Version uint64 // 0 means 1, or one more than that of Base
	Base    *Base  // the version before this one, nil for the first
	Now     time.Time
	Life    time.Duration // until it expires
	// Of snapshot.Spec and snapshot.LaneKeys; 0 means that of Base, or else their default.
	Capacity map[snapshot.Lane]uint64
	Probes   int // of both perceptual lanes
	Distance int
	Kind     snapshot.Kind // of the filters
	KeyBits  int           // of the lane pdq
	// Progress is told of each step that takes long, Count how much of it is done, if they are not nil.
	Progress func(step string)
	Count    func(what string, done, total int64)

	private *private // nil for the plain confirmation
}

// A Draft is a snapshot that is not yet signed.
type Draft struct {
	Opened *snapshot.Snapshot // as a client will see it, but for the deltas and signers of its manifest

	build    *Build
	file     []byte
	manifest *snapshot.Manifest
}

// Files are what a build results in.
type Files struct {
	Opened   *snapshot.Snapshot // as a client sees it
	Manifest []byte             // signed
	Content  []File             // what the manifest names
	Omitted  []Omission

	build *Build
	kept  []snapshot.DeltaInfo // deltas whose sources have to be in the folder
}

// A File is named by its content.
type File struct {
	Name    string
	Content []byte
}

// An Omission is an earlier version from which no delta leads, and why.
type Omission struct {
	Version uint64
	Err     error // wraps fs.ErrNotExist if the earlier snapshot is not at hand, or snapshot.ErrNoDelta
}

// Make drafts and publishes for the plain confirmation.
func (b *Build) Make() (*Files, error) {
	d, err := b.Draft()
	if err != nil {
		return nil, err
	}
	return d.Publish()
}

// Draft builds the filters, and opens them as a client would. It wraps *snapshot.OutgrownError if the list has outgrown
// Base.
func (b *Build) Draft() (*Draft, error) {
	published := b.Now.UTC().Truncate(time.Second)
	spec := snapshot.Spec{
		Origin: b.origin(), Purpose: b.Purpose, Version: max(1, b.Version), Published: published, Expires: published.Add(b.Life),
		Distance: b.Distance, Compress: zstd.Compress,
	}
	if b.Base != nil {
		before := b.Base.Manifest
		spec.Previous = before.Mark().Hash
		spec.Purpose = cmp.Or(b.Purpose, before.Purpose)
		spec.Distance = cmp.Or(b.Distance, before.Distance)
		spec.Version = cmp.Or(b.Version, before.Version+1)
		b.step("opening version %d", before.Version)
		var err error
		if spec.Base, err = b.Base.open(); err != nil {
			return nil, err
		}
	}
	for _, lane := range list.Lanes {
		l := snapshot.LaneKeys{Lane: lane, Hashes: b.List.Flat(lane), Kind: b.Kind, Capacity: b.Capacity[lane]}
		switch lane {
		case snapshot.PHash:
			l.Probes, l.SingleHash = b.Probes, b.List.Singles() > 0
		case snapshot.PDQ:
			l.Probes, l.KeyBits = b.Probes, b.KeyBits
		}
		spec.Lanes = append(spec.Lanes, l)
	}
	b.step("building version %d", spec.Version)
	if b.private != nil {
		spec.Outputs = b.private.spec()
	}
	file, m, err := snapshot.Build(spec)
	if err != nil {
		return nil, err
	}
	opened, err := snapshot.Open(file, m, zstd.Decompress)
	if err == nil && b.private != nil {
		err = b.private.check(opened)
	}
	if err != nil {
		return nil, fmt.Errorf("open what was just built: %w", err)
	}
	return &Draft{opened, b, file, m}, nil
}

// Publish makes the deltas, signs, and opens the result as a client would before it returns it. The draft is of no more
// use then.
func (d *Draft) Publish() (*Files, error) {
	b, m := d.build, d.manifest
	signer, err := note.NewSigner(b.Keys.Signer)
	if err != nil {
		return nil, err
	}
	f := &Files{build: b, Content: []File{{m.FileName(), d.file}, {m.ChunksName(), snapshot.MakeChunks(d.file)}}}
	if b.Base != nil {
		for _, source := range b.Base.sources(m.Version) {
			b.step("delta from version %d", source.Version)
			delta, err := d.delta(source)
			if err != nil {
				f.Omitted = append(f.Omitted, Omission{source.Version, err})
				continue
			}
			f.Content = append(f.Content, File{m.Deltas[len(m.Deltas)-1].FileName(), delta})
		}
	}
	f.kept = m.Deltas
	if f.Manifest, err = snapshot.Sign(m, signer); err != nil {
		return nil, err
	}
	b.step("verifying")
	trust := snapshot.Trust{Roles: snapshot.Trusted(b.Keys.Verifier), Origin: m.Origin}
	opened, err := snapshot.OpenManifest(f.Manifest, trust, m.Published)
	if err == nil {
		_, err = opened.OpenChunks(f.Content[1].Content)
	}
	if err == nil {
		f.Opened, err = snapshot.Open(d.file, opened, zstd.Decompress)
	}
	if err != nil {
		return nil, fmt.Errorf("open what was just built: %w", err)
	}
	return f, nil
}

// delta makes the delta from an earlier snapshot, names it in the manifest, and applies it as a client would.
func (d *Draft) delta(source snapshot.DeltaInfo) ([]byte, error) {
	from, err := d.build.Base.openSource(source)
	if err != nil {
		return nil, err
	}
	delta, err := snapshot.MakeDelta(from, d.Opened)
	if err != nil {
		return nil, err
	}
	if len(delta) >= len(d.file) {
		return nil, fmt.Errorf("%w: with %d bytes it would be no smaller than the snapshot", snapshot.ErrNoDelta, len(delta))
	}
	source.Hash, source.Size = sha256.Sum256(delta), int64(len(delta))
	d.manifest.Deltas = append(d.manifest.Deltas, source)
	if file, err := from.Apply(delta, d.manifest); err != nil || !bytes.Equal(file, d.file) {
		d.manifest.Deltas = d.manifest.Deltas[:len(d.manifest.Deltas)-1]
		return nil, fmt.Errorf("the delta from version %d makes another file: %w", source.Version, cmp.Or(err, errors.New("it differs")))
	}
	return delta, nil
}

func (b *Build) origin() string { return cmp.Or(b.Origin, b.Keys.Name) }

func (b *Build) step(format string, args ...any) {
	if b.Progress != nil {
		b.Progress(fmt.Sprintf(format, args...))
	}
}

func (b *Build) count(what string, done, total int) {
	if b.Count != nil {
		b.Count(what, int64(done), int64(total))
	}
}
