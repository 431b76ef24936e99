package outputs

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
)

// EntriesDir is the name of the folder with the sealed entries in a snapshot's folder. It has a folder for each key id.
const EntriesDir = "entries"

// BucketsDir returns where the buckets of a key are in a snapshot's folder.
func BucketsDir(dir string, id confirm.KeyID) string {
	return filepath.Join(dir, EntriesDir, hex.EncodeToString(id[:]))
}

// Buckets are a list's sealed entries on the way to their folder. All are on disk under temporary names, but for those
// that are there already.
type Buckets struct {
	dir       string
	names     []string          // of all, sorted
	temporary map[string]string // of those that change
}

// WriteBuckets seals the entries of a list whose outputs are all known, and writes them beside the buckets in dir, which
// clients take as voprf.Open and confirm.BucketBits say. There is a file for each number of so many bits, empty or not:
// that one is not there would be an answer, too. It tells progress, which may be nil, how many buckets are done.
func (t *Table) WriteBuckets(ctx context.Context, dir string, bits int, progress func(done, total int)) (*Buckets, error) {
	if t.known < t.Len() {
		return nil, errors.New("seal the entries: not all outputs are known")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	b := &Buckets{dir: dir, temporary: make(map[string]string)}
	for n := range uint64(1) << bits {
		b.names = append(b.names, confirm.BucketName(n, bits))
	}
	members, starts := t.group(bits)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex // of b, next and done
	var workers sync.WaitGroup
	next, done := 0, 0
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next <= len(b.names) && ctx.Err() == nil
	}
	finish := func(name, temporary string) {
		mu.Lock()
		defer mu.Unlock()
		if temporary != "" {
			b.temporary[name] = temporary
		}
		if done++; progress != nil {
			progress(done, len(b.names))
		}
	}
	// Most of the time goes by in waiting for the disk.
	for range 4 * runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for n, more := take(); more; n, more = take() {
				content, err := t.bucket(members[starts[n]:starts[n+1]])
				temporary := ""
				if err == nil {
					temporary, err = replace(filepath.Join(dir, b.names[n]), content)
				}
				finish(b.names[n], temporary)
				if err != nil {
					cancel(fmt.Errorf("bucket %s: %w", b.names[n], err))
				}
			}
		})
	}
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		b.Discard()
		return nil, fmt.Errorf("seal the entries: %w", err)
	}
	return b, nil
}

// A member is a key of a bucket.
type member struct{ column, at uint32 }

// group returns the keys in the order of their buckets, and where each bucket begins.
func (t *Table) group(bits int) ([]member, []int) {
	starts := make([]int, 1<<bits+1)
	for _, c := range t.columns {
		for i := range c.outputs {
			starts[c.outputs[i].Value(bits)+1]++
		}
	}
	for i := range len(starts) - 1 {
		starts[i+1] += starts[i]
	}
	members, free := make([]member, t.Len()), slices.Clone(starts)
	for n, c := range t.columns {
		for i := range c.outputs {
			bucket := c.outputs[i].Value(bits)
			members[free[bucket]] = member{uint32(n), uint32(i)}
			free[bucket]++
		}
	}
	return members, starts
}

// bucket returns the sorted records of keys.
func (t *Table) bucket(members []member) ([]byte, error) {
	var records [][]byte
	for _, m := range members {
		c := t.columns[m.column]
		of, err := voprf.Seal(&c.outputs[m.at], t.index.Entries(c.key(int(m.at))))
		if err != nil {
			return nil, err
		}
		records = append(records, of...)
	}
	if size := len(records) * voprf.RecordSize; size > voprf.MaxBucket {
		return nil, fmt.Errorf("%d bytes of entries are more than %d: too many share a key", size, voprf.MaxBucket)
	}
	slices.SortFunc(records, bytes.Compare)
	return slices.Concat(records...), nil
}

// replace writes what is to become a file, unless it has that content, and returns where.
func replace(path string, content []byte) (temporary string, err error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() == int64(len(content)) {
		if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, content) {
			return "", nil
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".preseal-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	return f.Name(), errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
}

// Changed returns how many buckets change, of how many.
func (b *Buckets) Changed() (changed, total int) { return len(b.temporary), len(b.names) }

// Publish gives the buckets their names and removes whatever else is in their folder. The folder gets a new date.
func (b *Buckets) Publish() error {
	for _, name := range b.names {
		if temporary := b.temporary[name]; temporary != "" {
			if err := os.Rename(temporary, filepath.Join(b.dir, name)); err != nil {
				return err
			}
		}
	}
	there, err := os.ReadDir(b.dir)
	if err != nil {
		return err
	}
	for _, e := range there {
		if _, is := slices.BinarySearch(b.names, e.Name()); !is {
			if err := os.Remove(filepath.Join(b.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	now := time.Now()
	if err := os.Chtimes(b.dir, now, now); err != nil {
		return err
	}
	if d, err := os.Open(b.dir); err == nil {
		d.Sync() // not every system can; the files themselves are on disk
		d.Close()
	}
	return nil
}

// Discard removes what has not been published.
func (b *Buckets) Discard() {
	for _, temporary := range b.temporary {
		os.Remove(temporary) // finds nothing after Publish
	}
}
