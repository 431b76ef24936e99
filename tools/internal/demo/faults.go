package demo

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
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
	mux.HandleFunc("/faults/confirm-slow/", func(_ http.ResponseWriter, r *http.Request) {
		// A connection is only watched for its end once the request has been read.
		io.Copy(io.Discard, io.LimitReader(r.Body, confirm.MaxRequest))
		<-r.Context().Done()
	})
	return nil
}
