// Package publish builds a list into the folder that is published:
//
//	DIR/manifest        signed; the only file that changes, and the last to be written
//	DIR/<sha256>.snap   the snapshot that the manifest names
//	DIR/list.sealed     the entries, encrypted for the confirmation server
package publish

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/sealed"
)

// ManifestFile is the name of the manifest in a snapshot's folder.
const ManifestFile = "manifest"

// ErrForeign says that a folder holds a manifest that does not continue the list: of another origin, not signed by this
// key, or damaged.
var ErrForeign = errors.New("the manifest there is not an earlier version of this list by this key")

// A Build is made from the builder's keys and a sorted list.
type Build struct {
	Keys    *keys.Set
	List    *list.Set
	Origin  string // "" means the name of the signer
	Purpose string // "" means snapshot.DefaultPurpose
	Version uint64 // 0 means 1, or one more than that of Base
	Base    []byte // the manifest file before this one, nil for the first
	Now     time.Time
	Life    time.Duration // until it expires
	// Of snapshot.Spec and snapshot.LaneKeys; 0 means their default.
	Probes   int // of both perceptual lanes
	Distance int
	Kind     snapshot.Kind // of the filters; "" means snapshot.Rice
	KeyBits  int           // of the lane pdq
}

// Files are what a build results in.
type Files struct {
	Manifest []byte
	Snapshot []byte
	Sealed   []byte
	Opened   *snapshot.Snapshot // as a client sees it
}

// Make builds and signs, and opens the result as a client would before it returns it.
func (b *Build) Make() (*Files, error) {
	signer, err := note.NewSigner(b.Keys.Signer)
	if err != nil {
		return nil, err
	}
	spec := snapshot.Spec{
		Origin: b.origin(), Purpose: b.Purpose, Version: max(1, b.Version),
		Published: b.Now.UTC().Truncate(time.Second), Expires: b.Now.UTC().Truncate(time.Second).Add(b.Life),
		Distance: b.Distance,
	}
	if b.Base != nil {
		before, err := b.Continue(b.Base)
		if err != nil {
			return nil, err
		}
		if b.Version == 0 {
			spec.Version = before.Version + 1
		}
		spec.Previous = sha256.Sum256(b.Base)
	}
	for _, lane := range list.Lanes {
		l := snapshot.LaneKeys{Lane: lane, Hashes: b.List.Flat(lane), Kind: b.Kind}
		switch lane {
		case snapshot.PHash:
			l.Probes, l.SingleHash = b.Probes, b.List.Singles() > 0
		case snapshot.PDQ:
			l.Probes, l.KeyBits = b.Probes, b.KeyBits
		}
		spec.Lanes = append(spec.Lanes, l)
	}
	file, m, err := snapshot.Build(spec)
	if err != nil {
		return nil, err
	}
	f := &Files{Snapshot: file}
	if f.Manifest, err = snapshot.Sign(m, signer); err != nil {
		return nil, err
	}
	opened, err := snapshot.OpenManifest(f.Manifest, snapshot.Trust{Roles: snapshot.Trusted(b.Keys.Verifier), Origin: spec.Origin}, spec.Published)
	if err == nil {
		f.Opened, err = snapshot.Open(f.Snapshot, opened)
	}
	if err != nil {
		return nil, fmt.Errorf("open what was just built: %w", err)
	}
	var buf bytes.Buffer
	if err := sealed.Seal(&buf, b.List, b.Keys.OPRF, f.Manifest); err != nil {
		return nil, fmt.Errorf("seal the list: %w", err)
	}
	f.Sealed = buf.Bytes()
	return f, nil
}

func (b *Build) origin() string {
	if b.Origin == "" {
		return b.Keys.Name
	}
	return b.Origin
}

// Continue verifies that a manifest file is an earlier version of the same list by the same key; it may have expired.
func (b *Build) Continue(manifest []byte) (*snapshot.Manifest, error) {
	m, err := snapshot.ReadManifest(manifest)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	m, err = snapshot.OpenManifest(manifest, snapshot.Trust{Roles: snapshot.Trusted(b.Keys.Verifier), Origin: b.origin()}, m.Published)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return m, nil
}

// ReadManifest reads the manifest file of a folder. It is nil without an error if there is none.
func ReadManifest(dir string) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, snapshot.MaxManifest+1))
}

// Write puts the files into dir. All are on disk before the first replaces its predecessor, each at once and as a whole,
// the manifest last: to clients, the version changes in one step. If it is cut short after the sealed list and before the
// manifest, a server that runs keeps its version, but none can be started until the list is built again.
func (f *Files) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	files := []struct {
		name, temporary string
		content         []byte
	}{
		{name: f.Opened.Manifest().FileName(), content: f.Snapshot},
		{name: sealed.Name, content: f.Sealed},
		{name: ManifestFile, content: f.Manifest},
	}
	for i := range files {
		temporary, err := writeTemporary(dir, files[i].content)
		if temporary != "" {
			defer os.Remove(temporary) // finds nothing after the renaming
		}
		if err != nil {
			return err
		}
		files[i].temporary = temporary
	}
	for _, file := range files {
		if err := os.Rename(file.temporary, filepath.Join(dir, file.name)); err != nil {
			return err
		}
	}
	if d, err := os.Open(dir); err == nil {
		d.Sync() // not every system can; the files themselves are on disk
		d.Close()
	}
	return nil
}

func writeTemporary(dir string, content []byte) (name string, err error) {
	f, err := os.CreateTemp(dir, ".preseal-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	return f.Name(), errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
}
