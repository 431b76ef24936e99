package demo

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/publish"
	"github.com/preseal/preseal/tools/internal/server"
)

// listFaults are the broken lists below /faults/. Each has a counterpart among the checks of a client.
var listFaults = []string{
	"corrupt", "unsigned", "not-countersigned", "expired", "rolled-back", "conflicting", "broken-chain", missing,
}

const missing = "missing" // the list, altogether

// faults are the broken lists, each made when it is needed, to fit the version that is served then.
type faults struct {
	mu      sync.Mutex
	made    map[string]fault
	next    *publish.Files // in place of the list at the next look for an update, nil if it is as it should be
	current *publish.Files // what the last look met, nil if it was the list
}

type fault struct {
	fits  uint64 // the version that was served
	files *publish.Files
}

// serveList serves the list, or what the next look is to meet instead.
func (p *publisher) serveList(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	p.faults.mu.Lock()
	if name == publish.ManifestFile {
		p.faults.current, p.faults.next = p.faults.next, nil
	}
	files := p.faults.current
	p.faults.mu.Unlock()
	if files != nil && (name == publish.ManifestFile || slices.ContainsFunc(files.Content, func(f publish.File) bool { return f.Name == name })) {
		serveFiles(w, r, files)
		return
	}
	p.serving.Load().ServeHTTP(w, r)
}

// serveFault lets the next look for an update meet a fault; the one after it finds the list as it should be.
func (p *publisher) serveFault(w http.ResponseWriter, r *http.Request) {
	fault := r.PathValue("fault")
	if !slices.Contains(listFaults, fault) {
		http.NotFound(w, r)
		return
	}
	files, err := p.broken(fault)
	if err != nil {
		p.report(err)
		http.Error(w, "the fault could not be made", http.StatusInternalServerError)
		return
	}
	p.faults.mu.Lock()
	p.faults.next = files
	p.faults.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// serveBroken serves a fault for good, to those who open the list there.
func (p *publisher) serveBroken(w http.ResponseWriter, r *http.Request, fault string) {
	files, err := p.broken(fault)
	if err != nil {
		p.report(err)
		http.Error(w, "the fault could not be made", http.StatusInternalServerError)
		return
	}
	serveFiles(w, r, files)
}

func serveFiles(w http.ResponseWriter, r *http.Request, files *publish.Files) {
	if files.Manifest == nil {
		http.NotFound(w, r)
		return
	}
	server.Memory(files).ServeHTTP(w, r)
}

// broken returns the files of a fault, without a manifest if the list is missing.
func (p *publisher) broken(name string) (*publish.Files, error) {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	version := p.version.Load()
	if f := p.faults.made[name]; f.fits == version {
		return f.files, nil
	}
	files, err := p.breakIt(name, version)
	if err != nil {
		return nil, err
	}
	if p.faults.made == nil {
		p.faults.made = make(map[string]fault)
	}
	p.faults.made[name] = fault{version, files}
	return files, nil
}

// breakIt makes a fault for clients that have seen a version.
func (p *publisher) breakIt(fault string, seen uint64) (*publish.Files, error) {
	if fault == missing {
		return new(publish.Files), nil
	}
	small := new(list.Set)
	for _, lane := range list.Lanes {
		small.Add(lane, bytes.Repeat([]byte{0x5a}, lane.HashSize()))
	}
	small.Sort()
	// Two versions on, so that it is refused for nothing else: there is no manifest that it would have to continue.
	build := publish.Build{Keys: p.authority, List: small, Version: seen + 2, Now: time.Now(), Life: life}
	var err error
	switch fault {
	case "unsigned":
		build.Keys, err = keys.Generate(p.authority.Name)
	case "expired":
		build.Now = build.Now.Add(-40 * 24 * time.Hour)
	case "rolled-back":
		build.Version = seen - 1
	case "conflicting":
		build.Version = seen
	case "broken-chain":
		build.Version = seen + 1
	}
	if err != nil {
		return nil, err
	}
	files, err := build.Make()
	if err != nil {
		return nil, err
	}
	switch fault {
	case "not-countersigned":
		return files, nil
	case "corrupt":
		file := files.Content[0].Content // the snapshot
		file[len(file)/2] ^= 1
	}
	signed, err := publish.Countersign(files.Manifest, p.auditor)
	files.Manifest = signed
	return files, err
}

// confirmFaults adds confirmation servers that fail. Some of them have the secret of k.
func confirmFaults(mux *http.ServeMux, k *keys.Set) error {
	mux.HandleFunc("/faults/confirm-down/", func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler) // net/http's way to break a connection
	})
	mux.HandleFunc("/faults/confirm-500/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this server fails on purpose", http.StatusInternalServerError)
	})
	mux.HandleFunc("/faults/confirm-garbage/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", confirm.ContentType)
		io.WriteString(w, "this is not an answer")
	})
	mux.HandleFunc("/faults/confirm-slow/", func(_ http.ResponseWriter, r *http.Request) {
		// A connection is only watched for its end once the request has been read.
		io.Copy(io.Discard, io.LimitReader(r.Body, int64(max(confirm.MaxRequest, voprf.MaxRequest))))
		<-r.Context().Done()
	})
	return privateFaults(mux, k)
}

// privateFaults adds the servers that a client of the private confirmation must see through: one with another key, one
// whose proof does not hold, and one that has taken the entries away.
func privateFaults(mux *http.ServeMux, k *keys.Set) error {
	stranger, err := keys.Generate(k.Name)
	if err != nil {
		return err
	}
	other, err := server.NewPrivate(stranger)
	if err != nil {
		return err
	}
	own, err := server.NewPrivate(k)
	if err != nil {
		return err
	}
	mux.Handle("/faults/confirm-other-key/", server.Evaluate(other))
	mux.HandleFunc("/faults/confirm-bad-proof/", func(w http.ResponseWriter, r *http.Request) {
		request, err := io.ReadAll(io.LimitReader(r.Body, voprf.MaxRequest))
		if err != nil {
			return
		}
		response, _ := own.Answer(request)
		response[len(response)-64] ^= 1
		w.Header().Set("Content-Type", confirm.ContentType)
		w.Write(response)
	})
	mux.Handle("POST /faults/confirm-no-entry/", server.Evaluate(own))
	mux.HandleFunc("GET /faults/confirm-no-entry/", func(http.ResponseWriter, *http.Request) {}) // an empty bucket
	return nil
}
