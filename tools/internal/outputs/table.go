// Package outputs makes what the private confirmation needs of a list: the output of the server's function for the key of
// every entry, and the entries sealed with them.
//
// An output takes tens of microseconds, so that a list of millions takes minutes on all cores. A Journal keeps what is
// done: a build that is interrupted goes on where it was, and the next version of a list evaluates only what is new.
package outputs

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sort"
	"sync"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/list"
)

// A Table has the output of every key of a list, in 64 bytes each besides the key. It is as secret as the list.
type Table struct {
	index   *list.Index
	columns []*column
	known   int // outputs
}

// A column has the keys of a lane.
type column struct {
	lane    snapshot.Lane
	keys    []byte // different ones, ascending, one after the other
	outputs []confirm.Output
	known   []bool
}

// NewTable returns a table of a list's keys, without their outputs.
func NewTable(x *list.Index) *Table {
	t := &Table{index: x}
	for _, lane := range list.Lanes {
		keys := x.Keys(lane)
		if n := len(keys) / lane.KeySize(); n > 0 {
			t.columns = append(t.columns, &column{lane, keys, make([]confirm.Output, n), make([]bool, n)})
		}
	}
	return t
}

// Len returns the number of keys.
func (t *Table) Len() int {
	n := 0
	for _, c := range t.columns {
		n += len(c.outputs)
	}
	return n
}

// Known returns how many of the keys have their output.
func (t *Table) Known() int { return t.known }

// Values returns the first eight bytes of each output as a big-endian number. All must be known.
func (t *Table) Values() []uint64 {
	values := make([]uint64, 0, t.Len())
	for _, c := range t.columns {
		for i := range c.outputs {
			values = append(values, c.outputs[i].Value(64))
		}
	}
	return values
}

func (c *column) key(i int) confirm.Key {
	size := c.lane.KeySize()
	return confirm.Key{Lane: c.lane, Bytes: c.keys[i*size : (i+1)*size]}
}

// set takes rows of a key and its output each, as the journal has them, and counts those that it could use.
func (t *Table) set(lane snapshot.Lane, rows []byte) (used, spare int) {
	size := lane.KeySize()
	for ; len(rows) > 0; rows = rows[size+outputSize:] {
		if t.setRow(lane, rows[:size], rows[size:]) {
			used++
		} else {
			spare++
		}
	}
	return used, spare
}

// setRow reports whether the key was without its output.
func (t *Table) setRow(lane snapshot.Lane, key, output []byte) bool {
	for _, c := range t.columns {
		if c.lane != lane {
			continue
		}
		i := sort.Search(len(c.outputs), func(i int) bool { return bytes.Compare(c.key(i).Bytes, key) >= 0 })
		if i == len(c.outputs) || c.known[i] || !bytes.Equal(c.key(i).Bytes, key) {
			return false
		}
		c.outputs[i], c.known[i] = confirm.Output(output), true
		t.known++
		return true
	}
	return false
}

// A run is the rows of a chunk of a journal: keys of one column.
type run struct {
	column *column
	at     []int
}

// missing yields runs of keys without an output.
func (t *Table) missing(yield func(run) bool) {
	for _, c := range t.columns {
		r := run{column: c}
		for i, known := range c.known {
			if known {
				continue
			}
			if r.at = append(r.at, i); len(r.at) == chunkRows {
				if !yield(r) {
					return
				}
				r.at = nil
			}
		}
		if len(r.at) > 0 && !yield(r) {
			return
		}
	}
}

// Evaluate computes the outputs that are missing, on all cores, and keeps them in a journal. It tells progress, which may
// be nil, how many of them are done. If ctx ends, what is done is kept, and the error is that of ctx.
func (t *Table) Evaluate(ctx context.Context, key *voprf.PrivateKey, j *Journal, progress func(done, total int)) error {
	evaluator, total := voprf.NewEvaluator(key), t.Len()-t.known
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	runs := make(chan run)
	var mu sync.Mutex // of the table's counts, the journal and progress
	var workers sync.WaitGroup
	done := 0
	finish := func(r run, n int) error {
		mu.Lock()
		defer mu.Unlock()
		if err := j.append(r.column, r.at[:n]); err != nil {
			return err
		}
		for _, i := range r.at[:n] {
			r.column.known[i] = true
		}
		t.known += n
		if done += n; progress != nil {
			progress(done, total)
		}
		return nil
	}
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for r := range runs {
				n, err := r.evaluate(ctx, evaluator)
				if n > 0 && err == nil {
					err = finish(r, n)
				}
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	t.missing(func(r run) bool {
		select {
		case runs <- r:
			return true
		case <-ctx.Done():
			return false
		}
	})
	close(runs)
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("evaluate the list: %w", err)
	}
	return nil
}

// evaluate returns how many outputs it computed: not all if ctx ends.
func (r run) evaluate(ctx context.Context, evaluator *voprf.Evaluator) (int, error) {
	for n, i := range r.at {
		if ctx.Err() != nil {
			return n, nil
		}
		var err error
		if r.column.outputs[i], err = evaluator.Output(r.column.key(i)); err != nil {
			return n, err
		}
	}
	return len(r.at), nil
}
