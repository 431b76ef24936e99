//go:build js && wasm

// Command wasm is preseal's engine for JavaScript. It converts arguments,
// calls the matcher packages and converts results; js/src/engine.ts is the
// other side.
//
// At start it hands an object of functions to globalThis.presealReady. Each
// returns {ok: …} or {error: {code, message, fatal}}. After a fatal error (a
// panic) the instance is in an unknown state: throw it away.
package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"syscall/js"
	"time"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
)

// version is the npm package's, set by the linker.
var version = "devel"

func main() {
	e := &engine{}
	js.Global().Call("presealReady", map[string]any{
		"version":      version,
		"openManifest": function(e.openManifest),
		"openChunks":   function(e.openChunks),
		"applyDelta":   function(e.applyDelta),
		"openSnapshot": function(e.openSnapshot),
		"sniff":        function(sniff),
		"decode":       function(e.decode),
		"check":        function(e.check),
		"confirmed":    function(e.confirmed),
	})
	select {}
}

// An engine has at most one snapshot open. JavaScript calls it from one thread.
type engine struct {
	manifest *snapshot.Manifest // opened last
	matcher  *matcher.Matcher   // of the snapshot opened last
	// Reused: linear memory never shrinks.
	strip   []byte
	reducer media.Reducer
	// What decode made for the next check.
	decoded []phash.Luma
}

// openManifest(note: Uint8Array, trust, now: ms)
func (e *engine) openManifest(args []js.Value) (any, error) {
	note, err := copyBytes(args[0], snapshot.MaxManifest+1, nil)
	if err != nil {
		return nil, err
	}
	trust, err := trustOf(args[1])
	if err != nil {
		return nil, err
	}
	m, err := snapshot.OpenManifest(note, trust, moment(args[2]))
	if err != nil {
		return nil, err
	}
	e.manifest = m
	signers, deltas, lanes := []any{}, []any{}, []any{}
	for _, s := range m.Signers {
		signers = append(signers, map[string]any{"name": s.Name, "role": s.Role})
	}
	for _, d := range m.Deltas {
		deltas = append(deltas, map[string]any{
			"from": float64(d.Version), "source": snapshot.FileName(d.Source), "file": d.FileName(), "size": float64(d.Size),
		})
	}
	for _, l := range m.Lanes {
		lanes = append(lanes, map[string]any{
			"lane": l.Lane.String(), "entries": float64(l.Entries), "capacity": float64(l.Capacity), "error": l.Error,
			"probes": l.Probes, "proof": string(l.Proof),
		})
	}
	mark := m.Mark()
	return map[string]any{
		"origin": m.Origin, "purpose": m.Purpose, "version": float64(m.Version),
		"published": float64(m.Published.UnixMilli()), "expires": float64(m.Expires.UnixMilli()),
		"signers": signers, "file": m.FileName(), "chunks": m.ChunksName(), "size": float64(m.Size), "deltas": deltas,
		"distance": m.Distance, "lanes": lanes,
		"mark": map[string]any{"version": float64(mark.Version), "hash": hex.EncodeToString(mark.Hash[:])},
	}, nil
}

// trustOf reads {roles: {name, keys: string[]}[], threshold, origin, purpose, minVersion, seen?: {version, hash}}.
func trustOf(v js.Value) (snapshot.Trust, error) {
	t := snapshot.Trust{
		Threshold: v.Get("threshold").Int(), Origin: v.Get("origin").String(), Purpose: v.Get("purpose").String(),
		MinVersion: uint64(v.Get("minVersion").Float()),
	}
	for i := range v.Get("roles").Length() {
		given := v.Get("roles").Index(i)
		role := snapshot.Role{Name: given.Get("name").String()}
		for k := range given.Get("keys").Length() {
			role.Keys = append(role.Keys, given.Get("keys").Index(k).String())
		}
		t.Roles = append(t.Roles, role)
	}
	if seen := v.Get("seen"); !seen.IsUndefined() {
		t.Seen.Version = uint64(seen.Get("version").Float())
		hash, err := hex.DecodeString(seen.Get("hash").String())
		if err != nil || copy(t.Seen.Hash[:], hash) != len(t.Seen.Hash) {
			return t, errors.New("the hash of a mark is not 32 bytes in hexadecimal")
		}
	}
	return t, nil
}

// openChunks(leaves: Uint8Array)
func (e *engine) openChunks(args []js.Value) (any, error) {
	if e.manifest == nil {
		return nil, errors.New("no manifest is open")
	}
	leaves, err := copyBytes(args[0], snapshot.MaxSnapshot/snapshot.ChunkSize*32+1, nil)
	if err != nil {
		return nil, err
	}
	if _, err := e.manifest.OpenChunks(leaves); err != nil {
		return nil, err
	}
	return map[string]any{"hashes": uint8Array(leaves)}, nil
}

// applyDelta(delta: Uint8Array)
func (e *engine) applyDelta(args []js.Value) (any, error) {
	if e.manifest == nil || e.matcher == nil {
		return nil, errors.New("no manifest or snapshot is open")
	}
	delta, err := copyBytes(args[0], snapshot.MaxDelta+1, nil)
	if err != nil {
		return nil, err
	}
	file, err := e.matcher.Snapshot().Apply(delta, e.manifest)
	if err != nil {
		return nil, err
	}
	return map[string]any{"file": uint8Array(file)}, nil
}

// openSnapshot(source): the snapshot goes on to read from it, so it must stay as it is.
func (e *engine) openSnapshot(args []js.Value) (any, error) {
	if e.manifest == nil {
		return nil, errors.New("no manifest is open")
	}
	r, _ := source(args[0])
	s, err := snapshot.OpenAt(r, e.manifest)
	if err != nil {
		return nil, err
	}
	e.matcher = matcher.New(s)
	return map[string]any{}, nil
}

// sniff(source)
func sniff(args []js.Value) (any, error) {
	r, size := source(args[0])
	info, err := media.Sniff(r, size)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"format": info.Format, "width": info.Width, "height": info.Height, "orientation": info.Orientation,
	}, nil
}

// decode(source, orientation): decodes a JPEG for the next check.
func (e *engine) decode(args []js.Value) (any, error) {
	e.decoded = nil
	r, size := source(args[0])
	luma, err := media.FromJPEG(r, size, args[1].Int())
	if err != nil {
		return nil, err
	}
	e.decoded = []phash.Luma{luma}
	return map[string]any{}, nil
}

// check({sha256: Uint8Array, now: ms, decoded?: true, rgba?: Uint8Array, width, height})
func (e *engine) check(args []js.Value) (any, error) {
	decoded := e.decoded
	e.decoded = nil // a picture is for one check
	if e.matcher == nil {
		return nil, errors.New("no snapshot is open")
	}
	q := matcher.Query{}
	digest, err := copyBytes(args[0].Get("sha256"), len(q.SHA256), nil)
	if err != nil || copy(q.SHA256[:], digest) != len(q.SHA256) {
		return nil, errors.New("sha256 is not 32 bytes")
	}
	if args[0].Get("decoded").Truthy() {
		if q.Pictures = decoded; decoded == nil {
			return nil, errors.New("no picture is decoded")
		}
	} else if rgba := args[0].Get("rgba"); !rgba.IsUndefined() {
		if q.Pictures, err = e.reduce(rgba, args[0].Get("width").Int(), args[0].Get("height").Int()); err != nil {
			return nil, err
		}
	}
	f, err := e.matcher.Check(q, moment(args[0].Get("now")))
	if err != nil {
		return nil, err
	}
	candidates := []any{}
	for _, c := range f.Candidates {
		pdqs := []any{}
		for _, h := range c.PDQs {
			pdqs = append(pdqs, uint8Array(h[:]))
		}
		candidates = append(candidates, map[string]any{
			"lane": c.Lane.String(), "key": uint8Array(c.Key), "probe": c.Probe, "distance": c.Distance,
			"window": c.Window, "orientation": int(c.Orientation), "pdqs": pdqs,
		})
	}
	finding := map[string]any{
		"candidates": candidates, "overflow": f.Overflow, "probes": f.Probes, "featureless": f.Featureless,
	}
	if f.Image != nil {
		margins := js.Global().Get("Float32Array").New(len(f.Image.Margins))
		for i, m := range f.Image.Margins {
			margins.SetIndex(i, m)
		}
		finding["picture"] = map[string]any{
			"phash": f.Image.PHash.String(), "margins": margins, "pdq": f.Image.PDQ.String(), "quality": f.Image.Quality,
		}
	}
	return finding, nil
}

// reduce copies pixels in strips of some rows.
func (e *engine) reduce(rgba js.Value, w, h int) ([]phash.Luma, error) {
	if err := e.reducer.Reset(w, h); err != nil {
		return nil, err
	}
	const stripBytes = 256 << 10
	rows := max(1, stripBytes/(4*w))
	if cap(e.strip) < 4*w*rows {
		e.strip = make([]byte, 4*w*rows)
	}
	for at, n := 0, rgba.Length(); at < n; {
		strip := e.strip[:min(4*w*rows, n-at)]
		js.CopyBytesToGo(strip, rgba.Call("subarray", at, at+len(strip)))
		if err := e.reducer.Write(strip); err != nil {
			return nil, err
		}
		at += len(strip)
	}
	white, black, err := e.reducer.Luma()
	if err != nil {
		return nil, err
	}
	if black == nil {
		return []phash.Luma{white}, nil
	}
	return []phash.Luma{white, *black}, nil
}

// confirmed({lane, pdqs: Uint8Array[]}, {listed, hashes: Uint8Array[]}):
// whether a candidate and the server's answer make a match.
func (e *engine) confirmed(args []js.Value) (any, error) {
	if e.matcher == nil {
		return nil, errors.New("no snapshot is open")
	}
	lane, err := snapshot.ParseLane(args[0].Get("lane").String())
	if err != nil {
		return nil, err
	}
	own, err := pdqs(args[0].Get("pdqs"))
	if err != nil {
		return nil, err
	}
	listed, err := pdqs(args[1].Get("hashes"))
	if err != nil {
		return nil, err
	}
	match, distance, err := e.matcher.Confirmed(matcher.Candidate{Lane: lane, PDQs: own},
		confirm.Answer{Listed: args[1].Get("listed").Bool(), Hashes: listed})
	if err != nil {
		return nil, err
	}
	return map[string]any{"match": match, "distance": distance}, nil
}

func pdqs(v js.Value) ([]phash.PDQ, error) {
	var all []phash.PDQ
	for i := range v.Length() {
		b, err := copyBytes(v.Index(i), len(phash.PDQ{}), nil)
		if err != nil || len(b) != len(phash.PDQ{}) {
			return nil, errors.New("a pdq is not 32 bytes")
		}
		all = append(all, phash.PDQ(b))
	}
	return all, nil
}

func uint8Array(b []byte) js.Value {
	v := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(v, b)
	return v
}

// function makes a JavaScript function out of a Go one. Its panics, most of
// which come from arguments of the wrong type, end as fatal errors. Inlined, it
// would be there once for every function.
//
//go:noinline
func function(f func(args []js.Value) (any, error)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) (result any) {
		defer func() {
			if p := recover(); p != nil {
				result = failure("engine-failed", fmt.Sprint("panic: ", p), true)
			}
		}()
		ok, err := f(args)
		var failed *snapshot.Error
		var unfit *media.Error
		switch {
		case errors.As(err, &failed):
			return failure(string(failed.Code), err.Error(), false)
		case errors.As(err, &unfit):
			return failure(unfit.Reason, err.Error(), false)
		case errors.Is(err, confirm.ErrMalformed):
			return failure("bad-answer", err.Error(), false)
		case errors.Is(err, confirm.ErrTooMany):
			return failure("overflow", err.Error(), false)
		case err != nil:
			return failure("invalid", err.Error(), false)
		}
		return map[string]any{"ok": ok}
	})
}

func failure(code, message string, fatal bool) any {
	return map[string]any{"error": map[string]any{"code": code, "message": message, "fatal": fatal}}
}

// copyBytes copies a Uint8Array of most bytes at most, into buf if it is large
// enough.
func copyBytes(v js.Value, most int, buf []byte) ([]byte, error) {
	n := v.Get("length").Int()
	if n > most {
		return nil, fmt.Errorf("%d bytes are more than %d", n, most)
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	js.CopyBytesToGo(buf[:n], v)
	return buf[:n], nil
}

func moment(ms js.Value) time.Time { return time.UnixMilli(int64(ms.Float())) }

// source returns what a Uint8Array holds, or what {size, read} reads: read(at,
// length) returns a Uint8Array of that length, at once.
func source(v js.Value) (io.ReaderAt, int64) {
	if read := v.Get("read"); read.Type() == js.TypeFunction {
		return readerAt{v, "read"}, int64(v.Get("size").Float())
	}
	return readerAt{v, "subarray"}, int64(v.Length())
}

// A readerAt reads pieces of a file without copying the rest.
type readerAt struct {
	file   js.Value
	method string
}

func (r readerAt) ReadAt(p []byte, at int64) (n int, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case js.Error: // thrown by read
			n, err = 0, p
		default:
			panic(p)
		}
	}()
	if r.method == "subarray" && at >= int64(r.file.Length()) { // which it takes for the end
		return 0, io.EOF
	}
	second := len(p)
	if r.method == "subarray" {
		second += int(at)
	}
	if n = js.CopyBytesToGo(p, r.file.Call(r.method, int(at), second)); n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
