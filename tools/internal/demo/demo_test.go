package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/client"
	"github.com/preseal/preseal/tools/internal/picture"
)

func newServer(t *testing.T) (url string, trust snapshot.Trust) {
	t.Helper()
	page := t.TempDir()
	if err := os.WriteFile(filepath.Join(page, "index.html"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(page, "js", "dist"), 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(page)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	h, err := Handler(context.Background(), root, t.TempDir(), io.Discard, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	var config struct {
		Snapshot, Confirm, Origin string
		Trust                     []string
	}
	if err := json.Unmarshal(fetch(t, s.URL+"/demo.json"), &config); err != nil {
		t.Fatal(err)
	}
	return s.URL, snapshot.Trust{Roles: snapshot.Trusted(config.Trust...), Origin: config.Origin}
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: status %d, error %v", url, r.StatusCode, err)
	}
	return b
}

// The verdict about every sample is the one that the page announces, and broken confirmations show as what they are.
func TestDemo(t *testing.T) {
	url, trust := newServer(t)
	ctx := context.Background()
	s, err := client.NewSource(url, 10*time.Second).Load(ctx, trust, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	confirmer := func(base string, timeout time.Duration) *client.Checker {
		c, err := client.NewConfirmer(url+base, timeout)
		if err != nil {
			t.Fatal(err)
		}
		return &client.Checker{Matcher: matcher.New(s), Confirmer: c}
	}
	var samples []Sample
	if err := json.Unmarshal(fetch(t, url+"/samples/index.json"), &samples); err != nil {
		t.Fatal(err)
	}
	checker := confirmer("/v1/", 10*time.Second)
	var listed *picture.Picture
	for _, sample := range samples {
		b := fetch(t, url+"/samples/"+sample.File)
		p, err := picture.Read(ctx, bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		want := client.Clear
		switch {
		case sample.Listed:
			want, listed = client.Match, p
		case sample.Variant == "flat", sample.Variant == "not-a-picture":
			want = client.Unsupported
		}
		v, err := checker.Check(ctx, p, time.Now())
		if err != nil || v.Kind != want || v.Kind == client.Clear && v.Requests != 0 {
			t.Errorf("%s: %+v, error %v, want %s", sample.File, v, err, want)
		}
	}

	for _, tc := range []struct{ name, want string }{
		{"confirm-down", client.Network},
		{"confirm-500", client.Server},
		{"confirm-garbage", client.BadAnswer},
		{"confirm-other-key", client.UnknownKey},
		{"confirm-bad-proof", client.BadProof},
		{"confirm-no-entry", client.BadAnswer},
		{"confirm-slow", client.Timeout},
	} {
		timeout := 10 * time.Second
		if tc.want == client.Timeout {
			timeout = 100 * time.Millisecond
		}
		v, err := confirmer("/faults/"+tc.name+"/", timeout).Check(ctx, listed, time.Now())
		if err != nil || v.Kind != client.Unavailable || v.Reason != tc.want {
			t.Errorf("%s: %+v, error %v, want %s", tc.name, v, err, tc.want)
		}
	}
}
