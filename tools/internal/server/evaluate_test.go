package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/client"
	"github.com/preseal/preseal/tools/internal/keys"
)

func privateKey(t *testing.T, k *keys.Set) *voprf.PrivateKey {
	t.Helper()
	key, err := voprf.DeriveKey(k.OPRF)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func privately(t *testing.T, public confirm.PublicKey, keys ...confirm.Key) *voprf.Question {
	t.Helper()
	c, err := voprf.NewClient(public, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	q, err := c.Ask(keys)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

var (
	listedKey = confirm.Key{Lane: snapshot.SHA256, Bytes: listed[:]}
	otherKey  = confirm.Key{Lane: snapshot.SHA256, Bytes: make([]byte, 32)}
)

func TestEvaluate(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	published(t, dir, k, 1, listed)
	f, err := OpenFolder(dir, k, 0, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	h := handler(f, nil)
	key := privateKey(t, k)
	good := privately(t, key.Public(), listedKey)
	stranger := privately(t, privateKey(t, newKeys(t)).Public(), listedKey)
	zeros := append(bytes.Clone(good.Request()[:12]), make([]byte, 128)...)
	for _, tc := range []struct {
		name, media string
		body        []byte
		status      int
		length      int // 0 for no message
	}{
		{"one key", confirm.ContentType, good.Request(), 200, 204},
		{"two keys, one of them listed", confirm.ContentType, privately(t, key.Public(), otherKey, listedKey).Request(), 200, 204},
		{"not listed", confirm.ContentType, privately(t, key.Public(), otherKey).Request(), 200, 204},
		{"for another key", confirm.ContentType, stranger.Request(), 200, 204},
		{"identity elements", confirm.ContentType, zeros, 400, 204},
		{"16 keys", confirm.ContentType, privately(t, key.Public(), sixteen()...).Request(), 200, 588},
		{"no body", confirm.ContentType, nil, 400, 204},
		{"garbage", confirm.ContentType, []byte("garbage"), 400, 204},
		{"a byte more", confirm.ContentType, append(bytes.Clone(good.Request()), 0), 400, 204},
		{"too large", confirm.ContentType, make([]byte, voprf.MaxRequest+1), 413, 0},
		{"a form's type", "text/plain", good.Request(), 415, 0},
		{"no type", "", good.Request(), 415, 0},
	} {
		w := post(h, "/v1/evaluate", tc.media, tc.body)
		if w.Code != tc.status || tc.length > 0 && w.Body.Len() != tc.length {
			t.Errorf("%s: status %d, %d bytes, want %d and %d", tc.name, w.Code, w.Body.Len(), tc.status, tc.length)
		}
		if tc.length > 0 && (w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != confirm.ContentType) {
			t.Errorf("%s: headers %v", tc.name, w.Header())
		}
	}
	get := httptest.NewRecorder()
	h.ServeHTTP(get, httptest.NewRequest(http.MethodGet, "/v1/evaluate", nil))
	if get.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d", get.Code)
	}
}

func sixteen() []confirm.Key {
	keys := make([]confirm.Key, 16)
	for i := range keys {
		keys[i] = confirm.Key{Lane: snapshot.PHash, Bytes: bytes.Repeat([]byte{byte(i)}, 8)}
	}
	return keys
}

// The command line's client and the server, over a connection.
func TestEvaluateOverHTTP(t *testing.T) {
	k, another := newKeys(t), newKeys(t)
	key, other := privateKey(t, k), privateKey(t, another)
	serve := func(h http.Handler) *client.Confirmer {
		s := httptest.NewServer(http.StripPrefix("/v1/evaluate", h))
		t.Cleanup(s.Close)
		c, err := client.NewConfirmer(s.URL, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	server := voprf.NewServer(key)
	ask := func(c *client.Confirmer, public confirm.PublicKey) ([]confirm.Output, error) {
		return c.Evaluate(context.Background(), privately(t, public, otherKey, listedKey))
	}
	outputs, err := ask(serve(Evaluate(server)), key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for i, asked := range []confirm.Key{otherKey, listedKey} {
		if want, err := voprf.NewEvaluator(key).Output(asked); err != nil || outputs[i] != want {
			t.Errorf("output %d is not the evaluator's, error %v", i, err)
		}
	}
	// says answers with what make does of a request.
	says := func(make func(request []byte) []byte) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			request, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", confirm.ContentType)
			w.Write(make(request))
		})
	}
	for want, h := range map[string]http.Handler{
		client.UnknownKey: Evaluate(voprf.NewServer(other)),
		client.Busy:       says(func(b []byte) []byte { return server.Refuse(b, voprf.Busy) }),
		client.Server:     says(func(b []byte) []byte { return server.Refuse(b, voprf.Internal) }),
		client.BadAnswer:  says(func(b []byte) []byte { return b }),
		client.BadProof: says(func(b []byte) []byte {
			response, _ := server.Answer(b)
			return append(response[:140], make([]byte, 64)...)
		}),
	} {
		outputs, err := ask(serve(h), key.Public())
		var failure *client.Error
		if outputs != nil || !errors.As(err, &failure) || failure.Reason != want {
			t.Errorf("%d outputs, error %v, want %s", len(outputs), err, want)
		}
	}
}
