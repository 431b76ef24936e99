package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/outputs"
	"github.com/preseal/preseal/tools/internal/sealed"
)

// private is what the private confirmation takes of a list.
type private struct {
	public   confirm.PublicKey
	table    *outputs.Table
	capacity uint64 // of the outputs
	kept     bool   // the journal in the folder has these outputs and no others
}

// Evaluated says how many outputs were computed, and how many were known.
type Evaluated struct{ Computed, Known int }

// MakePrivate drafts, evaluates and publishes for the private confirmation. Dir is where the files are to be written.
func (b *Build) MakePrivate(ctx context.Context, dir string) (*Files, error) {
	d, err := b.Draft()
	if err != nil {
		return nil, err
	}
	if d, _, err = d.Evaluate(ctx, dir); err != nil {
		return nil, err
	}
	return d.Publish()
}

// Evaluate makes a draft for the private confirmation out of one without outputs: it computes those of all entries. What is
// known already is taken from the journals in dir, the folder that is written to later, and in that of Base; what is
// computed goes to the one in dir at once, so that an interrupted build can go on. The list must not change any more. It
// wraps *snapshot.OutgrownError, without a lane, if there are too many outputs for those of Base: another OPRF key has
// room for more.
func (d *Draft) Evaluate(ctx context.Context, dir string) (*Draft, Evaluated, error) {
	b := d.build
	key, err := voprf.DeriveKey(b.Keys.OPRF)
	if err != nil {
		return nil, Evaluated{}, err
	}
	b.step("looking for outputs")
	p := &private{public: key.Public(), table: outputs.NewTable(list.NewIndex(b.List, d.Opened.KeyBits(snapshot.PDQ)))}
	if p.capacity, err = d.capacity(p.public.ID()); err != nil {
		return nil, Evaluated{}, err
	}
	if n := uint64(p.table.Len()); n > 2*p.capacity {
		return nil, Evaluated{}, &snapshot.OutgrownError{Entries: n, Capacity: p.capacity}
	}
	known, err := p.evaluate(ctx, b, key, dir)
	if err != nil {
		return nil, Evaluated{}, err
	}
	b.private = p
	d, err = b.Draft()
	return d, Evaluated{p.table.Len() - known, known}, err
}

// capacity returns for how many outputs there is to be room: as long as the key stays that does, and with it the number of
// buckets. After that it is for as many as the lanes are sized for.
func (d *Draft) capacity(id confirm.KeyID) (capacity uint64, err error) {
	if base := d.build.Base; base != nil && base.Manifest.OPRF != nil && base.Manifest.OPRF.KeyID == id {
		s, err := base.open()
		if err != nil {
			return 0, err
		}
		return s.Outputs().Capacity(), nil
	}
	for _, l := range d.manifest.Lanes {
		capacity += l.Capacity
	}
	return capacity, nil
}

// evaluate fills the table and returns how many outputs were known.
func (p *private) evaluate(ctx context.Context, b *Build, key *voprf.PrivateKey, dir string) (known int, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	journal, err := outputs.OpenJournal(filepath.Join(dir, outputs.Name), b.Keys.OPRF, p.public.ID(), p.table)
	if err != nil {
		return 0, err
	}
	if b.Base != nil && !sameFolder(b.Base.Dir, dir) {
		err = outputs.ReadJournal(filepath.Join(b.Base.Dir, outputs.Name), b.Keys.OPRF, p.public.ID(), p.table)
	}
	known = p.table.Known()
	if err == nil {
		err = p.table.Evaluate(ctx, key, journal, func(done, total int) { b.count("outputs", done, total) })
	}
	p.kept = journal.Holds(p.table)
	return known, errors.Join(err, journal.Close())
}

func sameFolder(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func (p *private) spec() *snapshot.OutputsSpec {
	return &snapshot.OutputsSpec{
		Key: snapshot.OPRF{KeyID: p.public.ID(), PublicKey: p.public}, Outputs: p.table.Values(), Capacity: p.capacity,
	}
}

// check looks a few of the outputs up in what was built.
func (p *private) check(s *snapshot.Snapshot) error {
	values := p.table.Values()
	for i := 0; i < len(values); i += 1 + len(values)/1000 {
		there, err := s.Outputs().Contains(values[i])
		if err == nil && !there {
			err = errors.New("an output is missing")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writePrivate adds the journal, if it has to be written anew, and writes the buckets, which remain to be published.
func (f *Files) writePrivate(ctx context.Context, w *writer) (*outputs.Buckets, error) {
	p := f.build.private
	if !p.kept {
		f.build.step("keeping the outputs")
		w.add(outputs.Name, func(to io.Writer) error { return p.table.Seal(to, f.build.Keys.OPRF, p.public.ID()) })
	}
	bits := confirm.BucketBits(f.Opened.Outputs().Capacity())
	return p.table.WriteBuckets(ctx, outputs.BucketsDir(w.dir, p.public.ID()), bits, func(done, total int) { f.build.count("buckets", done, total) })
}

// writePlain adds the sealed list.
func (f *Files) writePlain(w *writer) {
	f.build.step("sealing the list")
	w.add(sealed.Name, func(to io.Writer) error {
		if err := sealed.Seal(to, f.build.List, f.build.Keys.OPRF, f.Opened.Manifest().Mark()); err != nil {
			return fmt.Errorf("seal the list: %w", err)
		}
		return nil
	})
}
