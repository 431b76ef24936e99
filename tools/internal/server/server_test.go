package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/publish"
	"github.com/preseal/preseal/tools/internal/sealed"
)

var listed = sha256.Sum256([]byte("listed"))

// published writes a version of a list of one entry to dir.
func published(t *testing.T, dir string, k *keys.Set, version uint64, entry [32]byte) {
	t.Helper()
	set := new(list.Set)
	set.Add(snapshot.SHA256, entry[:])
	b := publish.Build{Keys: k, List: set, Version: version, Now: time.Now(), Life: time.Hour}
	files, err := b.Make()
	if err != nil {
		t.Fatal(err)
	}
	if err := files.Write(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
}

func newKeys(t *testing.T) *keys.Set {
	t.Helper()
	k, err := keys.Generate("test")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func question(t *testing.T, hashes ...[32]byte) confirm.Question {
	t.Helper()
	var asked []confirm.Key
	for _, h := range hashes {
		asked = append(asked, confirm.Key{Lane: snapshot.SHA256, Bytes: h[:]})
	}
	q, err := confirm.PlainClient{}.Ask(asked)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// handler serves everything of a folder that was opened.
func handler(f *Folder, origins []string) http.Handler {
	s := NewService(f.private)
	s.Folder, s.Origins = f, origins
	return s.Handler()
}

func post(h http.Handler, path, media string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", media)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestConfirmation(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	published(t, dir, k, 1, listed)
	f, err := OpenFolder(dir, k, 0, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	h := handler(f, nil)
	q := question(t, sha256.Sum256([]byte("other")), listed)
	w := post(h, "/v1/plain", confirm.ContentType, q.Request())
	answers, err := q.Answers(w.Body.Bytes())
	if w.Code != http.StatusOK || err != nil || answers[0].Listed || !answers[1].Listed {
		t.Fatalf("status %d, answers %v, error %v", w.Code, answers, err)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	for _, tc := range []struct {
		name, media string
		body        []byte
		want        int
	}{
		{"no body", confirm.ContentType, nil, 400},
		{"garbage", confirm.ContentType, []byte("garbage"), 400},
		{"a byte more", confirm.ContentType, append(bytes.Clone(q.Request()), 0), 400},
		{"too large", confirm.ContentType, make([]byte, confirm.MaxRequest+1), 413},
		{"a form's type", "text/plain", q.Request(), 415},
		{"no type", "", q.Request(), 415},
	} {
		if got := post(h, "/v1/plain", tc.media, tc.body).Code; got != tc.want {
			t.Errorf("%s: status %d, want %d", tc.name, got, tc.want)
		}
	}
}

func TestReload(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	published(t, dir, k, 1, listed)
	var problems bytes.Buffer
	f, err := OpenFolder(dir, k, 0, &problems)
	if err != nil {
		t.Fatal(err)
	}
	var news []uint64
	f.news = func(version uint64) { news = append(news, version) }
	other := sha256.Sum256([]byte("other"))
	// look makes the folder look at the manifest as if it had changed a second ago.
	look := func() {
		f.looked, f.state.changed = time.Time{}, time.Time{}
		f.current()
	}
	published(t, dir, k, 2, other)
	look()
	if f.Manifest().Version != 2 || !f.List().Set().Contains(snapshot.SHA256, other[:]) || f.List().Set().Contains(snapshot.SHA256, listed[:]) {
		t.Fatalf("version %d is in use, want the new one", f.Manifest().Version)
	}
	published(t, dir, k, 1, listed)
	look()
	if err := os.WriteFile(filepath.Join(dir, publish.ManifestFile), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	look()
	look() // the same problem is named once
	if f.Manifest().Version != 2 || !f.List().Set().Contains(snapshot.SHA256, other[:]) {
		t.Errorf("version %d is in use, want the last good one", f.Manifest().Version)
	}
	if got := strings.Count(problems.String(), "keeping version 2"); got != 2 {
		t.Errorf("problems %q, want two", &problems)
	}
	if !slices.Equal(news, []uint64{2}) {
		t.Errorf("news of versions %d, want 2 alone", news)
	}
}

// A list that arrives after its manifest is loaded, too.
func TestReloadRetries(t *testing.T) {
	dir, next, k := t.TempDir(), t.TempDir(), newKeys(t)
	published(t, dir, k, 1, listed)
	published(t, next, k, 2, sha256.Sum256([]byte("other")))
	f, err := OpenFolder(dir, k, 0, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	f.state.changed = time.Time{} // the dates of the two may be the same
	names, err := filepath.Glob(filepath.Join(next, "*.snap"))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{publish.ManifestFile, filepath.Base(names[0]), sealed.Name} {
		b, err := os.ReadFile(filepath.Join(next, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		f.looked = time.Time{}
		if got, want := f.Manifest().Version, []uint64{1, 1, 2}[i]; got != want {
			t.Errorf("version %d with the new %s, want %d", got, name, want)
		}
	}
}

// While one request loads, others get the state before.
func TestReloadServes(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	published(t, dir, k, 1, listed)
	f, err := OpenFolder(dir, k, 0, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	published(t, dir, k, 2, listed)
	f.loading, f.looked, f.state.changed = true, time.Time{}, time.Time{}
	if got := f.Manifest().Version; got != 1 {
		t.Errorf("version %d while another request loads, want 1", got)
	}
	f.loading = false
	var requests sync.WaitGroup
	for range 8 {
		requests.Go(func() { f.List() })
	}
	requests.Wait()
	if got := f.Manifest().Version; got != 2 {
		t.Errorf("version %d, want 2", got)
	}
}

func TestOrigins(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	published(t, dir, k, 1, listed)
	f, err := OpenFolder(dir, k, 0, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	h := handler(f, []string{"https://chat.example"})
	for _, tc := range []struct{ method, origin, allowed string }{
		{"GET", "https://chat.example", "https://chat.example"},
		{"OPTIONS", "https://chat.example", "https://chat.example"},
		{"GET", "https://evil.example", ""},
		{"GET", "", ""},
		{"GET", "null", ""},
	} {
		r := httptest.NewRequest(tc.method, "/lists/manifest", nil)
		r.Header.Set("Origin", tc.origin)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != tc.allowed || w.Code >= 300 {
			t.Errorf("%s from %q: status %d, allowed %q, want %q", tc.method, tc.origin, w.Code, got, tc.allowed)
		}
		if exposed := w.Header().Get("Access-Control-Expose-Headers"); strings.Contains(exposed, "Content-Range, ETag") != (tc.allowed != "") {
			t.Errorf("%s from %q: exposed %q", tc.method, tc.origin, exposed)
		}
		if asked := w.Header().Get("Access-Control-Allow-Headers"); strings.Contains(asked, "If-Range, Range") != (tc.method == "OPTIONS") {
			t.Errorf("%s from %q: may be asked with %q", tc.method, tc.origin, asked)
		}
		if w.Header().Get("Vary") != "Origin" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("headers %v", w.Header())
		}
	}
}

func relayServer(t *testing.T) *httptest.Server {
	t.Helper()
	relay, mux := new(Relay), http.NewServeMux()
	mux.HandleFunc("POST /relay/{box}", relay.Post)
	mux.HandleFunc("GET /relay/{box}", relay.Get)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func request(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.StatusCode, string(b)
}

func TestRelay(t *testing.T) {
	s := relayServer(t)
	expect := func(method, path, body string, wantStatus int, wantBody string) {
		t.Helper()
		if status, got := request(t, method, s.URL+path, body); status != wantStatus || wantStatus < 300 && got != wantBody {
			t.Errorf("%s %s: %d %q, want %d %q", method, path, status, got, wantStatus, wantBody)
		}
	}
	expect("GET", "/relay/bob", "", 204, "")
	expect("POST", "/relay/bob", "one", 204, "")
	expect("POST", "/relay/bob", "two", 204, "")
	expect("GET", "/relay/alice", "", 204, "")
	expect("GET", "/relay/bob", "", 200, "one")
	expect("GET", "/relay/bob?wait=25", "", 200, "two")
	expect("GET", "/relay/bob?wait=0", "", 204, "")
	expect("GET", "/relay/bob?wait=soon", "", 400, "")
	expect("GET", "/relay/Bob", "", 404, "")
	expect("POST", "/relay/"+strings.Repeat("b", 65), "x", 404, "")

	// A reader that waits gets what comes.
	got := make(chan string)
	go func() {
		_, body := request(t, "GET", s.URL+"/relay/bob?wait=25", "")
		got <- body
	}()
	expect("POST", "/relay/bob", "three", 204, "")
	if body := <-got; body != "three" {
		t.Errorf("the reader got %q", body)
	}
	for range maxWaiting {
		expect("POST", "/relay/full", "x", 204, "")
	}
	expect("POST", "/relay/full", "x", 507, "")
}

func TestRelayBounds(t *testing.T) {
	r := new(Relay)
	for i := range maxRelayed / MaxMessage {
		if err := r.put(string(rune('a'+i)), make([]byte, MaxMessage)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.put("z", []byte{1}); err != errFull {
		t.Errorf("error %v, want errFull", err)
	}
	r.boxes["a"].messages[0].at = time.Now().Add(-2 * maxAge)
	if err := r.put("z", []byte{1}); err != nil {
		t.Errorf("error %v after a message expired", err)
	}
	if r.boxes["a"] != nil {
		t.Error("the empty box is still there")
	}
}

func TestRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	entered := make(chan struct{})
	go func() {
		done <- Run(ctx, l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
		}), io.Discard)
	}()
	go http.Get(URL(l))
	<-entered
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
