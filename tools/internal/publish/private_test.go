package publish

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/outputs"
)

// nextPrivate publishes the next version in a folder, and returns how many outputs were computed.
func nextPrivate(t *testing.T, b *Build, dir string) (*Files, Evaluated) {
	t.Helper()
	b.private = nil
	if b.Base == nil || sameFolder(b.Base.Dir, dir) {
		var err error
		if b.Base, err = b.OpenBase(dir); err != nil {
			t.Fatal(err)
		}
	}
	d, err := b.Draft()
	if err != nil {
		t.Fatal(err)
	}
	d, evaluated, err := d.Evaluate(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Publish()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	return f, evaluated
}

// listedIn reports whether the outputs and the entries of a published folder have a key.
func listedIn(t *testing.T, dir string, f *Files, b *Build, k confirm.Key) (inOutputs, inEntries bool) {
	t.Helper()
	key, err := voprf.DeriveKey(b.Keys.OPRF)
	if err != nil {
		t.Fatal(err)
	}
	y, err := voprf.NewEvaluator(key).Output(k)
	if err != nil {
		t.Fatal(err)
	}
	if inOutputs, err = f.Opened.Outputs().Contains(y.Value(64)); err != nil {
		t.Fatal(err)
	}
	bits := confirm.BucketBits(f.Opened.Outputs().Capacity())
	bucket, err := os.ReadFile(filepath.Join(outputs.BucketsDir(dir, key.Public().ID()), y.Bucket(bits)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = voprf.Open(&y, bucket)
	return inOutputs, err == nil
}

// A list that goes on: only what is new is computed, a delta has the outputs' changes, and what is removed is gone.
func TestPrivateVersions(t *testing.T) {
	dir := t.TempDir()
	b := newBuild(t, 400)
	first, n := nextPrivate(t, b, dir)
	total := n.Computed
	if n.Known != 0 || uint64(total) != first.Opened.Outputs().Section().Entries || first.Opened.Outputs().Capacity() != 800 {
		t.Errorf("%+v for %d outputs", n, first.Opened.Outputs().Section().Entries)
	}
	if _, err := os.Stat(filepath.Join(dir, "list.sealed")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a sealed list: %v", err)
	}
	gone := confirm.Key{Lane: snapshot.SHA256, Bytes: bytes.Clone(b.List.Hashes(snapshot.SHA256)[0])}
	if there, opens := listedIn(t, dir, first, b, gone); !there || !opens {
		t.Errorf("an entry is in the outputs: %v, among the entries: %v", there, opens)
	}

	b.List = entriesOf(410)
	b.List.Remove(snapshot.SHA256, func(hash []byte, _ list.Place) bool { return bytes.Equal(hash, gone.Bytes) })
	second, n := nextPrivate(t, b, dir)
	if n.Computed != 20 || n.Known != total-1 {
		t.Errorf("%+v of a list with 20 new outputs and %d others", n, total-1)
	}
	m := second.Opened.Manifest()
	if len(m.Deltas) != 1 || m.Deltas[0].Size > 600 || second.Opened.Outputs().Capacity() != 800 {
		t.Errorf("deltas %+v, capacity %d", m.Deltas, second.Opened.Outputs().Capacity())
	}
	if there, opens := listedIn(t, dir, second, b, gone); there || opens {
		t.Errorf("a removed entry is in the outputs: %v, among the entries: %v", there, opens)
	}
	// The journal does not remember it either: listed again, it is computed again.
	b.List = entriesOf(410)
	if _, n = nextPrivate(t, b, dir); n.Computed != 1 {
		t.Errorf("%+v of a list with one output that was removed", n)
	}

	// In another folder, what is known comes from the one of the version before.
	elsewhere := t.TempDir()
	var err error
	if b.Base, err = b.OpenBase(dir); err != nil {
		t.Fatal(err)
	}
	moved, n := nextPrivate(t, b, elsewhere)
	if n.Computed != 0 || len(moved.Opened.Manifest().Deltas) != 3 {
		t.Errorf("%+v, deltas %+v", n, moved.Opened.Manifest().Deltas)
	}
	b.Base = nil
	if _, n = nextPrivate(t, b, elsewhere); n.Computed != 0 {
		t.Errorf("%+v of what was copied", n)
	}
}

// With the same key, outputs have room for twice their capacity; another key has room for more.
func TestOutputsOutgrown(t *testing.T) {
	dir := t.TempDir()
	b := newBuild(t, 30)
	nextPrivate(t, b, dir)
	b.List, b.Capacity = entriesOf(90), map[snapshot.Lane]uint64{snapshot.SHA256: 100, snapshot.PDQ: 100}
	var err error
	if b.Base, err = b.OpenBase(dir); err != nil {
		t.Fatal(err)
	}
	b.private = nil
	_, err = b.MakePrivate(t.Context(), dir)
	var outgrown *snapshot.OutgrownError
	if !errors.As(err, &outgrown) || outgrown.Lane != 0 || outgrown.Entries != 180 || outgrown.Capacity != 60 {
		t.Fatalf("error %v", err)
	}
	fresh, err := keys.Generate("test")
	if err != nil {
		t.Fatal(err)
	}
	k := *b.Keys
	k.OPRF = fresh.OPRF
	b.Keys = &k
	f, n := nextPrivate(t, b, dir)
	if n.Known != 0 || f.Opened.Outputs().Capacity() != 200 || len(f.Omitted) != 1 || !errors.Is(f.Omitted[0].Err, snapshot.ErrNoDelta) {
		t.Errorf("%+v, capacity %d, omitted %v", n, f.Opened.Outputs().Capacity(), f.Omitted)
	}
}

// The entries of a key before stay until clients cannot be in the middle of its list.
func TestUnneededEntries(t *testing.T) {
	dir := t.TempDir()
	b := newBuild(t, 10)
	nextPrivate(t, b, dir)
	old, err := os.ReadDir(filepath.Join(dir, outputs.EntriesDir))
	if err != nil || len(old) != 1 {
		t.Fatalf("%d keys, error %v", len(old), err)
	}
	k := *b.Keys
	k.OPRF = [32]byte{1}
	b.Keys = &k
	published := time.Now().Add(-time.Second) // dates of files are coarse
	nextPrivate(t, b, dir)
	if err := os.Mkdir(filepath.Join(dir, outputs.EntriesDir, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	names := func(before time.Time) (names []string) {
		spare, err := Unneeded(dir, before)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range spare {
			if filepath.Dir(s.Name) == outputs.EntriesDir {
				names = append(names, filepath.Base(s.Name))
				if s.Bytes != 20*voprf.RecordSize {
					t.Errorf("%s has %d bytes", s.Name, s.Bytes)
				}
			}
		}
		return names
	}
	if got := names(published); len(got) > 0 {
		t.Errorf("at once, %v are of no use", got)
	}
	if got := names(time.Now().Add(time.Second)); len(got) != 1 || got[0] != old[0].Name() {
		t.Errorf("later, %v are of no use, want %s", got, old[0].Name())
	}
}

// A build that ends early leaves the folder as it was, but for what it has computed.
func TestPrivateInterrupted(t *testing.T) {
	dir := t.TempDir()
	b := newBuild(t, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	b.Count = func(string, int64, int64) { cancel() }
	if _, err := b.MakePrivate(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != outputs.Name {
		t.Errorf("files %v, error %v", files, err)
	}
	b.Count = nil
	_, n := nextPrivate(t, b, dir)
	if n.Known < 1 || n.Computed < 1 || n.Known+n.Computed != 2000 {
		t.Errorf("%+v", n)
	}

	// While the entries are written.
	b.List = entriesOf(1100)
	before, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	if b.Base, err = b.OpenBase(dir); err != nil {
		t.Fatal(err)
	}
	b.private = nil
	f, err := b.MakePrivate(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if err := f.Write(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, ManifestFile)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the manifest has changed, error %v", err)
	}
	for _, pattern := range []string{".preseal-*", outputs.EntriesDir + "/*/.preseal-*"} {
		if left, _ := filepath.Glob(filepath.Join(dir, pattern)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}
