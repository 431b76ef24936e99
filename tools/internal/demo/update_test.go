package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/client"
	"github.com/preseal/preseal/tools/internal/picture"
)

// order sends a request that wants to change something, and returns the status and the body's beginning.
func order(t *testing.T, url, body string, header http.Header) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header.Clone()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b := make([]byte, 256)
	n, _ := answer.Body.Read(b)
	return answer.StatusCode, string(b[:n])
}

var asJSON = http.Header{"Content-Type": {"application/json"}}

func addition(file string) string { return fmt.Sprintf(`{"add":%q}`, file) }

// A picture that is added is on the next version, which a delta leads to, signed by both roles.
func TestAdd(t *testing.T) {
	url, trust := newServer(t)
	ctx := context.Background()
	source := client.NewSource(url, 10*time.Second)
	load := func(seen *snapshot.Snapshot) *snapshot.Snapshot {
		t.Helper()
		if seen != nil {
			trust.Seen = seen.Manifest().Mark()
		}
		s, err := source.Load(ctx, trust, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	verdict := func(s *snapshot.Snapshot, file string) client.Verdict {
		t.Helper()
		b := fetch(t, url+"/samples/"+file)
		p, err := picture.Read(ctx, bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.NewConfirmer(url+"/v1/", 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		v, err := (&client.Checker{Matcher: matcher.New(s), Confirmer: c}).Check(ctx, p, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}

	before := load(nil)
	if got := fmt.Sprint(before.Manifest().Signers); got != "[{demo.preseal authority} {auditor.demo.preseal auditor}]" {
		t.Errorf("signed by %s", got)
	}
	if v := verdict(before, "unlisted-1.jpg"); v.Kind != client.Clear {
		t.Errorf("before: %+v", v)
	}
	start := time.Now()
	if status, body := order(t, url+"/demo/list", addition("unlisted-1.jpg"), asJSON); status != http.StatusOK || body != "{\"version\":3}\n" {
		t.Fatalf("add: status %d, %s", status, body)
	}
	t.Logf("published in %v", time.Since(start))
	after := load(before)
	if v := verdict(after, "unlisted-1.jpg"); v.Kind != client.Match {
		t.Errorf("after: %+v", v)
	}
	m := after.Manifest()
	if len(m.Deltas) != 1 || m.Deltas[0].Source != before.Manifest().Hash {
		t.Fatalf("deltas: %+v", m.Deltas)
	}
	delta, err := source.Delta(ctx, m.Deltas[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes of delta, %d of snapshot", len(delta), m.Size)
	file, err := before.Apply(delta, m)
	if err == nil {
		_, err = snapshot.Open(file, m, nil)
	}
	if err != nil {
		t.Errorf("apply: %v", err)
	}
	if !bytes.Contains(fetch(t, url+"/samples/index.json"), []byte(`"file":"unlisted-1.jpg","title":"Boat at sunset","listed":true`)) {
		t.Error("the index does not say that the picture is listed")
	}

	// All at once, and some twice: each is published once, one after the other.
	var mu sync.Mutex
	got := make(map[int]int)
	var wg sync.WaitGroup
	for _, file := range []string{"unlisted-2.jpg", "unlisted-3.jpg", "listed-1-mirrored.jpg", "unlisted-2.jpg", "unlisted-1.jpg"} {
		wg.Go(func() {
			status, _ := order(t, url+"/demo/list", addition(file), asJSON)
			mu.Lock()
			got[status]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if got[http.StatusOK] != 3 || got[http.StatusConflict] != 2 {
		t.Errorf("statuses: %v", got)
	}
	last := load(after)
	if m := last.Manifest(); m.Version != 6 || len(m.Deltas) != 4 {
		t.Errorf("version %d with %d deltas", m.Version, len(m.Deltas))
	}
	if v := verdict(last, "unlisted-3.jpg"); v.Kind != client.Match {
		t.Errorf("at last: %+v", v)
	}
}

func TestAddRefused(t *testing.T) {
	url, _ := newServer(t)
	foreign := http.Header{"Content-Type": {"application/json"}, "Origin": {"https://elsewhere.example"}}
	crossSite := http.Header{"Content-Type": {"application/json"}, "Sec-Fetch-Site": {"cross-site"}}
	for _, tc := range []struct {
		name, body string
		header     http.Header
		want       int
	}{
		{"an original", addition("listed-1.jpg"), asJSON, http.StatusConflict},
		{"no sample", addition("../list.sealed"), asJSON, http.StatusNotFound},
		{"nothing", `{}`, asJSON, http.StatusNotFound},
		{"no picture", addition("not-a-picture.jpg"), asJSON, http.StatusNotFound},
		{"a flat picture", addition("flat.png"), asJSON, http.StatusNotFound},
		{"another member", `{"remove":"unlisted-1.jpg"}`, asJSON, http.StatusBadRequest},
		{"no JSON", "unlisted-1.jpg", asJSON, http.StatusBadRequest},
		{"too long", addition(strings.Repeat("x", 2*maxOrder)), asJSON, http.StatusBadRequest},
		{"a form", addition("unlisted-1.jpg"), http.Header{"Content-Type": {"text/plain"}}, http.StatusUnsupportedMediaType},
		{"another origin", addition("unlisted-1.jpg"), foreign, http.StatusForbidden},
		{"another site", addition("unlisted-1.jpg"), crossSite, http.StatusForbidden},
	} {
		if status, body := order(t, url+"/demo/list", tc.body, tc.header); status != tc.want {
			t.Errorf("%s: status %d (%s), want %d", tc.name, status, body, tc.want)
		}
	}
	if status, _ := order(t, url+"/demo/faults/expired", "", foreign); status != http.StatusForbidden {
		t.Errorf("a fault by another origin: status %d", status)
	}
	if status, _ := order(t, url+"/demo/faults/none", "", nil); status != http.StatusNotFound {
		t.Errorf("a fault that there is not: status %d", status)
	}
	if m := fetch(t, url+"/lists/manifest"); !bytes.Contains(m, []byte("\nversion 2\n")) {
		t.Errorf("the list has changed:\n%s", m)
	}
}

// A fault is met once, in place of the list, and below /faults/ for good, whichever version has been published meanwhile.
func TestListFaults(t *testing.T) {
	url, trust := newServer(t)
	ctx := context.Background()
	for _, added := range []string{"", "unlisted-4.jpg"} {
		if added != "" {
			if status, _ := order(t, url+"/demo/list", addition(added), asJSON); status != http.StatusOK {
				t.Fatalf("add: status %d", status)
			}
		}
		s, err := client.NewSource(url, 10*time.Second).Load(ctx, trust, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		trust.Seen = s.Manifest().Mark()
		for _, fault := range listFaults {
			want := map[string]string{"unsigned": "untrusted", "not-countersigned": "untrusted", "missing": client.Server}[fault]
			if want == "" {
				want = fault
			}
			if status, body := order(t, url+"/demo/faults/"+fault, "", nil); status != http.StatusNoContent {
				t.Fatalf("%s: status %d, %s", fault, status, body)
			}
			for _, place := range []string{"/lists/", "/faults/" + fault} {
				_, err := client.NewSource(url+place, 10*time.Second).Load(ctx, trust, time.Now())
				var e *snapshot.Error
				if client.Reason(err) != want || want != client.Server && !errors.As(err, &e) {
					t.Errorf("%s at %s: error %v, want %s", fault, place, err, want)
				}
			}
			if _, err := client.NewSource(url, 10*time.Second).Load(ctx, trust, time.Now()); err != nil {
				t.Errorf("after %s: %v", fault, err)
			}
		}
	}
}
