package outputs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/list"
)

func write(t *testing.T, table *Table, dir string, bits int) *Buckets {
	t.Helper()
	b, err := table.WriteBuckets(context.Background(), dir, bits, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every key's entries are in its bucket, all buckets are there, and those that do not change stay as they are.
func TestBuckets(t *testing.T) {
	for _, bits := range []int{0, 1, 5} {
		dir, x := t.TempDir(), index(0, 60)
		buckets := BucketsDir(dir, testKey(t).Public().ID())
		table, _ := evaluated(t, x, dir)
		b := write(t, table, buckets, bits)
		if changed, total := b.Changed(); changed != 1<<bits || total != 1<<bits {
			t.Errorf("%d of %d buckets change, want all %d", changed, total, 1<<bits)
		}
		if _, err := os.Stat(filepath.Join(buckets, b.names[0])); err == nil {
			t.Error("a bucket is there before it is published")
		}
		if err := b.Publish(); err != nil {
			t.Fatal(err)
		}
		opens(t, table, buckets, bits)

		// Another entry, and one fewer.
		next, _ := evaluated(t, index(1, 60), dir)
		b = write(t, next, buckets, bits)
		changed, _ := b.Changed()
		if changed < 1 || bits == 5 && changed > 8 {
			t.Errorf("%d buckets change", changed)
		}
		old := time.Now().Add(-time.Hour)
		for _, name := range b.names {
			if err := os.Chtimes(filepath.Join(buckets, name), old, old); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Publish(); err != nil {
			t.Fatal(err)
		}
		opens(t, next, buckets, bits)
		for _, name := range b.names {
			info, err := os.Stat(filepath.Join(buckets, name))
			if err != nil {
				t.Fatal(err)
			}
			if _, changes := b.temporary[name]; changes == info.ModTime().Before(old.Add(time.Minute)) {
				t.Errorf("bucket %s changes: %v, and is of %s", name, changes, info.ModTime())
			}
		}
		gone := table.columns[0].outputs[0]
		if content, err := os.ReadFile(filepath.Join(buckets, gone.Bucket(bits))); err != nil {
			t.Error(err)
		} else if _, err := voprf.Open(&gone, content); err == nil {
			t.Error("an entry that was removed can be opened")
		}
	}
}

func opens(t *testing.T, table *Table, dir string, bits int) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1<<bits {
		t.Fatalf("%d files for %d bits, error %v", len(files), bits, err)
	}
	for _, c := range table.columns {
		for i := range c.outputs {
			content, err := os.ReadFile(filepath.Join(dir, c.outputs[i].Bucket(bits)))
			if err != nil {
				t.Fatal(err)
			}
			entries, err := voprf.Open(&c.outputs[i], content)
			if want := table.index.Entries(c.key(i)); err != nil || !reflect.DeepEqual(entries, want) {
				t.Fatalf("%s, key %d: %+v, error %v, want %+v", c.lane, i, entries, err, want)
			}
		}
	}
}

// What is left of a build that was cut short goes, and what is discarded leaves nothing.
func TestBucketsLeftOver(t *testing.T) {
	dir := t.TempDir()
	table, _ := evaluated(t, index(0, 5), dir)
	buckets := filepath.Join(dir, EntriesDir)
	write(t, table, buckets, 3) // and killed
	write(t, table, buckets, 3).Discard()
	if err := write(t, table, buckets, 2).Publish(); err != nil {
		t.Fatal(err)
	}
	opens(t, table, buckets, 2)
	again := write(t, table, buckets, 2)
	if changed, total := again.Changed(); changed != 0 || total != 4 {
		t.Errorf("%d of %d buckets change", changed, total)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := table.WriteBuckets(ctx, filepath.Join(dir, "other"), 2, nil); err == nil {
		t.Error("no error for a context that has ended")
	}
	if files, err := os.ReadDir(filepath.Join(dir, "other")); err != nil || len(files) != 0 {
		t.Errorf("%d files are left, error %v", len(files), err)
	}
	if _, err := NewTable(index(0, 5)).WriteBuckets(context.Background(), buckets, 2, nil); err == nil {
		t.Error("no error for entries without their outputs")
	}
}

// No key has more entries than a client takes, and no bucket more bytes.
func TestManyEntriesOfOneKey(t *testing.T) {
	set := new(list.Set)
	for key := range 45 {
		for i := range confirm.MaxHashes + 1 {
			// The highest frequencies are not in the key.
			h := phash.PDQ{0: byte(i), 1: byte(i >> 8), 2: 1, 31: byte(key)}
			set.Add(snapshot.PDQ, h[:])
		}
	}
	set.Sort()
	x := list.NewIndex(set, keyBits)
	if n := len(x.Entries(confirm.Key{Lane: snapshot.PDQ, Bytes: x.Keys(snapshot.PDQ)[:8]})); n != confirm.MaxHashes {
		t.Fatalf("%d entries with one key", n)
	}
	dir := t.TempDir()
	table, _ := evaluated(t, x, dir)
	if table.Len() != 45 {
		t.Fatalf("%d keys", table.Len())
	}
	if _, err := table.WriteBuckets(context.Background(), dir, 0, nil); err == nil {
		t.Errorf("no error for a bucket of %s bytes", fmt.Sprint(45*confirm.MaxHashes*voprf.RecordSize))
	}
}
