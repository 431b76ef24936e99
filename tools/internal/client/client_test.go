package client

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/snapshot"
)

func TestBase(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"http://h", "http://h/lists/"},
		{"http://h:1/", "http://h:1/lists/"},
		{"https://h/a/b", "https://h/a/b/"},
		{"https://h/a/", "https://h/a/"},
		{"https://h/?q", ""},
		{"https:///x", ""},
		{"ftp://h", ""},
		{"lists", ""},
		{"C:\\lists", ""},
	} {
		got, ok := Base(tc.in, "lists/")
		if ok != (tc.want != "") || ok && got.String() != tc.want {
			t.Errorf("Base(%q) = %v, %t, want %q", tc.in, got, ok, tc.want)
		}
	}
}

func ask(t *testing.T, url string, timeout time.Duration) ([]confirm.Answer, error) {
	t.Helper()
	c, err := NewConfirmer(url, timeout)
	if err != nil {
		t.Fatal(err)
	}
	q, err := confirm.PlainClient{}.Ask([]confirm.Key{{Lane: snapshot.PHash, Bytes: make([]byte, 8)}})
	if err != nil {
		t.Fatal(err)
	}
	return c.Ask(context.Background(), q)
}

func TestAsk(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the redirection was followed")
	}))
	defer elsewhere.Close()
	handlers := map[string]http.HandlerFunc{
		"": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/plain" || r.Header.Get("Content-Type") != confirm.ContentType {
				t.Errorf("%s %s with type %q", r.Method, r.URL, r.Header.Get("Content-Type"))
			}
			w.Header().Set("Content-Type", confirm.ContentType)
			w.Write([]byte{2, 0, 1, 0}) // one answer: not listed
		},
		BadAnswer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", confirm.ContentType)
			w.Write(make([]byte, 1<<20))
		},
		Server: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		Network: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		Timeout: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", confirm.ContentType)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	}
	for want, h := range handlers {
		s := httptest.NewServer(h)
		timeout := 10 * time.Second
		if want == Timeout {
			timeout = 50 * time.Millisecond
		}
		answers, err := ask(t, s.URL, timeout)
		if Reason(err) != want || want == "" && (err != nil || answers[0].Listed) {
			t.Errorf("answers %v, error %v, want reason %q", answers, err, want)
		}
		s.Close()
	}
}

func TestAskEndsWithItsContext(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err := NewSource(s.URL, time.Minute).Manifest(ctx)
	if !errors.Is(err, context.Canceled) || Reason(err) != "" {
		t.Errorf("error %v, want that of the context", err)
	}
}

// A server that is slow but never silent for long is heard out.
func TestSlowAnswer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 10 {
			time.Sleep(50 * time.Millisecond)
			w.Write([]byte{1})
			w.(http.Flusher).Flush()
		}
	}))
	defer s.Close()
	b, err := NewSource(s.URL, 300*time.Millisecond).Manifest(context.Background())
	if err != nil || len(b) != 10 {
		t.Errorf("%d bytes, error %v, want 10", len(b), err)
	}
}
