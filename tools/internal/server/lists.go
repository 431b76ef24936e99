package server

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/matcher/snapshot/zstd"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/publish"
	"github.com/preseal/preseal/tools/internal/sealed"
)

// A Folder is a snapshot's folder that is served. When its manifest changes, it is loaded anew; until that is done, and as
// long as it fails, what was there before stays. It is safe for concurrent use.
type Folder struct {
	dir      string
	keys     *keys.Set
	listed   bool // the list is opened, too
	private  *voprf.Server
	maxAge   time.Duration
	problems io.Writer
	news     func(version uint64) // is told of a new version in use, nil for nobody

	mu      sync.Mutex
	loading bool      // by a request that found a new manifest
	looked  time.Time // when the manifest's date was looked at last
	said    string    // the problem written last
	state   state
}

type state struct {
	changed  time.Time // the manifest's date
	manifest []byte
	opened   *snapshot.Manifest
	list     *list.Index // nil if it stays sealed
}

// MaxAge is the longest time for which caches may keep a manifest.
const MaxAge = 24 * time.Hour

// ErrOtherKey says that a snapshot is for an OPRF key that the server does not have.
var ErrOtherKey = errors.New("the snapshot is for another OPRF key")

// OpenFolder loads and verifies what publish.Files.Write wrote, the sealed list included, of which the plain
// confirmation answers. Caches may keep the manifest for as long as maxAge, MaxAge at most; with 0 they must ask each
// time. Later problems go to problems, one per line.
func OpenFolder(dir string, k *keys.Set, maxAge time.Duration, problems io.Writer) (*Folder, error) {
	return open(&Folder{dir: dir, keys: k, listed: true, maxAge: maxAge, problems: problems})
}

// OpenPublic is OpenFolder without the list, of which the private confirmation has no need.
func OpenPublic(dir string, k *keys.Set, maxAge time.Duration, problems io.Writer) (*Folder, error) {
	return open(&Folder{dir: dir, keys: k, maxAge: maxAge, problems: problems})
}

func open(f *Folder) (*Folder, error) {
	f.maxAge = min(max(f.maxAge, 0), MaxAge)
	var err error
	if f.private, err = NewPrivate(f.keys); err != nil {
		return nil, err
	}
	changed, err := f.date()
	if err != nil {
		return nil, err
	}
	if f.state, err = f.load(changed); err != nil {
		return nil, err
	}
	f.looked = time.Now()
	return f, nil
}

// date returns when the manifest was changed.
func (f *Folder) date() (time.Time, error) {
	info, err := os.Stat(filepath.Join(f.dir, publish.ManifestFile))
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

func (f *Folder) load(changed time.Time) (state, error) {
	b, err := publish.ReadManifest(f.dir)
	if err != nil {
		return state{}, err
	}
	unverified, err := snapshot.ReadManifest(b)
	if err != nil {
		return state{}, err
	}
	// An expired snapshot is the clients' to refuse; a server that is started early for the next one is of use.
	m, err := snapshot.OpenManifest(b, snapshot.Trust{Roles: snapshot.Trusted(f.keys.Verifier)}, unverified.Published)
	if err != nil {
		return state{}, err
	}
	if err := f.fits(m.OPRF); err != nil {
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
	opened, err := snapshot.Open(file, m, zstd.Decompress)
	if err != nil {
		return state{}, err
	}
	if !f.listed {
		return state{changed: changed, manifest: b, opened: m}, nil
	}
	l, err := os.Open(filepath.Join(f.dir, sealed.Name))
	if err != nil {
		return state{}, err
	}
	defer l.Close()
	set, err := sealed.Open(l, f.keys.OPRF, m.Mark())
	if err != nil {
		return state{}, err
	}
	return state{changed, b, m, list.NewIndex(set, opened.KeyBits(snapshot.PDQ))}, nil
}

// fits checks that the server has the key that a manifest names.
func (f *Folder) fits(k *snapshot.OPRF) error {
	if k != nil && !f.private.Has(k.KeyID) {
		return fmt.Errorf("%w: %x", ErrOtherKey, k.KeyID)
	}
	return nil
}

// current returns the state, loaded anew if the manifest changed; it looks once a second at most. The request that finds a
// new manifest loads it; those that come meanwhile get the state before.
func (f *Folder) current() state {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.loading && time.Since(f.looked) >= time.Second {
		f.reload()
	}
	return f.state
}

// reload gives up the lock while it reads. What fails is tried again: another file may be yet to come.
func (f *Folder) reload() {
	f.loading = true
	before := f.state
	next, err := func() (state, error) {
		f.mu.Unlock()
		defer func() {
			f.mu.Lock()
			f.loading, f.looked = false, time.Now()
		}()
		changed, err := f.date()
		if err != nil || changed.Equal(before.changed) {
			return before, nil
		}
		return f.load(changed)
	}()
	if err == nil && next.opened.Version < before.opened.Version {
		err = errors.New("it is older than the one in use")
	}
	if err == nil {
		if f.news != nil && next.opened.Version != before.opened.Version {
			f.news(next.opened.Version)
		}
		f.state, f.said = next, ""
		return
	}
	if said := err.Error(); said != f.said {
		f.said = said
		fmt.Fprintf(f.problems, "preseal: keeping version %d: the new snapshot is not usable: %v\n", before.opened.Version, err)
	}
}

// Manifest returns the manifest in use.
func (f *Folder) Manifest() *snapshot.Manifest { return f.current().opened }

// List returns the list in use, nil if it stays sealed.
func (f *Folder) List() *list.Index { return f.current().list }

// ServeHTTP answers GET …/manifest and …/<sha256>.snap, .chunks or .delta.
func (f *Folder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if name == publish.ManifestFile {
		serveManifest(w, r, f.current().manifest, f.maxAge)
		return
	}
	if !publish.Named(name) {
		http.NotFound(w, r)
		return
	}
	file, err := os.Open(filepath.Join(f.dir, name))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer file.Close()
	serveNamed(w, r, name, file)
}

func serveManifest(w http.ResponseWriter, r *http.Request, b []byte, maxAge time.Duration) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	if maxAge > 0 {
		h.Set("Cache-Control", fmt.Sprintf("public, max-age=%.0f", maxAge.Seconds()))
	}
	h.Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(b)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

// serveNamed serves a file that is named by its content.
func serveNamed(w http.ResponseWriter, r *http.Request, name string, content io.ReadSeeker) {
	allow(w, 15*time.Minute)
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", `"`+name+`"`)
	http.ServeContent(w, r, "", time.Time{}, content)
}

// Memory serves files like a Folder, from memory.
func Memory(f *publish.Files) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if name == publish.ManifestFile {
			serveManifest(w, r, f.Manifest, 0)
			return
		}
		for _, c := range f.Content {
			if c.Name == name {
				serveNamed(w, r, name, bytes.NewReader(c.Content))
				return
			}
		}
		http.NotFound(w, r)
	})
}
