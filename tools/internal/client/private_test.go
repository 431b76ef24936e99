package client

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/probe"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/outputs"
)

// What goes over the wire for each kind of answer, and what it makes of a file.
func TestPrivate(t *testing.T) {
	listed, im := photo(t, 5)
	unlisted, _ := photo(t, 6)
	far := im.PDQ
	for i := range 5 {
		far[i] ^= 0xff
	}
	set := new(list.Set)
	set.AddLabelled(snapshot.PDQ, far[:], "far", list.Place{})
	s := newTestServer(t, set)
	c := s.checker(s.publish())
	if v := s.check(c, unlisted); v.Kind != Clear || len(s.seen) != 0 {
		t.Errorf("unlisted: %+v", v)
	}
	if v := s.check(c, listed); v.Kind != Cleared || v.Lane != "pdq" || v.SecondHash == nil || *v.SecondHash != 40 || v.Label != "" || len(s.seen) != 2 {
		t.Errorf("the second hash is far: %+v", v)
	}
	first := s.bodies[0]
	if s.check(c, listed); bytes.Equal(first, s.bodies[0]) || len(first) != len(s.bodies[0]) {
		t.Error("the same file asks the same question again, or one of another size")
	}

	set.AddLabelled(snapshot.PDQ, im.PDQ[:], "near", list.Place{})
	c = s.checker(s.publish())
	v := s.check(c, listed)
	if v.Kind != Match || v.Label != "near" || *v.SecondHash != 0 {
		t.Errorf("listed: %+v", v)
	}
	id := c.Matcher.Snapshot().Manifest().OPRF.KeyID
	if want := []string{"POST /v1/evaluate 140", fmt.Sprintf("GET /v1/entries/%x/0 0", id)}; fmt.Sprint(s.seen) != fmt.Sprint(want) {
		t.Errorf("requests %q, want %q", s.seen, want)
	}

	// A candidate by the filter's error alone is cleared without a further request.
	flipped := new(list.Set)
	for mask := range probe.Likeliest(im.Margins[:], 9) {
		flipped.Add(snapshot.PHash, list.PHashKey(im.PHash^phash.PHash(mask)))
	}
	filter := newTestServer(t, flipped)
	opened := filter.publish()
	private := newTestServer(t, set)
	private.publish()
	c = private.checker(opened)
	// The filter is of another list, under this server's key.
	opened.Manifest().OPRF.PublicKey, opened.Manifest().OPRF.KeyID = publicKey(t, private)
	if v := private.check(c, listed); v.Kind != Cleared || len(private.seen) != 1 {
		t.Errorf("a candidate that is not listed: %+v, requests %q", v, private.seen)
	}
}

func publicKey(t *testing.T, s *testServer) (public [32]byte, id [8]byte) {
	t.Helper()
	key, err := voprf.DeriveKey(s.build.Keys.OPRF)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public(), key.Public().ID()
}

// Up to 16 candidates make one question, up to 32 two, both before any answer.
func TestQuestions(t *testing.T) {
	listed, im := photo(t, 5)
	for _, tc := range []struct {
		candidates int
		want       []int // lengths of the questions
		kind       string
		reason     string
	}{
		{1, []int{140}, Match, ""},
		{4, []int{140}, Match, ""},
		{5, []int{268}, Match, ""},
		{16, []int{524}, Match, ""},
		{17, []int{524, 140}, Match, ""},
		{32, []int{524, 524}, Match, ""},
		{33, []int{524, 524}, Unavailable, Overflow},
	} {
		set := new(list.Set)
		n := 0
		for mask := range probe.Likeliest(im.Margins[:], tc.candidates) {
			hash := list.PHashKey(im.PHash ^ phash.PHash(mask))
			set.Add(snapshot.PHash, hash)
			// Only the last is near, or none of those that are asked about.
			pdq := im.PDQ
			if n++; n < tc.candidates || tc.kind != Match {
				for i := range 5 {
					pdq[i] ^= 0xff
				}
			}
			set.AddPair(append(hash, pdq[:]...))
		}
		s := newTestServer(t, set)
		opened := s.publish()
		var all sync.WaitGroup
		all.Add(len(tc.want))
		s.on(func(_ int, _ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				all.Done()
				all.Wait() // no question is answered before all have come
			}
			return false
		})
		v := s.check(s.checker(opened), listed)
		var got []int
		for _, b := range s.bodies {
			if len(b) > 0 {
				got = append(got, len(b))
			}
		}
		total := 0
		for i := range tc.want {
			total += tc.want[i]
			if i < len(got) {
				total -= got[i]
			}
		}
		if v.Kind != tc.kind || v.Reason != tc.reason || len(got) != len(tc.want) || total != 0 {
			t.Errorf("%d candidates: %+v with questions of %d bytes", tc.candidates, v, got)
		}
		// All their entries are in one bucket, which is fetched once.
		if len(s.seen) != len(tc.want)+1 {
			t.Errorf("%d candidates: requests %q", tc.candidates, s.seen)
		}
	}
}

// What fails on the way is asked once more where that can help, and never clears a file.
func TestPrivateFailures(t *testing.T) {
	listed, im := photo(t, 5)
	set := new(list.Set)
	set.Add(snapshot.PDQ, im.PDQ[:])
	s := newTestServer(t, set)
	opened := s.publish()
	busy := func(after string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}
	abort := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	status := func(code int) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code) }
	}
	for _, tc := range []struct {
		name     string
		from, to int // the requests that fail
		fail     func(w http.ResponseWriter)
		reason   string // "" for a match
		requests int
	}{
		{"no failure", 0, 0, nil, "", 2},
		{"one broken connection", 1, 1, abort, "", 3},
		{"two broken connections", 1, 2, abort, Network, 2},
		{"busy once", 1, 1, busy(""), "", 3},
		{"busy, and it says what makes no sense", 1, 1, busy("soon"), "", 3},
		{"busy twice", 1, 2, busy("0"), Busy, 2},
		{"busy for a second", 1, 1, busy("1"), "", 3},
		{"busy for too long", 1, 1, busy("3600"), Busy, 1},
		{"failing", 1, 1, status(500), Server, 1},
		{"refusing", 1, 1, status(400), Server, 1},
		{"empty", 1, 1, status(200), BadAnswer, 1},
		{"too long", 1, 1, func(w http.ResponseWriter) { w.Write(make([]byte, 1<<20)) }, BadAnswer, 1},
		{"entries: one broken connection", 2, 2, abort, "", 3},
		{"entries: two broken connections", 2, 3, abort, Network, 3},
		{"entries: not there", 2, 2, status(404), Server, 2},
		{"entries: none", 2, 2, status(200), BadAnswer, 2},
		{"entries: too many", 2, 2, func(w http.ResponseWriter) { w.Write(make([]byte, 2*voprf.MaxBucket)) }, BadAnswer, 2},
	} {
		s.on(func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n < tc.from || n > tc.to {
				return false
			}
			tc.fail(w)
			return true
		})
		v := s.check(s.checker(opened), listed)
		if (v.Kind == Match) != (tc.reason == "") || (v.Kind == Unavailable) != (tc.reason != "") || v.Reason != tc.reason || len(s.seen) != tc.requests {
			t.Errorf("%s: %+v, requests %q", tc.name, v, s.seen)
		}
	}

	s.on(nil)
	c := s.checker(opened)
	good := s.private
	s.private = voprf.NewServer(otherKey(t))
	if v := s.check(c, listed); v.Reason != UnknownKey {
		t.Errorf("a server with another key: %+v", v)
	}
	s.on(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		response, _ := good.Answer(s.bodies[0])
		response[len(response)-64] ^= 1
		w.Write(response)
		return true
	})
	if v := s.check(c, listed); v.Reason != BadProof || len(s.seen) != 1 {
		t.Errorf("a proof that does not hold: %+v", v)
	}
}

// An answer comes in the question's own type, or something else than the server gave it.
func TestContentType(t *testing.T) {
	listed, im := photo(t, 5)
	set := new(list.Set)
	set.Add(snapshot.PDQ, im.PDQ[:])
	s := newTestServer(t, set)
	opened := s.publish()
	for media, reason := range map[string]string{
		confirm.ContentType: "", confirm.ContentType + "; v=1": "",
		"": BadAnswer, "text/html": BadAnswer, "application/": BadAnswer, confirm.ContentType + "s": BadAnswer,
	} {
		s.on(func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if w.Header()["Content-Type"] = nil; media != "" && r.Method == http.MethodPost {
				w.Header().Set("Content-Type", media)
			}
			return false
		})
		if v := s.check(s.checker(opened), listed); v.Reason != reason || (v.Kind == Match) != (reason == "") {
			t.Errorf("content type %q: %+v", media, v)
		}
	}
}

func otherKey(t *testing.T) *voprf.PrivateKey {
	t.Helper()
	key, err := voprf.DeriveKey([32]byte{9})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// With another key, or other entries, the snapshot is loaded again, once.
func TestReload(t *testing.T) {
	listed, im := photo(t, 5)
	other, otherImage := photo(t, 6)
	set := new(list.Set)
	set.Add(snapshot.PDQ, im.PDQ[:])
	set.Add(snapshot.PDQ, otherImage.PDQ[:])
	s := newTestServer(t, set)
	first := s.publish()
	loads := 0
	reloading := func(from, to *snapshot.Snapshot) *Checker {
		c := s.checker(from)
		loads = 0
		c.Reload = func(context.Context) (*snapshot.Snapshot, error) {
			loads++
			if to == nil {
				return nil, os.ErrNotExist
			}
			return to, nil
		}
		return c
	}

	// An entry is removed from the list: a client with the list before finds no record.
	set.Remove(snapshot.PDQ, func(hash []byte, _ list.Place) bool { return phash.PDQ(hash) == otherImage.PDQ })
	second := s.publish()
	if v := s.check(reloading(first, nil), other); v.Kind != Unavailable || v.Reason != BadAnswer || loads != 1 {
		t.Errorf("removed, and the snapshot cannot be loaded: %+v, %d loads", v, loads)
	}
	if v := s.check(reloading(first, first), other); v.Kind != Unavailable || loads != 1 {
		t.Errorf("removed, and the snapshot is the same: %+v, %d loads", v, loads)
	}
	c := reloading(first, second)
	if v := s.check(c, other); v.Kind != Cleared || v.Requests != 2 || loads != 1 || c.Matcher.Snapshot() != second {
		t.Errorf("removed: %+v, %d loads", v, loads)
	}
	if v := s.check(c, listed); v.Kind != Match || loads != 1 {
		t.Errorf("still listed: %+v, %d loads", v, loads)
	}

	// Another key.
	fresh, err := keys.Generate("test")
	if err != nil {
		t.Fatal(err)
	}
	k := *s.build.Keys
	k.OPRF = fresh.OPRF
	s.build.Keys = &k
	third := s.publish()
	if entries, err := os.ReadDir(filepath.Join(s.dir, outputs.EntriesDir)); err != nil || len(entries) != 2 {
		t.Errorf("%d keys have entries, error %v", len(entries), err)
	}
	if v := s.check(reloading(second, nil), listed); v.Kind != Unavailable || v.Reason != UnknownKey || loads != 1 {
		t.Errorf("another key, and the snapshot cannot be loaded: %+v, %d loads", v, loads)
	}
	if v := s.check(reloading(second, third), listed); v.Kind != Match || v.Requests != 3 || loads != 1 {
		t.Errorf("another key: %+v, %d loads", v, loads)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-5": 0, "99999999999": 0, "x": 0, "1.5": 0,
		"Sun, 22 Nov 2026 12:00:07 GMT": 7 * time.Second, "Sun, 22 Nov 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("Retry-After: %s is %s, want %s", header, got, want)
		}
	}
}

// A manifest with a public key that is none, or of another id, confirms nothing.
func TestBadPublicKey(t *testing.T) {
	listed, im := photo(t, 5)
	set := new(list.Set)
	set.Add(snapshot.PDQ, im.PDQ[:])
	s := newTestServer(t, set)
	opened := s.publish()
	good := opened.Manifest().OPRF.PublicKey
	for name, key := range map[string]confirm.PublicKey{"none": {1, 2, 3}, "the identity": {}, "another": otherKey(t).Public()} {
		opened.Manifest().OPRF.PublicKey = key
		if v := s.check(s.checker(opened), listed); v.Kind != Unavailable || v.Reason != string(snapshot.Corrupt) || len(s.seen) != 0 {
			t.Errorf("%s: %+v", name, v)
		}
	}
	opened.Manifest().OPRF.PublicKey = good
	if v := s.check(s.checker(opened), listed); v.Kind != Match {
		t.Errorf("the right one: %+v", v)
	}
}
