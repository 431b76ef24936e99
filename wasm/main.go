//go:build js && wasm

// Command wasm is preseal's engine for JavaScript. It converts arguments,
// calls the matcher packages and converts results; js/src/engine.ts is the
// other side.
//
// At start it hands an object of functions to globalThis.presealReady. That is
// when js/scripts/prestart.mjs stores it; in a browser it goes on from there. Each
// function returns {ok: …} or {error: {code, message, fatal}}. After a fatal error
// (a panic) the instance is in an unknown state: throw it away. One more function,
// rows, is an export of the module: it is called often, and that takes no time.
package main

import (
	"encoding/hex"
	"errors"
	"syscall/js"
	"time"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/wasm/internal/bridge"
)

// version is the npm package's, set by the linker.
var version = "devel"

// e is what the module's export works on, too.
var e engine

func main() {
	js.Global().Call("presealReady", bridge.Object(
		"version", version,
		"openManifest", bridge.Function(code, e.openManifest),
		"openChunks", bridge.Function(code, e.openChunks),
		"applyDelta", bridge.Function(code, e.applyDelta),
		"openSnapshot", bridge.Function(code, e.openSnapshot),
		"sniff", bridge.Function(code, sniff),
		"digest", bridge.Function(code, e.digest),
		"decode", bridge.Function(code, e.decode),
		"place", bridge.Function(code, e.place),
		"failure", bridge.Function(code, e.failure),
		"planes", bridge.Function(code, e.planes),
		"probe", bridge.Function(code, e.probe),
		"check", bridge.Function(code, e.check),
		"lookUp", bridge.Function(code, e.lookUp),
		"confirmed", bridge.Function(code, e.confirmed),
	))
	select {}
}

// An engine has at most one snapshot open. JavaScript calls it from one thread.
type engine struct {
	manifest *snapshot.Manifest // opened last
	matcher  *matcher.Matcher   // of the snapshot opened last
	pictures
}

// openManifest(note: Uint8Array, trust, now: ms)
func (e *engine) openManifest(args []js.Value) (any, error) {
	note, err := bridge.Bytes(args[0], snapshot.MaxManifest+1, nil)
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
		signers = append(signers, bridge.Object("name", s.Name, "role", s.Role))
	}
	for _, d := range m.Deltas {
		deltas = append(deltas, bridge.Object(
			"from", float64(d.Version), "source", snapshot.FileName(d.Source), "file", d.FileName(), "size", float64(d.Size),
		))
	}
	for _, l := range m.Lanes {
		lanes = append(lanes, bridge.Object(
			"lane", l.Lane.String(), "entries", float64(l.Entries), "capacity", float64(l.Capacity), "error", l.Error,
			"probes", l.Probes, "proof", string(l.Proof),
		))
	}
	mark := m.Mark()
	info := bridge.Object(
		"origin", m.Origin, "purpose", m.Purpose, "version", float64(m.Version),
		"published", float64(m.Published.UnixMilli()), "expires", float64(m.Expires.UnixMilli()),
		"signers", signers, "file", m.FileName(), "chunks", m.ChunksName(), "size", float64(m.Size), "deltas", deltas,
		"distance", m.Distance, "lanes", lanes,
		"mark", bridge.Object("version", float64(mark.Version), "hash", hex.EncodeToString(mark.Hash[:])),
	)
	if o := m.OPRF; o != nil {
		info.Set("oprf", bridge.Object("keyId", hex.EncodeToString(o.KeyID[:]), "publicKey", bridge.Uint8Array(o.PublicKey[:])))
	}
	return info, nil
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
	leaves, err := bridge.Bytes(args[0], snapshot.MaxSnapshot/snapshot.ChunkSize*32+1, nil)
	if err != nil {
		return nil, err
	}
	if _, err := e.manifest.OpenChunks(leaves); err != nil {
		return nil, err
	}
	return bridge.Object("hashes", bridge.Uint8Array(leaves)), nil
}

// applyDelta(delta: Uint8Array)
func (e *engine) applyDelta(args []js.Value) (any, error) {
	if e.manifest == nil || e.matcher == nil {
		return nil, errors.New("no manifest or snapshot is open")
	}
	delta, err := bridge.Bytes(args[0], snapshot.MaxDelta+1, nil)
	if err != nil {
		return nil, err
	}
	file, err := e.matcher.Snapshot().Apply(delta, e.manifest)
	if err != nil {
		return nil, err
	}
	return bridge.Object("file", bridge.Uint8Array(file)), nil
}

// openSnapshot(source, decompress?): the snapshot goes on to read from source, so it
// must stay as it is. decompress(stream: Uint8Array, size) returns the Uint8Array of
// that length which a zstd stream holds, at once, or throws; it is called for filters
// of the kind bloom.zst, and without it a snapshot that has one is the error
// "compressed".
func (e *engine) openSnapshot(args []js.Value) (any, error) {
	if e.manifest == nil {
		return nil, errors.New("no manifest is open")
	}
	r, _ := bridge.Source(args[0])
	var decompress snapshot.Decompress
	if len(args) > 1 && !args[1].IsUndefined() {
		decompress = func(stream []byte, size int) (filter []byte, err error) {
			defer bridge.Caught(&err)
			return bridge.Bytes(args[1].Invoke(bridge.Uint8Array(stream), size), size, nil)
		}
	}
	s, err := snapshot.OpenAt(r, e.manifest, decompress)
	if err != nil {
		return nil, err
	}
	e.matcher = matcher.New(s)
	e.probed = nil // by another one
	return bridge.Object(), nil
}

// probe(now: ms): does as much of the next check as needs the picture alone.
func (e *engine) probe(args []js.Value) (any, error) {
	if e.matcher == nil || e.decoded == nil {
		return nil, errors.New("no snapshot is open, or no picture is decoded")
	}
	f, err := e.matcher.CheckPictures(e.decoded, moment(args[0]))
	if err != nil {
		return nil, err
	}
	e.probed = &f
	return bridge.Object(), nil
}

// check({sha256: Uint8Array, now: ms, decoded?: true}): decoded means that the
// picture given last belongs to the file.
func (e *engine) check(args []js.Value) (any, error) {
	decoded, probed := e.decoded, e.probed
	e.forget() // a picture is for one check
	if e.matcher == nil {
		return nil, errors.New("no snapshot is open")
	}
	q := matcher.Query{}
	digest, err := bridge.Bytes(args[0].Get("sha256"), len(q.SHA256), nil)
	if err != nil || copy(q.SHA256[:], digest) != len(q.SHA256) {
		return nil, errors.New("sha256 is not 32 bytes")
	}
	if args[0].Get("decoded").Truthy() {
		if q.Pictures = decoded; decoded == nil {
			return nil, errors.New("no picture is decoded")
		}
	} else {
		probed = nil
	}
	var f matcher.Finding
	if probed != nil {
		f = e.matcher.CheckDigest(*probed, q.SHA256)
	} else if f, err = e.matcher.Check(q, moment(args[0].Get("now"))); err != nil {
		return nil, err
	}
	candidates := []any{}
	for _, c := range f.Candidates {
		pdqs := []any{}
		for _, h := range c.PDQs {
			pdqs = append(pdqs, bridge.Uint8Array(h[:]))
		}
		candidates = append(candidates, bridge.Object(
			"lane", c.Lane.String(), "key", bridge.Uint8Array(c.Key), "probe", c.Probe, "distance", c.Distance,
			"window", c.Window, "orientation", int(c.Orientation), "pdqs", pdqs,
		))
	}
	finding := bridge.Object(
		"candidates", candidates, "overflow", f.Overflow, "probes", f.Probes, "featureless", f.Featureless,
	)
	if f.Image != nil {
		margins := js.Global().Get("Float32Array").New(len(f.Image.Margins))
		for i, m := range f.Image.Margins {
			margins.SetIndex(i, m)
		}
		finding.Set("picture", bridge.Object(
			"phash", f.Image.PHash.String(), "margins", margins, "pdq", f.Image.PDQ.String(), "quality", f.Image.Quality,
		))
	}
	return finding, nil
}

// lookUp(output: Uint8Array): whether the snapshot lists an output of the
// private confirmation, and the bucket with its entries.
func (e *engine) lookUp(args []js.Value) (any, error) {
	if e.matcher == nil || e.matcher.Snapshot().Outputs() == nil {
		return nil, errors.New("no snapshot with outputs is open")
	}
	var output confirm.Output
	b, err := bridge.Bytes(args[0], len(output), nil)
	if err != nil || copy(output[:], b) != len(output) {
		return nil, errors.New("an output is not 64 bytes")
	}
	outputs := e.matcher.Snapshot().Outputs()
	listed, err := outputs.Contains(output.Value(64))
	if err != nil {
		return nil, err
	}
	return bridge.Object("listed", listed, "bucket", output.Bucket(confirm.BucketBits(outputs.Capacity()))), nil
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
	return bridge.Object("match", match, "distance", distance), nil
}

func pdqs(v js.Value) ([]phash.PDQ, error) {
	var all []phash.PDQ
	for i := range v.Length() {
		b, err := bridge.Bytes(v.Index(i), len(phash.PDQ{}), nil)
		if err != nil || len(b) != len(phash.PDQ{}) {
			return nil, errors.New("a pdq is not 32 bytes")
		}
		all = append(all, phash.PDQ(b))
	}
	return all, nil
}

// code says what the matcher's errors are to JavaScript.
func code(err error) string {
	var failed *snapshot.Error
	var unfit *media.Error
	switch {
	case errors.As(err, &failed):
		return string(failed.Code)
	case errors.As(err, &unfit):
		return unfit.Reason
	case errors.Is(err, snapshot.ErrCompressed):
		return "compressed"
	case errors.Is(err, confirm.ErrMalformed):
		return "bad-answer"
	case errors.Is(err, confirm.ErrTooMany):
		return "overflow"
	}
	return "invalid"
}

func moment(ms js.Value) time.Time { return time.UnixMilli(int64(ms.Float())) }
