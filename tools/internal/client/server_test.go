package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/testdata/pictures"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/picture"
	"github.com/preseal/preseal/tools/internal/publish"
)

// A testServer has a list and what confirms it, and records the requests.
type testServer struct {
	t     *testing.T
	dir   string
	build publish.Build
	url   string

	mu        sync.Mutex
	private   *voprf.Server
	intercept func(n int, w http.ResponseWriter, r *http.Request) bool // answers request n itself if it returns true
	seen      []string                                                 // method, path and length of each request
	bodies    [][]byte
}

func newTestServer(t *testing.T, set *list.Set) *testServer {
	t.Helper()
	k, err := keys.Generate("test")
	if err != nil {
		t.Fatal(err)
	}
	s := &testServer{t: t, dir: t.TempDir(), build: publish.Build{Keys: k, List: set, Now: time.Now(), Life: time.Hour}}
	web := httptest.NewUnstartedServer(s)
	web.Config.SetKeepAlivesEnabled(false) // or net/http itself repeats some requests
	web.Start()
	t.Cleanup(web.Close)
	s.url = web.URL
	return s
}

// publish builds the next version and returns it as a client opens it.
func (s *testServer) publish() *snapshot.Snapshot {
	s.t.Helper()
	s.build.List.Sort()
	b := s.build
	var err error
	if b.Base, err = b.OpenBase(s.dir); err != nil {
		s.t.Fatal(err)
	}
	files, err := b.MakePrivate(s.t.Context(), s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := files.Write(s.t.Context(), s.dir); err != nil {
		s.t.Fatal(err)
	}
	key, err := voprf.DeriveKey(b.Keys.OPRF)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.private = voprf.NewServer(key)
	return files.Opened
}

func (s *testServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.seen = append(s.seen, fmt.Sprintf("%s %s %d", r.Method, r.URL, len(body)))
	s.bodies = append(s.bodies, body)
	n, private, intercept := len(s.seen), s.private, s.intercept
	s.mu.Unlock()
	if r.Method == http.MethodPost {
		w.Header().Set("Content-Type", confirm.ContentType)
	}
	if intercept != nil && intercept(n, w, r) {
		return
	}
	if r.Method == http.MethodGet {
		http.ServeFile(w, r, filepath.Join(s.dir, strings.TrimPrefix(r.URL.Path, "/v1")))
		return
	}
	response, _ := private.Answer(body)
	w.Write(response)
}

// on sets what answers in the server's place.
func (s *testServer) on(intercept func(n int, w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercept = intercept
}

func (s *testServer) checker(opened *snapshot.Snapshot) *Checker {
	s.t.Helper()
	c, err := NewConfirmer(s.url, 10*time.Second)
	if err != nil {
		s.t.Fatal(err)
	}
	c.jitter = time.Millisecond
	return &Checker{Matcher: matcher.New(opened), Confirmer: c}
}

func (s *testServer) check(c *Checker, p *picture.Picture) Verdict {
	s.t.Helper()
	s.mu.Lock()
	s.seen, s.bodies = nil, nil
	s.mu.Unlock()
	v, err := c.Check(context.Background(), p, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.Requests != len(s.seen) {
		s.t.Errorf("%d requests are reported, and %d were made", v.Requests, len(s.seen))
	}
	return v
}

func photo(t *testing.T, seed uint64) (*picture.Picture, *phash.Image) {
	t.Helper()
	return readPicture(t, pictures.JPEG(pictures.Photo(seed, 640, 480), 85))
}
