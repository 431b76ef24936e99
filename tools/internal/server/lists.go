package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/publish"
	"github.com/preseal/preseal/tools/internal/sealed"
)

// A Folder is a snapshot's folder that is served. When its manifest changes, the list is loaded anew; if that fails, the
// one before stays. It is safe for concurrent use.
type Folder struct {
	dir      string
	keys     *keys.Set
	problems io.Writer

	mu      sync.Mutex
	looked  time.Time // when the manifest's date was looked at last
	changed time.Time // that date
	state   state
}

type state struct {
	manifest []byte
	opened   *snapshot.Manifest
	list     *list.Index
}

// OpenFolder loads and verifies what publish.Files.Write wrote. Later problems go to problems, one per line.
func OpenFolder(dir string, k *keys.Set, problems io.Writer) (*Folder, error) {
	f := &Folder{dir: dir, keys: k, problems: problems, looked: time.Now()}
	info, err := os.Stat(filepath.Join(dir, publish.ManifestFile))
	if err != nil {
		return nil, err
	}
	f.changed = info.ModTime()
	if f.state, err = f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Folder) load() (state, error) {
	b, err := publish.ReadManifest(f.dir)
	if err != nil {
		return state{}, err
	}
	unverified, err := snapshot.ReadManifest(b)
	if err != nil {
		return state{}, err
	}
	// An expired snapshot is the clients' to refuse; a server that is started early for the next one is of use.
	m, err := snapshot.OpenManifest(b, snapshot.Trust{Keys: []string{f.keys.Verifier}}, unverified.Published)
	if err != nil {
		return state{}, err
	}
	s, err := os.Open(filepath.Join(f.dir, m.FileName()))
	if err != nil {
		return state{}, err
	}
	defer s.Close()
	file, err := io.ReadAll(io.LimitReader(s, m.Size+1))
	if err != nil {
		return state{}, err
	}
	opened, err := snapshot.Open(file, m)
	if err != nil {
		return state{}, err
	}
	l, err := os.Open(filepath.Join(f.dir, sealed.Name))
	if err != nil {
		return state{}, err
	}
	defer l.Close()
	set, err := sealed.Open(l, f.keys.OPRF, b)
	if err != nil {
		return state{}, err
	}
	return state{b, m, list.NewIndex(set, opened.KeyBits(snapshot.PDQ))}, nil
}

// current returns the state, loaded anew if the manifest changed; it looks once a second at most.
func (f *Folder) current() state {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < time.Second {
		return f.state
	}
	f.looked = time.Now()
	info, err := os.Stat(filepath.Join(f.dir, publish.ManifestFile))
	if err != nil || info.ModTime().Equal(f.changed) {
		return f.state
	}
	next, err := f.load()
	if err == nil && next.opened.Version < f.state.opened.Version {
		err = errors.New("it is older than the one in use")
	}
	if f.changed = info.ModTime(); err != nil {
		fmt.Fprintf(f.problems, "preseal: keeping version %d: the new snapshot is not usable: %v\n", f.state.opened.Version, err)
		return f.state
	}
	f.state = next
	return f.state
}

// Manifest returns the manifest in use.
func (f *Folder) Manifest() *snapshot.Manifest { return f.current().opened }

// List returns the list in use.
func (f *Folder) List() *list.Index { return f.current().list }

// ServeHTTP answers GET …/manifest and …/<sha256>.snap.
func (f *Folder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if name == publish.ManifestFile {
		serveManifest(w, r, f.current().manifest)
		return
	}
	if !snapName.MatchString(name) {
		http.NotFound(w, r)
		return
	}
	file, err := os.Open(filepath.Join(f.dir, name))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer file.Close()
	serveSnapshot(w, r, name, file)
}

var snapName = regexp.MustCompile(`^[0-9a-f]{64}\.snap$`)

func serveManifest(w http.ResponseWriter, r *http.Request, b []byte) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

func serveSnapshot(w http.ResponseWriter, r *http.Request, name string, content io.ReadSeeker) {
	allow(w, 15*time.Minute)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("ETag", `"`+name[:64]+`"`)
	http.ServeContent(w, r, "", time.Time{}, content)
}

// Memory serves a manifest and a snapshot like a Folder, from memory.
func Memory(manifest, file []byte, name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.PathValue("name") {
		case publish.ManifestFile:
			serveManifest(w, r, manifest)
		case name:
			serveSnapshot(w, r, name, bytes.NewReader(file))
		default:
			http.NotFound(w, r)
		}
	})
}
