package publish

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/sealed"
)

func newBuild(t *testing.T, entries int) *Build {
	t.Helper()
	k, err := keys.Generate("test")
	if err != nil {
		t.Fatal(err)
	}
	b := &Build{Keys: k, Now: time.Now(), Life: time.Hour}
	b.List = entriesOf(entries)
	return b
}

func entriesOf(n int) *list.Set {
	set := new(list.Set)
	for i := range n {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		set.Add(snapshot.SHA256, sum[:])
		set.Add(snapshot.PDQ, sum[:])
	}
	set.Sort()
	return set
}

// next publishes the next version in a folder.
func next(t *testing.T, b *Build, dir string) *Files {
	t.Helper()
	var err error
	if b.Base, err = b.OpenBase(dir); err != nil {
		t.Fatal(err)
	}
	f, err := b.Make()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	return f
}

// A delta leads from each of the last versions, and no more of them than a manifest can name.
func TestSixteenDeltas(t *testing.T) {
	dir, b := t.TempDir(), newBuild(t, 500)
	var versions [][]byte
	for n := range snapshot.MaxDeltas + 3 {
		b.List = entriesOf(500 + n)
		f := next(t, b, dir)
		m := f.Opened.Manifest()
		if m.Version != uint64(n+1) || len(m.Deltas) != min(n, snapshot.MaxDeltas) || len(f.Omitted) > 0 {
			t.Fatalf("version %d has %d deltas, and without %v", m.Version, len(m.Deltas), f.Omitted)
		}
		for i, d := range m.Deltas {
			if d.Version != uint64(n-i) || d.Source != sha256.Sum256(versions[n-1-i]) {
				t.Errorf("version %d: delta %d is from version %d", m.Version, i, d.Version)
			}
			source, err := m.OpenSource(versions[n-1-i], nil)
			if err != nil {
				t.Fatal(err)
			}
			delta, err := os.ReadFile(filepath.Join(dir, d.FileName()))
			if err != nil {
				t.Fatal(err)
			}
			if file, err := source.Apply(delta, m); err != nil || !bytes.Equal(file, f.Content[0].Content) {
				t.Errorf("version %d: the delta from version %d makes another file: %v", m.Version, d.Version, err)
			}
		}
		versions = append(versions, f.Content[0].Content)
	}
}

// What a build does not say is as in the version before, and what it says is not.
func TestContinuation(t *testing.T) {
	dir, b := t.TempDir(), newBuild(t, 500)
	b.Capacity = map[snapshot.Lane]uint64{snapshot.PDQ: 900}
	b.Purpose, b.Distance, b.Probes, b.KeyBits, b.Kind = "test", 20, 1000, 60, snapshot.Bloom
	first := next(t, b, dir)
	again := *b
	again.Capacity, again.Purpose, again.Distance, again.Probes, again.KeyBits, again.Kind = nil, "", 0, 0, 0, ""
	for range 2 {
		f := next(t, &again, dir)
		m, s := f.Opened.Manifest(), f.Opened.Sections()
		pdq, _ := m.Lane(snapshot.PDQ)
		if m.Purpose != "test" || m.Distance != 20 || pdq.Probes != 1000 || pdq.Capacity != 900 || s[1].KeyBits != 60 || s[1].Kind != snapshot.Bloom {
			t.Fatalf("%+v, %+v", m, s)
		}
		if len(m.Deltas) == 0 || m.Deltas[0].Size > 300 {
			t.Errorf("an unchanged list has the deltas %+v", m.Deltas)
		}
	}
	again.List = entriesOf(501) // Bloom filters cannot be edited
	f := next(t, &again, dir)
	if len(f.Omitted) != 3 || !errors.Is(f.Omitted[0].Err, snapshot.ErrNoDelta) {
		t.Errorf("without %v", f.Omitted)
	}
	if f.Opened.Manifest().Previous == first.Opened.Manifest().Mark().Hash {
		t.Error("the chain skips a version")
	}
	again.List = entriesOf(1801)
	var outgrown *snapshot.OutgrownError
	again.Base, _ = again.OpenBase(dir)
	if _, err := again.Make(); !errors.As(err, &outgrown) || outgrown.Lane != snapshot.SHA256 || outgrown.Capacity != 500 {
		t.Errorf("more than twice the capacity: %v", err)
	}
}

// A delta that is no smaller than the snapshot is of no use.
func TestUselessDelta(t *testing.T) {
	dir, b := t.TempDir(), newBuild(t, 500)
	next(t, b, dir)
	others := new(list.Set)
	for i := range 500 {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8), 1})
		others.Add(snapshot.SHA256, sum[:])
		others.Add(snapshot.PDQ, sum[:])
	}
	others.Sort()
	b.List = others
	f := next(t, b, dir)
	if len(f.Opened.Manifest().Deltas) > 0 || len(f.Content) != 2 || len(f.Omitted) != 1 ||
		!errors.Is(f.Omitted[0].Err, snapshot.ErrNoDelta) || !strings.Contains(f.Omitted[0].Err.Error(), "no smaller") {
		t.Errorf("deltas %+v, without %v", f.Opened.Manifest().Deltas, f.Omitted)
	}
}

// A write that fails leaves the folder as it was.
func TestFailedWrite(t *testing.T) {
	dir, b := t.TempDir(), newBuild(t, 100)
	next(t, b, dir)
	before, err := ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := func() []string {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, e := range entries {
			out = append(out, e.Name())
		}
		return out
	}
	want := names()
	base, err := b.OpenBase(dir)
	if err != nil {
		t.Fatal(err)
	}
	b.Base = base
	f, err := b.Make()
	if err != nil {
		t.Fatal(err)
	}
	// Another folder needs the source of the delta, which is not there any more.
	elsewhere := t.TempDir()
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(filepath.Join(dir, base.Manifest.FileName()), moved); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(t.Context(), elsewhere); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(elsewhere, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.Rename(moved, filepath.Join(dir, base.Manifest.FileName())); err != nil {
		t.Fatal(err)
	}
	if after, err := ReadManifest(dir); err != nil || !bytes.Equal(after, before) || len(names()) != len(want) {
		t.Errorf("%v is there, want %v", names(), want)
	}
}

// A signature is added to what is there, and the sealed list still belongs to it.
func TestCountersign(t *testing.T) {
	dir, b := t.TempDir(), newBuild(t, 100)
	f := next(t, b, dir)
	auditor, err := keys.Generate("auditor")
	if err != nil {
		t.Fatal(err)
	}
	signed, err := Countersign(f.Manifest, auditor)
	if err != nil || !bytes.HasPrefix(signed, f.Manifest) {
		t.Fatalf("error %v, manifest %q", err, signed)
	}
	if _, err := Countersign(signed, auditor); err != ErrSigned {
		t.Errorf("again: error %v", err)
	}
	if _, err := Countersign(signed, b.Keys); err != ErrSigned {
		t.Errorf("the first signer: error %v", err)
	}
	bad := bytes.Clone(signed)
	bad[len(bad)-10] ^= 1 // in the auditor's signature
	if _, err := Countersign(bad, auditor); err == nil || err == ErrSigned {
		t.Errorf("a broken signature: error %v", err)
	}
	if err := ReplaceManifest(dir, signed, f.Manifest); err == nil || !strings.Contains(err.Error(), "changed meanwhile") {
		t.Errorf("another manifest than before: error %v", err)
	}
	if err := ReplaceManifest(dir, f.Manifest, signed); err != nil {
		t.Fatal(err)
	}
	m, err := snapshot.OpenManifest(signed, snapshot.Trust{Roles: snapshot.Trusted(b.Keys.Verifier, auditor.Verifier)}, b.Now)
	if err != nil {
		t.Fatal(err)
	}
	l, err := os.Open(filepath.Join(dir, sealed.Name))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := sealed.Open(l, b.Keys.OPRF, m.Mark()); err != nil {
		t.Error(err)
	}
}
