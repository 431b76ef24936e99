package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/sealed"
)

// a buffer can be read while others write to it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// running is a service on the loopback interface.
type running struct {
	*Service
	key     *voprf.PrivateKey
	address string
	log     buffer
	stop    func() // and wait until it has
}

func newRunning(t *testing.T, change func(*Service)) *running {
	t.Helper()
	k := newKeys(t)
	private, err := NewPrivate(k)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Service: NewService(private), key: privateKey(t, k)}
	r.Log = slog.New(slog.NewJSONHandler(&r.log, nil))
	if change != nil {
		change(r.Service)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.address = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, l, nil) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEvaluateIsLimited(t *testing.T) {
	k := newKeys(t)
	private, err := NewPrivate(k)
	if err != nil {
		t.Fatal(err)
	}
	s := NewService(private)
	s.Limits = NewLimiter(Rate{PerSecond: 1. / 90, Burst: 2}, Rate{})
	h, key := s.Handler(), privateKey(t, k)
	for i, want := range []int{200, 200, 429} {
		q := privately(t, key.Public(), sixteen()...)
		w := post(h, "/v1/evaluate", confirm.ContentType, q.Request())
		_, err := q.Outputs(w.Body.Bytes())
		if w.Code != want || w.Body.Len() != 588 || (err == nil) != (want == 200) {
			t.Errorf("question %d: status %d, %d bytes, error %v, want %d", i, w.Code, w.Body.Len(), err, want)
		}
		var refusal *voprf.Refusal
		if after := w.Header().Get("Retry-After"); want == 429 && (!errors.As(err, &refusal) || refusal.Status != voprf.Busy || after != "90") {
			t.Errorf("question %d: error %v, Retry-After %q", i, err, after)
		}
	}
	// Malformed questions count as well.
	if w := post(h, "/v1/evaluate", confirm.ContentType, nil); w.Code != 429 || w.Body.Len() != 204 {
		t.Errorf("no body: status %d, %d bytes", w.Code, w.Body.Len())
	}
}

// When all processors are taken and the queue is full, the next question is refused at once.
func TestEvaluateIsBusy(t *testing.T) {
	k := newKeys(t)
	private, err := NewPrivate(k)
	if err != nil {
		t.Fatal(err)
	}
	s := NewService(private)
	s.gate = gate{make(chan struct{}, 2), make(chan struct{}, 1)}
	h, q := s.Handler(), privately(t, privateKey(t, k).Public(), listedKey)
	if !s.gate.enter() { // one that takes long
		t.Fatal("the gate is shut")
	}
	waited := make(chan int)
	go func() { waited <- post(h, "/v1/evaluate", confirm.ContentType, q.Request()).Code }()
	for len(s.gate.inside) < 2 {
		time.Sleep(time.Millisecond)
	}
	w := post(h, "/v1/evaluate", confirm.ContentType, q.Request())
	if w.Code != 429 || w.Body.Len() != 204 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("status %d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
	s.gate.leave()
	if got := <-waited; got != 200 {
		t.Errorf("the question that waited: status %d", got)
	}
}

func TestOlderKeys(t *testing.T) {
	old, current := newKeys(t), newKeys(t)
	current.Older = [][32]byte{old.OPRF}
	private, err := NewPrivate(current)
	if err != nil {
		t.Fatal(err)
	}
	h := NewService(private).Handler()
	for name, k := range map[string]*keys.Set{"old": old, "current": current} {
		q := privately(t, privateKey(t, k).Public(), listedKey)
		if _, err := q.Outputs(post(h, "/v1/evaluate", confirm.ContentType, q.Request()).Body.Bytes()); err != nil {
			t.Errorf("%s key: %v", name, err)
		}
	}
}

// Without --plain, the list stays sealed and need not even be there.
func TestPrivateNeedsNoList(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	published(t, dir, k, 1, listed)
	if err := os.Remove(filepath.Join(dir, sealed.Name)); err != nil {
		t.Fatal(err)
	}
	f, err := OpenPublic(dir, k, 0, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	h := handler(f, nil)
	if w := get(h, "/lists/manifest"); w.Code != 200 {
		t.Errorf("manifest: status %d", w.Code)
	}
	if w := post(h, "/v1/plain", confirm.ContentType, question(t, listed).Request()); w.Code != 404 {
		t.Errorf("plain: status %d", w.Code)
	}
	if _, err := OpenFolder(dir, k, 0, io.Discard); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("with the list: %v", err)
	}
}

func TestEntries(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	published(t, dir, k, 1, listed)
	const key = "0123456789abcdef"
	bucket := filepath.Join(dir, "entries", key, "0a")
	if err := os.MkdirAll(filepath.Join(filepath.Dir(bucket), "dd"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bucket, make([]byte, 202), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := OpenPublic(dir, k, 0, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	h := handler(f, []string{"https://chat.example"})
	w := get(h, "/v1/entries/"+key+"/0a", "Origin", "https://chat.example")
	etag := w.Header().Get("ETag")
	if w.Code != 200 || w.Body.Len() != 202 || w.Header().Get("Cache-Control") != "public, max-age=300" || etag == "" ||
		w.Header().Get("Access-Control-Allow-Origin") != "https://chat.example" {
		t.Errorf("status %d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
	if w := get(h, "/v1/entries/"+key+"/0a", "If-None-Match", etag); w.Code != 304 {
		t.Errorf("again: status %d", w.Code)
	}
	if err := os.WriteFile(bucket, make([]byte, 303), 0o644); err != nil {
		t.Fatal(err)
	}
	if w := get(h, "/v1/entries/"+key+"/0a", "If-None-Match", etag); w.Code != 200 || w.Body.Len() != 303 {
		t.Errorf("changed: status %d, %d bytes", w.Code, w.Body.Len())
	}
	for _, path := range []string{key + "/0b", key + "/0A", key + "/dd", key + "/", key + "/..", key + "/%2e%2e%2fmanifest", key + "/00000000000000001", "0123456789abcdeF/0a", "01/0a", "..%2f/0a"} {
		if w := get(h, "/v1/entries/"+path); w.Code == 200 {
			t.Errorf("%s: status %d, %d bytes", path, w.Code, w.Body.Len())
		}
	}
}

// A snapshot for a key that the server does not have is of no use to anyone.
func TestFolderOfAnotherKey(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	published(t, dir, k, 1, listed)
	f, err := OpenPublic(dir, k, 0, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	key := privateKey(t, k)
	m := snapshot.OPRF{KeyID: key.Public().ID(), PublicKey: key.Public()}
	if err := f.fits(&m); err != nil {
		t.Errorf("its own key: %v", err)
	}
	m.KeyID[0] ^= 1
	if err := f.fits(&m); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	if err := f.fits(nil); err != nil {
		t.Errorf("no key: %v", err)
	}
}

func TestHealth(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	published(t, dir, k, 1, listed)
	f, err := OpenPublic(dir, k, 0, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s := NewService(f.private)
	s.Folder = f
	for name, h := range map[string]http.Handler{"clients'": s.Handler(), "operator's": s.Admin()} {
		s.stopping.Store(false)
		f.state.opened.Expires = time.Now().Add(time.Hour)
		if w := get(h, "/healthz"); w.Code != 200 || w.Body.String() != "ok\n" {
			t.Errorf("%s: status %d, %q", name, w.Code, w.Body)
		}
		f.state.opened.Expires = time.Now().Add(-time.Hour)
		if w := get(h, "/healthz"); w.Code != 503 || !strings.Contains(w.Body.String(), "expired") {
			t.Errorf("%s, expired: status %d, %q", name, w.Code, w.Body)
		}
		f.state.opened.Expires = time.Now().Add(time.Hour)
		s.stopping.Store(true)
		if w := get(h, "/healthz"); w.Code != 503 {
			t.Errorf("%s, stopping: status %d", name, w.Code)
		}
	}
	if w := get(s.Handler(), "/metrics"); w.Code != 404 {
		t.Errorf("clients can read the metrics: status %d", w.Code)
	}
}

// A question under way when the end comes is answered.
func TestRunFinishes(t *testing.T) {
	r := newRunning(t, func(s *Service) { s.gate = gate{make(chan struct{}, 2), make(chan struct{}, 1)} })
	r.gate.enter() // one that takes long
	q := privately(t, r.key.Public(), listedKey)
	answered := make(chan error)
	go func() {
		w, err := http.Post("http://"+r.address+"/v1/evaluate", confirm.ContentType, bytes.NewReader(q.Request()))
		if err == nil {
			defer w.Body.Close()
			var b []byte
			if b, err = io.ReadAll(w.Body); err == nil {
				_, err = q.Outputs(b)
			}
		}
		answered <- err
	}()
	for len(r.gate.inside) < 2 {
		time.Sleep(time.Millisecond)
	}
	stopped := make(chan struct{})
	go func() {
		r.stop()
		close(stopped)
	}()
	for !r.stopping.Load() {
		time.Sleep(time.Millisecond)
	}
	r.gate.leave()
	if err := <-answered; err != nil {
		t.Errorf("the question under way: %v", err)
	}
	<-stopped
	if log := r.log.String(); !strings.Contains(log, `"msg":"stopping"`) || !strings.Contains(log, `"msg":"stopped"`) {
		t.Errorf("log %s", log)
	}
	if _, err := net.Dial("tcp", r.address); err == nil {
		t.Error("the listener is still open")
	}
}

// What net/http logs of a handler that panicked names no client.
func TestProblemsHideAddresses(t *testing.T) {
	for _, addresses := range []bool{false, true} {
		var log buffer
		w := Problems(slog.New(slog.NewJSONHandler(&log, nil)), addresses)
		for _, line := range []string{
			"preseal: http: panic serving 192.0.2.1:1234: runtime error\ngoroutine 5\n",
			"http: panic serving [2001:db8::7%eth0]:1234: oh",
			"http: TLS handshake error from 192.0.2.77: EOF",
			"http: panic serving [fe80::2001%eth0.100]:1234: oh",
			"http: panic serving [fe80::2001%br-lan]:1234: oh",
			"http: panic serving [fe80::2001%25a b]:1234: oh",
			"http: panic serving [::ffff:192.0.2.1]:1234: oh",
			"read from 2001:db8::7: broken",
			"read from 2001:db8:1:2:3:4:5:6, 2001::, ::2001 (fe80::2001%eth0.100) and ::ffff:192.0.2.1.",
		} {
			io.WriteString(w, line)
		}
		lines := strings.Count(log.String(), "\n")
		if named := regexp.MustCompile(`192\.|2001|1234`).MatchString(log.String()); named != addresses || lines != 9 {
			t.Errorf("with addresses %t: %d lines, %s", addresses, lines, log.String())
		}
		if !addresses && regexp.MustCompile(`fe80|eth0|br-lan|db8`).MatchString(log.String()) {
			t.Errorf("parts of addresses are left: %s", log.String())
		}
		if n := strings.Count(log.String(), ": oh"); n != 5 || !strings.Contains(log.String(), ": broken") {
			t.Errorf("with addresses %t, more than addresses is gone: %s", addresses, log.String())
		}
		var record map[string]any
		first, _, _ := strings.Cut(log.String(), "\n")
		if err := json.Unmarshal([]byte(first), &record); err != nil || record["level"] != "WARN" {
			t.Errorf("log %q: %v", first, err)
		}
	}
}

func TestMetrics(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	published(t, dir, k, 7, listed)
	f, err := OpenPublic(dir, k, 0, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s := NewService(f.private)
	s.Folder = f
	h, key := s.Handler(), privateKey(t, k)
	post(h, "/v1/evaluate", confirm.ContentType, privately(t, key.Public(), listedKey).Request())
	post(h, "/v1/evaluate", confirm.ContentType, privately(t, key.Public(), sixteen()...).Request())
	post(h, "/v1/evaluate", confirm.ContentType, privately(t, privateKey(t, newKeys(t)).Public(), listedKey).Request())
	post(h, "/v1/evaluate", confirm.ContentType, []byte("garbage"))
	w := get(s.Admin(), "/metrics")
	text := w.Body.String()
	for _, line := range []string{
		`preseal_questions_total{m="4",status="ok"} 1`,
		`preseal_questions_total{m="4",status="unknown-key"} 1`,
		`preseal_questions_total{m="4",status="malformed"} 1`,
		`preseal_questions_total{m="8",status="ok"} 0`,
		`preseal_questions_total{m="16",status="ok"} 1`,
		`preseal_question_seconds_bucket{m="4",le="+Inf"} 3`,
		`preseal_question_seconds_count{m="16"} 1`,
		`preseal_connections 0`,
		`preseal_snapshot_version 7`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("headers %v", w.Header())
	}
	var hist histogram
	for _, d := range []time.Duration{0, time.Millisecond, time.Hour} {
		hist.observe(d)
	}
	if hist.counts[0].Load() != 1 || hist.counts[1].Load() != 1 || hist.counts[len(bounds)].Load() != 1 {
		t.Error("durations are in other buckets than theirs")
	}
}
