package publish

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/sealed"
)

// Write puts the files into dir, and the earlier snapshots that deltas are from, if Base is in another folder: the next
// build needs them, and clients may be in the middle of one. All are on disk before the first replaces its predecessor,
// each at once and as a whole, the manifest last: to clients, the version changes in one step. Entries are an exception:
// for a moment, clients with the version before find those of the next. If it is cut short in between, what was there
// goes on to be of use, but for what has been removed from the list, and, with the plain confirmation, to servers that
// are started: they need the list to be built again.
func (f *Files) Write(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	w := &writer{dir: dir}
	defer w.discard()
	for _, d := range f.kept {
		f.keep(w, d.Source)
	}
	for _, c := range f.Content {
		w.bytes(c.Name, c.Content)
	}
	if f.build.private == nil {
		f.writePlain(w)
		w.bytes(ManifestFile, f.Manifest)
		return w.rename()
	}
	buckets, err := f.writePrivate(ctx, w)
	if err != nil {
		return err
	}
	defer buckets.Discard()
	w.bytes(ManifestFile, f.Manifest)
	if w.err == nil {
		w.err = buckets.Publish()
	}
	if err := w.rename(); err != nil {
		return err
	}
	// It is of an earlier version, and of no use any more.
	if err := os.Remove(filepath.Join(dir, sealed.Name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// keep copies an earlier snapshot, unless it is there.
func (f *Files) keep(w *writer, hash [32]byte) {
	name := snapshot.FileName(hash)
	if _, err := os.Lstat(filepath.Join(w.dir, name)); err == nil {
		return
	}
	b, err := readNamed(f.build.Base.Dir, name, hash)
	if w.err = errors.Join(w.err, err); w.err == nil {
		w.bytes(name, b)
	}
}

// A writer writes temporary files, and keeps the first error.
type writer struct {
	dir   string
	files []struct{ name, temporary string }
	err   error
}

func (w *writer) bytes(name string, content []byte) {
	w.add(name, func(to io.Writer) error {
		_, err := to.Write(content)
		return err
	})
}

func (w *writer) add(name string, write func(io.Writer) error) {
	if w.err != nil {
		return
	}
	f, err := os.CreateTemp(w.dir, ".preseal-*")
	if err != nil {
		w.err = err
		return
	}
	w.files = append(w.files, struct{ name, temporary string }{name, f.Name()})
	w.err = errors.Join(write(f), f.Chmod(0o644), f.Sync(), f.Close())
}

// rename gives the files their names, in order, if there was no error.
func (w *writer) rename() error {
	for _, f := range w.files {
		if f.name == ManifestFile {
			w.sync() // what it names must be there when it is
		}
		if w.err == nil {
			w.err = os.Rename(f.temporary, filepath.Join(w.dir, f.name))
		}
	}
	w.sync()
	return w.err
}

// sync brings the names of files to disk, where the system can; the files themselves are there.
func (w *writer) sync() {
	if d, err := os.Open(w.dir); err == nil {
		d.Sync()
		d.Close()
	}
}

// discard removes what was not renamed.
func (w *writer) discard() {
	for _, f := range w.files {
		os.Remove(f.temporary) // finds nothing after the renaming
	}
}
