package publish

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/matcher/snapshot/zstd"
)

// ManifestFile is the name of the manifest in a snapshot's folder.
const ManifestFile = "manifest"

// named matches the names of files that are named by a hash: the snapshot's and its chunks' by that of the snapshot.
var named = regexp.MustCompile(`^[0-9a-f]{64}\.(snap|chunks|delta)$`)

// Named reports whether a file is of those that a manifest names by a hash.
func Named(name string) bool { return named.MatchString(name) }

// lockFile is the name of the file in a folder that Lock holds.
const lockFile = ".lock"

// ErrLocked says that another process is changing a folder.
var ErrLocked = errors.New("another preseal is at work in this folder")

// ErrForeign says that a folder holds a manifest that does not continue the list: of another origin, not signed by this
// key, or damaged.
var ErrForeign = errors.New("the manifest there is not an earlier version of this list by this key")

// A Base is a published version of a list, which another one continues.
type Base struct {
	Dir      string // has the files that Manifest names
	Manifest *snapshot.Manifest
	Sections []snapshot.Section
}

// OpenBase verifies that a folder holds an earlier version of the same list by the same key; it may have expired. It
// returns nil without an error if the folder has no manifest.
func (b *Build) OpenBase(dir string) (*Base, error) {
	manifest, err := ReadManifest(dir)
	if manifest == nil {
		return nil, err
	}
	m, err := snapshot.ReadManifest(manifest)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	m, err = snapshot.OpenManifest(manifest, snapshot.Trust{Roles: snapshot.Trusted(b.Keys.Verifier), Origin: b.origin()}, m.Published)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	base := &Base{Dir: dir, Manifest: m}
	s, err := base.open()
	if err != nil {
		return nil, err
	}
	base.Sections = s.Sections()
	return base, nil
}

// Kind returns of which kind the filter of a lane is, "" if there is none.
func (b *Base) Kind(lane snapshot.Lane) snapshot.Kind {
	for _, s := range b.Sections {
		if s.Lane == lane {
			return s.Kind
		}
	}
	return ""
}

func (b *Base) open() (*snapshot.Snapshot, error) {
	return b.openSource(snapshot.DeltaInfo{Version: b.Manifest.Version, Source: b.Manifest.Hash})
}

// sources returns the versions before another one that deltas can be from, the latest first: this one and those that
// its own deltas are from.
func (b *Base) sources(before uint64) []snapshot.DeltaInfo {
	all := append([]snapshot.DeltaInfo{{Version: b.Manifest.Version, Source: b.Manifest.Hash}}, b.Manifest.Deltas...)
	for len(all) > 0 && all[0].Version >= before {
		all = all[1:]
	}
	return all[:min(len(all), snapshot.MaxDeltas)]
}

// openSource opens one of the sources.
func (b *Base) openSource(s snapshot.DeltaInfo) (*snapshot.Snapshot, error) {
	file, err := readNamed(b.Dir, snapshot.FileName(s.Source), s.Source)
	if err != nil {
		return nil, err
	}
	if s.Source == b.Manifest.Hash {
		return snapshot.Open(file, b.Manifest, zstd.Decompress)
	}
	return b.Manifest.OpenSource(file, zstd.Decompress)
}

// readNamed reads a snapshot and compares it with the hash in its name.
func readNamed(dir, name string, hash [32]byte) ([]byte, error) {
	b, err := readFile(dir, name, snapshot.MaxSnapshot)
	if err == nil && sha256.Sum256(b) != hash {
		err = fmt.Errorf("%s is damaged: its content has another hash", filepath.Join(dir, name))
	}
	return b, err
}

// ReadManifest reads the manifest file of a folder. It is nil without an error if there is none.
func ReadManifest(dir string) ([]byte, error) {
	b, err := readFile(dir, ManifestFile, snapshot.MaxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// readFile reads a byte more than limit at most.
func readFile(dir, name string, limit int64) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(max(info.Size(), 0), limit)+1)
	n, err := io.ReadFull(f, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return b[:n], err
}
