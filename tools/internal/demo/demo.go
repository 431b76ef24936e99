package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"time"

	"github.com/preseal/preseal/tools/internal/server"
)

const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
	"img-src 'self' blob:; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// types are the media types of what is served from the root; nothing else is.
var types = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".jpg":  "image/jpeg",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
	".map":  "application/json",
	".png":  "image/png",
	".svg":  "image/svg+xml",
	".wasm": "application/wasm",
}

// ErrNotBuilt says that the root has no index.html or no built scripts.
var ErrNotBuilt = errors.New("the demo page is not there or not built")

// Handler makes new keys, publishes the demo's list in the folder dir, which is empty, and returns the server of everything
// that the page in root needs. A picture that the page adds to the list is published there, too.
func Handler(ctx context.Context, root *os.Root, dir string, problems io.Writer, now time.Time) (http.Handler, error) {
	for _, name := range []string{"index.html", "js/dist"} {
		if _, err := root.Stat(name); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotBuilt, err)
		}
	}
	samples := Samples()
	p, err := newPublisher(ctx, dir, problems, samples, now)
	if err != nil {
		return nil, err
	}

	mux := http.NewServeMux()
	p.routes(mux)
	if err := confirmFaults(mux, p.authority); err != nil {
		return nil, err
	}
	relay := new(server.Relay)
	mux.HandleFunc("POST /relay/{box}", relay.Post)
	mux.HandleFunc("GET /relay/{box}", relay.Get)
	mux.Handle("GET /demo.json", serveJSON(map[string]any{
		"snapshot": "/lists/", "confirm": "/v1/", "trust": []string{p.authority.Verifier, p.auditor.Verifier},
		"origin": p.authority.Name,
	}))
	for _, s := range samples {
		mux.Handle("GET /samples/"+s.File, serveBytes(types[path.Ext(s.File)], s.Bytes))
	}
	mux.Handle("GET /{$}", serveFile(root, "index.html"))
	mux.Handle("GET /js/dist/", serveTree(root))
	mux.Handle("GET /js/demo/", serveTree(root))
	return strict(server.Secure(mux)), nil
}

// strict lets the page load nothing but what is its own, and isolates it.
func strict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Embedder-Policy", "require-corp")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func serveTree(root *os.Root) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serveFile(root, path.Clean(r.URL.Path)[1:]).ServeHTTP(w, r)
	})
}

// serveFile serves a file below root, which it cannot leave, if its kind is known.
func serveFile(root *os.Root, name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		media, known := types[path.Ext(name)]
		if !known || !fs.ValidPath(name) {
			http.NotFound(w, r)
			return
		}
		f, err := root.Open(name)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil || !info.Mode().IsRegular() {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", media)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", info.ModTime(), f)
	})
}

func serveJSON(v any) http.Handler {
	b, err := json.Marshal(v)
	if err != nil { // the values are this package's own
		panic(err)
	}
	return serveBytes("application/json", append(b, '\n'))
}

func serveBytes(media string, b []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", media)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	})
}
