package server

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/publish"
	"github.com/preseal/preseal/tools/internal/sealed"
)

// Everything that a manifest names is served, whole and in parts, to be kept forever; the manifest is asked for again.
func TestLists(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	set := new(list.Set)
	for i := range byte(200) {
		sum := sha256.Sum256([]byte{i})
		set.Add(snapshot.SHA256, sum[:])
	}
	set.Sort()
	b := publish.Build{Keys: k, List: set, Now: time.Now(), Life: time.Hour}
	var files *publish.Files
	for range 2 {
		var err error
		if b.Base, err = b.OpenBase(dir); err != nil {
			t.Fatal(err)
		}
		if files, err = b.Make(); err != nil {
			t.Fatal(err)
		}
		if err := files.Write(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	f, err := OpenFolder(dir, k, 90*time.Second, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	memory := http.NewServeMux()
	memory.Handle("GET /lists/{name}", Memory(files))
	m := files.Opened.Manifest()
	for name, h := range map[string]http.Handler{"folder": handler(f, nil), "memory": Secure(memory)} {
		do := func(method, file string, header ...string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, "/lists/"+file, nil)
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w
		}
		for _, file := range []string{m.FileName(), m.ChunksName(), m.Deltas[0].FileName()} {
			want, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			w := do("GET", file)
			etag := w.Header().Get("ETag")
			if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), want) || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" ||
				w.Header().Get("Accept-Ranges") != "bytes" || etag == "" {
				t.Errorf("%s, %s: status %d, %d bytes, %v", name, file, w.Code, w.Body.Len(), w.Header())
			}
			if w := do("HEAD", file); w.Code != 200 || w.Body.Len() > 0 || w.Header().Get("Content-Length") != strconv.Itoa(len(want)) {
				t.Errorf("%s, HEAD %s: status %d, %v", name, file, w.Code, w.Header())
			}
			if w := do("GET", file, "Range", "bytes=7-", "If-Range", etag); w.Code != 206 || !bytes.Equal(w.Body.Bytes(), want[7:]) {
				t.Errorf("%s, the rest of %s: status %d, %d bytes", name, file, w.Code, w.Body.Len())
			}
			if w := do("GET", file, "Range", "bytes=7-", "If-Range", `"other"`); w.Code != 200 || !bytes.Equal(w.Body.Bytes(), want) {
				t.Errorf("%s, the rest of another %s: status %d, %d bytes", name, file, w.Code, w.Body.Len())
			}
			if w := do("GET", file, "Range", "bytes=99999999-"); w.Code != 416 || w.Header().Get("Cache-Control") != "" {
				t.Errorf("%s, beyond %s: status %d, %v", name, file, w.Code, w.Header())
			}
			if w := do("GET", file, "If-None-Match", etag); w.Code != 304 {
				t.Errorf("%s, %s again: status %d", name, file, w.Code)
			}
		}
		w := do("GET", "manifest")
		want := map[string]string{"folder": "public, max-age=90", "memory": "no-cache"}[name]
		if got := w.Header().Get("Cache-Control"); !bytes.Equal(w.Body.Bytes(), files.Manifest) || got != want {
			t.Errorf("%s: the manifest may be kept: %q, want %q", name, got, want)
		}
		if w := do("GET", "manifest", "If-None-Match", w.Header().Get("ETag")); w.Code != 304 || w.Body.Len() > 0 {
			t.Errorf("%s: the same manifest again: status %d", name, w.Code)
		}
		if w := do("GET", "manifest", "If-None-Match", `"other"`); w.Code != 200 {
			t.Errorf("%s: another manifest: status %d", name, w.Code)
		}
		for _, file := range []string{sealed.Name, m.FileName() + "x", strings.Repeat("0", 64) + ".snap", m.FileName()[:64] + ".key"} {
			if w := do("GET", file); w.Code != 404 {
				t.Errorf("%s, %s: status %d", name, file, w.Code)
			}
		}
	}
}
