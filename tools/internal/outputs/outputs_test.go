package outputs

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/list"
)

const keyBits = 52

var secret = [32]byte{1}

func testKey(t testing.TB) *voprf.PrivateKey {
	t.Helper()
	key, err := voprf.DeriveKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// index lists n hashes of each lane, from one on. A third of the pHashes come with a PDQ hash, and two PDQ hashes in a
// row share their key.
func index(from, n int) *list.Index {
	set := new(list.Set)
	for i := from; i < from+n; i++ {
		digest := [32]byte{31: byte(i), 30: byte(i >> 8), 1: 1}
		set.AddLabelled(snapshot.SHA256, digest[:], fmt.Sprint("digest ", i), list.Place{})
		hash := binary.BigEndian.AppendUint64(nil, uint64(i)*0x9e3779b97f4a7c15)
		set.Add(snapshot.PHash, hash)
		pdq := phash.PDQ{0: byte(i), 31: byte(i / 2), 30: byte(i / 2 >> 8), 16: byte(i / 2)}
		set.AddLabelled(snapshot.PDQ, pdq[:], "", list.Place{})
		if i%3 == 0 {
			set.AddPair(append(hash, pdq[:]...))
		}
	}
	set.Sort()
	return list.NewIndex(set, keyBits)
}

// evaluated fills a table, going on in the journal of a folder.
func evaluated(t testing.TB, x *list.Index, dir string) (table *Table, evaluations int) {
	t.Helper()
	key := testKey(t)
	table = NewTable(x)
	j, err := OpenJournal(filepath.Join(dir, Name), secret, key.Public().ID(), table)
	if err != nil {
		t.Fatal(err)
	}
	before := table.Known()
	last := 0
	err = table.Evaluate(context.Background(), key, j, func(done, total int) {
		if done <= last || done > total || total != table.Len()-before {
			t.Errorf("progress from %d to %d of %d", last, done, total)
		}
		last = done
	})
	if err := errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
	if table.Known() != table.Len() || last != table.Len()-before {
		t.Fatalf("%d of %d known, %d evaluated", table.Known(), table.Len(), last)
	}
	return table, last
}

// Every key has the output that a client gets, and only new ones are evaluated.
func TestEvaluate(t *testing.T) {
	dir := t.TempDir()
	first, n := evaluated(t, index(0, 300), dir)
	if n != first.Len() {
		t.Errorf("%d of %d evaluated", n, first.Len())
	}
	evaluator := voprf.NewEvaluator(testKey(t))
	for _, c := range first.columns {
		for i := range c.outputs {
			if i > 0 && bytes.Compare(c.key(i-1).Bytes, c.key(i).Bytes) >= 0 {
				t.Fatalf("%s: keys %d and %d are out of order", c.lane, i-1, i)
			}
			if i%20 != 0 {
				continue
			}
			if want, err := evaluator.Output(c.key(i)); err != nil || want != c.outputs[i] {
				t.Errorf("%s, key %d: another output than a client's, error %v", c.lane, i, err)
			}
		}
	}
	again, n := evaluated(t, index(0, 300), dir)
	if n != 0 || !slices.Equal(first.Values(), again.Values()) {
		t.Errorf("%d evaluated again", n)
	}
	next, n := evaluated(t, index(10, 300), dir)
	want := 0
	for _, c := range next.columns {
		for i := range c.outputs {
			if !first.has(c.key(i)) {
				want++
			}
		}
	}
	if n != want || want > 30 {
		t.Errorf("%d evaluated, want %d", n, want)
	}
}

func (t *Table) has(k confirm.Key) bool {
	for _, c := range t.columns {
		for i := range c.outputs {
			if c.lane == k.Lane && bytes.Equal(c.key(i).Bytes, k.Bytes) {
				return true
			}
		}
	}
	return false
}

// What was done when a build ended is kept.
func TestEvaluateInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), Name)
	key, table := testKey(t), NewTable(index(0, 400))
	j, err := OpenJournal(path, secret, key.Public().ID(), table)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err = table.Evaluate(ctx, key, j, func(int, int) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	done := table.Known()
	if done < 1 || done == table.Len() {
		t.Fatalf("%d of %d known", done, table.Len())
	}
	again := NewTable(index(0, 400))
	if err := ReadJournal(path, secret, key.Public().ID(), again); err != nil || again.Known() != done {
		t.Errorf("%d of %d are kept, error %v", again.Known(), done, err)
	}
}

func open(t *testing.T, path string, id confirm.KeyID, x *list.Index) (*Table, *Journal) {
	t.Helper()
	table := NewTable(x)
	j, err := OpenJournal(path, secret, id, table)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.file.Close() })
	return table, j
}

// A journal that is cut short anywhere, or changed, is good up to there, and goes on there.
func TestJournalCut(t *testing.T) {
	dir, x := t.TempDir(), index(0, 8)
	id := testKey(t).Public().ID()
	whole, _ := evaluated(t, x, dir)
	file, err := os.ReadFile(filepath.Join(dir, Name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "cut")
	known := -1
	check := func(name string, bad []byte) int {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		table, j := open(t, path, id, x)
		for _, c := range table.columns {
			for i, is := range c.known {
				if is && c.outputs[i] != whole.columns[slices.Index(table.columns, c)].outputs[i] {
					t.Fatalf("%s: a wrong output", name)
				}
			}
		}
		had := table.Known()
		rest := table.columns[len(table.columns)-1]
		if !rest.known[0] { // the last chunk: go on with it, and read all
			at := []int{0, 1, 2}
			for _, i := range at {
				rest.outputs[i] = confirm.Output{9}
			}
			if err := j.append(rest, at); err != nil {
				t.Fatal(err)
			}
			if again, _ := open(t, path, id, x); again.Known() != had+3 {
				t.Fatalf("%s: %d known, then %d, want 3 more", name, had, again.Known())
			}
		}
		return had
	}
	for cut := range file {
		had := check(fmt.Sprint("cut at ", cut), file[:cut])
		if had < known {
			t.Errorf("%d bytes have %d outputs, fewer have %d", cut, had, known)
		}
		known = had
	}
	for at := 0; at < len(file); at += 7 {
		bad := bytes.Clone(file)
		bad[at] ^= 1
		if had := check(fmt.Sprint("changed at ", at), bad); had == whole.Len() {
			t.Errorf("changed at %d: %d known", at, had)
		}
	}
	// Chunks in another order are not the journal's.
	if size := 56 + 16 + 2 + 8*(32+64) + 16; check("out of order", append(bytes.Clone(file[:56]), file[size:]...)) != 0 {
		t.Error("a chunk counts without the one before it")
	}
}

func TestJournalOfAnother(t *testing.T) {
	dir, x := t.TempDir(), index(0, 4)
	path := filepath.Join(dir, Name)
	whole, _ := evaluated(t, x, dir)
	id := testKey(t).Public().ID()
	for name, read := range map[string]func(*Table) error{
		"no file":        func(table *Table) error { return ReadJournal(path+"x", secret, id, table) },
		"another secret": func(table *Table) error { return ReadJournal(path, [32]byte{2}, id, table) },
		"another key":    func(table *Table) error { return ReadJournal(path, secret, confirm.KeyID{2}, table) },
	} {
		table := NewTable(x)
		if err := read(table); err != nil || table.Known() != 0 {
			t.Errorf("%s: %d known, error %v", name, table.Known(), err)
		}
	}
	if b, err := os.ReadFile(path); err != nil || bytes.Contains(b, whole.columns[0].keys[:8]) || bytes.Contains(b, whole.columns[0].outputs[0][:8]) {
		t.Errorf("the journal shows what is in it, error %v", err)
	}
	table, j := open(t, path, confirm.KeyID{2}, x)
	if table.Known() != 0 || j.Holds(table) {
		t.Errorf("a new key has %d outputs", table.Known())
	}
}

// A journal that was written anew has what the list has and nothing else.
func TestSeal(t *testing.T) {
	dir := t.TempDir()
	path, id := filepath.Join(dir, Name), testKey(t).Public().ID()
	evaluated(t, index(0, 400), dir)
	table, j := open(t, path, id, index(10, 300))
	if table.Known() != table.Len() || j.Holds(table) {
		t.Fatalf("%d of %d known, nothing but these: %v", table.Known(), table.Len(), j.Holds(table))
	}
	var b bytes.Buffer
	if err := table.Seal(&b, secret, id); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	again, _ := open(t, path, id, index(0, 400))
	if again.Known() != table.Len() || !slices.Equal(table.Values(), again.knownValues()) {
		t.Errorf("%d known, want %d", again.Known(), table.Len())
	}
	if table, j = open(t, path, id, index(10, 300)); !j.Holds(table) {
		t.Error("it has something else")
	}
}

// knownValues is Values of what is known.
func (t *Table) knownValues() (values []uint64) {
	for _, c := range t.columns {
		for i, known := range c.known {
			if known {
				values = append(values, c.outputs[i].Value(64))
			}
		}
	}
	return values
}

func FuzzJournal(f *testing.F) {
	id := testKey(f).Public().ID()
	header, aead, err := begin(secret, id)
	if err != nil {
		f.Fatal(err)
	}
	c := NewTable(index(0, 3)).columns[0]
	good, err := appendChunk(nil, aead, 0, c, []int{0, 1, 2})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(append(good, 0, 0, 0, 2))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, chunks []byte) {
		_, end, n, err := read(bytes.NewReader(append(bytes.Clone(header), chunks...)), secret, id, func(lane snapshot.Lane, rows []byte) {
			if size := lane.KeySize(); size == 0 || len(rows)%(size+outputSize) != 0 {
				t.Errorf("%d bytes of rows in lane %s", len(rows), lane)
			}
		})
		if err != nil || end < int64(headerSize) || end > int64(headerSize+len(chunks)) || (n == 0) != (end == int64(headerSize)) {
			t.Errorf("%d chunks up to %d, error %v", n, end, err)
		}
	})
}

func FuzzParseChunk(f *testing.F) {
	f.Add(append([]byte{0, 3}, make([]byte, 8+outputSize)...))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, plain []byte) {
		lane, rows, ok := parseChunk(plain)
		if !ok {
			return
		}
		table := NewTable(index(0, 3))
		if used, spare := table.set(lane, rows); (used+spare)*(lane.KeySize()+outputSize) != len(rows) || used != table.Known() {
			t.Errorf("%d used and %d spare rows of %d bytes", used, spare, len(rows))
		}
	})
}
