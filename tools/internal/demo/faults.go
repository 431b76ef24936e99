package demo

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/publish"
	"github.com/preseal/preseal/tools/internal/server"
)

// faults adds the broken snapshots and confirmation servers below /faults/. Each has a counterpart among the checks of
// a client.
func faults(mux *http.ServeMux, good publish.Build) error {
	small := new(list.Set)
	for _, lane := range list.Lanes {
		small.Add(lane, bytes.Repeat([]byte{0x5a}, lane.HashSize()))
	}
	good.List = small

	corrupt, unsigned, expired, older := good, good, good, good
	corrupt.Version = good.Version + 2 // so that it is refused for nothing else, whatever has been seen
	expired.Now = good.Now.Add(-40 * 24 * time.Hour)
	older.Version = good.Version - 1
	stranger, err := keys.Generate(good.Keys.Name)
	if err != nil {
		return err
	}
	unsigned.Keys = stranger
	for _, f := range []struct {
		name  string
		build publish.Build
	}{{"corrupt", corrupt}, {"unsigned", unsigned}, {"expired", expired}, {"rolled-back", older}} {
		files, err := f.build.Make()
		if err != nil {
			return fmt.Errorf("build the %s snapshot: %w", f.name, err)
		}
		if f.name == "corrupt" {
			file := files.Content[0].Content // the snapshot
			file[len(file)/2] ^= 1
		}
		mux.Handle("GET /faults/"+f.name+"/{name}", server.Memory(files))
	}

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
	if err := privateFaults(mux, good.Keys); err != nil {
		return err
	}
	mux.HandleFunc("/faults/confirm-slow/", func(_ http.ResponseWriter, r *http.Request) {
		// A connection is only watched for its end once the request has been read.
		io.Copy(io.Discard, io.LimitReader(r.Body, int64(max(confirm.MaxRequest, voprf.MaxRequest))))
		<-r.Context().Done()
	})
	return nil
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
