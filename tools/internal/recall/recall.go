// Package recall measures how many copies of listed photographs a list finds,
// and how many innocent pictures it takes for copies, for each lane and number
// of probes, beside comparing whole hashes as others do.
//
// No filter is built. A copy is found with T probes exactly if its original's
// key is among the first T variants of the copy's key, so that the number of
// that variant, once known, answers for every T.
package recall

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/corpus"
)

// Probes are the numbers of probes that are compared.
var Probes = []int{1024, 4096, 16384, 65536, 262144}

// A Lane is a kind of key for each number of probes.
type Lane struct {
	Name    string
	kind    func(probes int) hashKind
	further []int // which augmentations of an image are listed besides itself
}

var lanes = []Lane{
	{"phash", func(int) hashKind { return pHash }, nil},
	{"pdq-52", func(int) hashKind { return 52 }, nil},
	{"pdq", func(probes int) hashKind { return hashKind(snapshot.PDQKeyBits(Entries, probes)) }, nil},
}

// Options say what to measure. The zero value measures everything.
type Options struct {
	Images   int    // photographs at most, evenly chosen; 0 means all
	Group    string // one group of transforms; "" means all
	Copies   bool   // leave the innocent pictures out
	Progress func(what string, done, total int64)
}

// A Set is the base images of one kind.
type Set struct {
	Name        string
	Pictures    int // in the corpus
	Featureless int // of them, below the gate: neither listed nor probed
}

// A Result is what was measured.
type Result struct {
	Corpus     *corpus.Corpus
	Sets       []Set
	Lanes      []Lane
	Augmented  []Lane // pdq with further keys of each image
	Alone      []Lane // pdq with one further key, each in turn
	Transforms []Transform
	Confusions []Confusion // pairs of unrelated photographs at 48 or less
	Pairs      int         // of unrelated photographs

	Drawings     int // common pictures without a photograph
	Plain        int // of them, below the gate
	kinds        []hashKind
	further      []string            // names of the augmentations among the hashes
	furtherKinds map[hashKind]int    // the augmented lanes' kinds, and their most probes
	copies       map[string][]copied // by set
	queries      []innocent          // photographs, then drawings
	photos       int                 // of them
	hits         map[hashKind][][]hit
	filters      map[string]map[int]filter // by lane and probes
	collisions   []copied                  // each drawing that passes the gate, as a copy of each other one
}

// Run measures. It keeps hashes in the corpus's folder, so that the next run
// with the same code and transforms is quick.
func Run(ctx context.Context, c *corpus.Corpus, o Options) (*Result, error) {
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	r := &Result{Corpus: c, Lanes: lanes, copies: map[string][]copied{}, furtherKinds: map[hashKind]int{}}
	r.Augmented, r.Alone = further()
	for _, lane := range r.Lanes {
		for _, t := range Probes {
			r.kinds = append(r.kinds, lane.kind(t))
		}
	}
	for _, lane := range slices.Concat(r.Augmented, r.Alone) {
		for _, t := range furtherProbes {
			k := lane.kind(t)
			r.kinds, r.furtherKinds[k] = append(r.kinds, k), max(r.furtherKinds[k], t)
		}
	}
	slices.Sort(r.kinds)
	r.kinds = slices.Compact(r.kinds)
	for _, t := range Transforms(c) {
		if o.Group == "" || t.Group == o.Group {
			r.Transforms = append(r.Transforms, t)
		}
	}
	if len(r.Transforms) == 0 {
		return nil, fmt.Errorf("there is no group %q: choose one of %s", o.Group, strings.Join(Groups, ", "))
	}
	chosen := choose(c.Pictures, o.Images)
	all, err := r.hash(ctx, chosen, o)
	if err != nil {
		return nil, err
	}
	if err := r.compare(ctx, chosen, all, o); err != nil {
		return nil, err
	}
	if err := r.buildAll(); err != nil || o.Copies {
		return r, err
	}
	listed := r.listed(chosen, all)
	r.confusions(listed)
	drawings, err := r.draw(80)
	if err != nil {
		return nil, err
	}
	r.photos, r.queries = len(listed), slices.Concat(listed, drawings)
	return r, r.innocents(ctx, listed, r.queries, o.Progress)
}

// choose takes n pictures, evenly.
func choose(pictures []corpus.Picture, n int) []corpus.Picture {
	if n <= 0 || n >= len(pictures) {
		return pictures
	}
	out := make([]corpus.Picture, n)
	for i := range out {
		out[i] = pictures[i*len(pictures)/n]
	}
	return out
}

// hash returns the pictures' hashes under each transform.
func (r *Result) hash(ctx context.Context, pictures []corpus.Picture, o Options) ([]map[string]*Hashed, error) {
	cache, err := newCache(r.Corpus.Dir)
	if err != nil {
		return nil, err
	}
	r.further = cache.further
	out := make([]map[string]*Hashed, len(pictures))
	total, done := int64(len(pictures)*len(r.Transforms)), atomic.Int64{}
	var mu sync.Mutex
	return out, parallel(ctx, len(pictures), func(i int) (err error) {
		out[i], err = cache.variants(pictures[i], r.Transforms, func() {
			n := done.Add(1)
			mu.Lock()
			defer mu.Unlock()
			o.Progress("hashing copies", n, total)
		})
		return err
	}, func(int) {})
}

// compare fills in the copies.
func (r *Result) compare(ctx context.Context, pictures []corpus.Picture, all []map[string]*Hashed, o Options) error {
	copies := make([][]copied, len(pictures))
	err := parallel(ctx, len(pictures), func(i int) error {
		listed := all[i][original]
		if listed.whole().Featureless() {
			return nil
		}
		for t, transform := range r.Transforms {
			query := all[i][transform.Name]
			if len(query.Windows) == 0 { // it does nothing to this picture
				continue
			}
			c := compare(listed, query, r.kinds, slices.Max(Probes))
			c.picture, c.transform = i, t
			r.compareFurther(&c, all[i], query)
			copies[i] = append(copies[i], c)
		}
		return nil
	}, func(done int) { o.Progress("comparing copies, pictures", int64(done), int64(len(pictures))) })
	for _, name := range []string{corpus.Whole, corpus.Crops} {
		set := Set{Name: name}
		for i, p := range pictures {
			if p.Set != name {
				continue
			}
			set.Pictures++
			if all[i][original].whole().Featureless() {
				set.Featureless++
			}
			r.copies[name] = append(r.copies[name], copies[i]...)
		}
		r.Sets = append(r.Sets, set)
	}
	return err
}

// listed returns the pictures that pass the gate, with numbers for their photos.
func (r *Result) listed(pictures []corpus.Picture, all []map[string]*Hashed) (out []innocent) {
	photos := map[string]int{}
	for i, p := range pictures {
		if _, ok := photos[p.Photo]; !ok {
			photos[p.Photo] = len(photos)
		}
		if h := all[i][original]; !h.whole().Featureless() {
			out = append(out, innocent{p.Name, h, photos[p.Photo]})
		}
	}
	return out
}

// confusions compares all photographs with each other, in all orientations.
func (r *Result) confusions(listed []innocent) {
	for i, a := range listed {
		turned := orientations(a.hashed.whole())
		for _, b := range listed[:i] {
			if a.photo == b.photo {
				continue
			}
			r.Pairs++
			if d := nearest(b.hashed.whole().PDQ, turned); d <= 48 {
				r.Confusions = append(r.Confusions, Confusion{a.name, b.name, d})
			}
		}
	}
	slices.SortFunc(r.Confusions, func(a, b Confusion) int { return a.Distance - b.Distance })
}

// parallel calls f for 0 to n-1 on all processors, and tick after each.
func parallel(ctx context.Context, n int, f func(int) error, tick func(done int)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next, done int
	var mu sync.Mutex
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= n || ctx.Err() != nil {
					return
				}
				if err := f(i); err != nil {
					stop(err)
					return
				}
				mu.Lock()
				done++
				tick(done)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
