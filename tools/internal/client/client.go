// Package client does what a client of preseal does, from the command line: it loads a snapshot from a folder or over
// HTTP, checks files against it, and asks a confirmation server about candidates.
package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/matcher/snapshot/zstd"
)

// Reasons for a failed exchange with a server. Failed checks of a snapshot have the codes of snapshot.Error.
const (
	Network    = "network"     // no connection, or it broke
	Timeout    = "timeout"     // no answer, or none any more
	Server     = "server"      // an answer with another HTTP status than 200, or one that says that the server failed
	BadAnswer  = "bad-answer"  // an answer that is not what the protocol asks for
	BadProof   = "bad-proof"   // an answer of a server without the secret of the snapshot's public key
	UnknownKey = "unknown-key" // a server with the key of another snapshot
	Busy       = "busy"        // a server that answers no more questions for now
)

// An Error is a failed exchange with a server.
type Error struct {
	Reason string // one of the constants above
	Err    error
}

func (e *Error) Error() string { return e.Reason + ": " + e.Err.Error() }

// Unwrap returns what lies behind the failure.
func (e *Error) Unwrap() error { return e.Err }

// Reason returns the reason that a verdict gives for err, "" if err is neither an Error nor a *snapshot.Error.
func Reason(err error) string {
	var e *Error
	var s *snapshot.Error
	switch {
	case errors.As(err, &e):
		return e.Reason
	case errors.As(err, &s):
		return string(s.Code)
	}
	return ""
}

// Base returns where a server's files are: an address without a path gets the path fallback, and every path ends with
// a slash. It reports false if s is not an http or https address.
func Base(s, fallback string) (*url.URL, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, false
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/" + fallback
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	return u, true
}

// A Source is where a snapshot is: a folder or an address.
type Source struct {
	folder  string
	base    *url.URL // nil for a folder
	timeout time.Duration
}

// NewSource returns the Source that where names. Timeout is how long the server may keep silent.
func NewSource(where string, timeout time.Duration) *Source {
	base, _ := Base(where, "lists/")
	return &Source{where, base, timeout}
}

// Manifest reads the manifest, a byte more than allowed at most.
func (s *Source) Manifest(ctx context.Context) ([]byte, error) {
	return s.read(ctx, "manifest", snapshot.MaxManifest+1)
}

// Snapshot reads the file that the manifest names, a byte more than it should have at most.
func (s *Source) Snapshot(ctx context.Context, m *snapshot.Manifest) ([]byte, error) {
	return s.read(ctx, m.FileName(), min(m.Size, snapshot.MaxSnapshot)+1)
}

// Chunks reads the hashes of the snapshot's chunks, a byte more than there should be at most.
func (s *Source) Chunks(ctx context.Context, m *snapshot.Manifest) ([]byte, error) {
	return s.read(ctx, m.ChunksName(), (min(m.Size, snapshot.MaxSnapshot)/snapshot.ChunkSize+1)*32+1)
}

// Delta reads a delta that the manifest names, a byte more than it should have at most.
func (s *Source) Delta(ctx context.Context, d snapshot.DeltaInfo) ([]byte, error) {
	return s.read(ctx, d.FileName(), min(d.Size, snapshot.MaxDelta)+1)
}

// Earlier reads the snapshot that a delta is from. The error wraps fs.ErrNotExist if it is not there any more.
func (s *Source) Earlier(ctx context.Context, d snapshot.DeltaInfo) ([]byte, error) {
	return s.read(ctx, snapshot.FileName(d.Source), snapshot.MaxSnapshot+1)
}

// Load reads and verifies a snapshot as every client must.
func (s *Source) Load(ctx context.Context, t snapshot.Trust, now time.Time) (*snapshot.Snapshot, error) {
	b, err := s.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	m, err := snapshot.OpenManifest(b, t, now)
	if err != nil {
		return nil, err
	}
	if b, err = s.Snapshot(ctx, m); err != nil {
		return nil, err
	}
	return snapshot.Open(b, m, zstd.Decompress)
}

func (s *Source) read(ctx context.Context, name string, limit int64) ([]byte, error) {
	if s.base == nil {
		f, err := os.Open(filepath.Join(s.folder, name))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, limit))
	}
	return exchange(ctx, s.timeout, limit, func(ctx context.Context) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, s.base.JoinPath(name).String(), nil)
	})
}
