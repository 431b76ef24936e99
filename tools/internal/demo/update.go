package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/publish"
	"github.com/preseal/preseal/tools/internal/server"
)

const (
	// first is the version at the start: there can be an older one.
	first = 2
	life  = 24 * time.Hour
	// maxOrder bounds a request to add a picture, in bytes.
	maxOrder = 1 << 10
)

var (
	errNotOffered = errors.New("there is no such picture to add")
	errListed     = errors.New("the picture is on the list already")
)

// A publisher publishes the demo's list, which grows while it is served, and serves it. Each version is signed by two keys,
// which stand for the list's authority and its auditor.
type publisher struct {
	dir                string
	authority, auditor *keys.Set
	problems           io.Writer

	serving atomic.Pointer[http.ServeMux] // the list and its confirmation
	version atomic.Uint64                 // of what is served
	faults  faults

	mu      sync.Mutex // held while a version is published
	list    *list.Set
	samples []Sample
	added   map[string]bool // by file: it is on the list itself
}

// newPublisher makes new keys and publishes the first version in dir.
func newPublisher(ctx context.Context, dir string, problems io.Writer, samples []Sample, now time.Time) (*publisher, error) {
	p := &publisher{dir: dir, problems: problems, samples: slices.Clone(samples), added: make(map[string]bool)}
	for _, s := range samples {
		p.added[s.File] = s.Variant == "original"
	}
	var err error
	if p.list, err = newList(ctx, samples); err != nil {
		return nil, err
	}
	if p.authority, err = keys.Generate("demo.preseal"); err != nil {
		return nil, err
	}
	if p.auditor, err = keys.Generate("auditor.demo.preseal"); err != nil {
		return nil, err
	}
	return p, p.publish(ctx, now)
}

// publish publishes the list as the next version and serves it from then on.
func (p *publisher) publish(ctx context.Context, now time.Time) error {
	build := publish.Build{Keys: p.authority, List: p.list, Now: now, Life: life}
	var err error
	if build.Base, err = build.OpenBase(p.dir); err != nil {
		return err
	}
	if build.Base == nil {
		build.Version = first
	}
	files, err := build.MakePrivate(ctx, p.dir)
	if err != nil {
		return err
	}
	if files.Manifest, err = publish.Countersign(files.Manifest, p.auditor); err != nil {
		return err
	}
	if err := files.Write(ctx, p.dir); err != nil {
		return err
	}
	folder, err := server.OpenPublic(p.dir, p.authority, 0, p.problems)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	server.Routes(mux, folder)
	p.serving.Store(mux)
	p.version.Store(folder.Manifest().Version)
	return nil
}

// add puts a sample on the list and publishes it. If that fails, the sample comes with the next version.
func (p *publisher) add(ctx context.Context, file string, now time.Time) (version uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.samples, func(s Sample) bool { return s.File == file })
	switch {
	case i < 0:
		return 0, errNotOffered
	case p.added[file]:
		return 0, errListed
	case p.samples[i].Variant != "unlisted" && p.samples[i].Of == "":
		return 0, errNotOffered
	}
	if err := addSample(ctx, p.list, p.samples[i]); err != nil {
		return 0, err
	}
	p.list.Sort()
	if err := p.publish(ctx, now); err != nil {
		return 0, err
	}
	p.added[file], p.samples[i].Listed = true, true
	return p.version.Load(), nil
}

// routes adds what the page reads of the list and asks of it. Pages of other origins cannot change anything.
func (p *publisher) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /lists/{name}", p.serveList)
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) { p.serving.Load().ServeHTTP(w, r) })
	mux.HandleFunc("GET /samples/index.json", p.serveSamples)
	guard := http.NewCrossOriginProtection()
	mux.Handle("POST /demo/list", guard.Handler(http.HandlerFunc(p.serveAdd)))
	mux.Handle("POST /demo/faults/{fault}", guard.Handler(http.HandlerFunc(p.serveFault)))
	for _, fault := range listFaults {
		mux.HandleFunc("GET /faults/"+fault+"/{name}", func(w http.ResponseWriter, r *http.Request) { p.serveBroken(w, r, fault) })
	}
}

func (p *publisher) serveSamples(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	samples := slices.Clone(p.samples)
	p.mu.Unlock()
	serveJSON(samples).ServeHTTP(w, r)
}

// serveAdd answers POST {"add": "<a sample's file>"} with {"version": <the version that has it>}.
func (p *publisher) serveAdd(w http.ResponseWriter, r *http.Request) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		http.Error(w, "the content type is not application/json", http.StatusUnsupportedMediaType)
		return
	}
	var order struct{ Add string }
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxOrder))
	body.DisallowUnknownFields()
	if err := body.Decode(&order); err != nil {
		http.Error(w, "the request is malformed", http.StatusBadRequest)
		return
	}
	// What has begun is finished, whether or not the page waits for it.
	version, err := p.add(context.WithoutCancel(r.Context()), order.Add, time.Now())
	switch {
	case errors.Is(err, errNotOffered):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.Is(err, errListed):
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil:
		p.report(err)
		http.Error(w, "the next version could not be published", http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		json.NewEncoder(w).Encode(map[string]uint64{"version": version})
	}
}

func (p *publisher) report(err error) { fmt.Fprintf(p.problems, "preseal: %v\n", err) }
