package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/matcher/snapshot/zstd"
	"github.com/preseal/preseal/tools/internal/client"
	"github.com/preseal/preseal/tools/internal/output"
)

// A step is one check of a client. The order is that of package snapshot; codes are the ways in which it fails.
type step struct {
	name  string
	codes []snapshot.Code
	says  func(*verification) string
}

var manifestSteps = []step{
	{"size of the manifest", []snapshot.Code{snapshot.TooLarge}, func(*verification) string {
		return output.Count(snapshot.MaxManifest) + " bytes at most"
	}},
	{"signatures", []snapshot.Code{snapshot.Untrusted}, func(v *verification) string { return "by " + strings.Join(signerNames(v.m), ", ") }},
	{"form", []snapshot.Code{snapshot.Corrupt, snapshot.UnsupportedVersion}, nil},
	{"origin", []snapshot.Code{snapshot.WrongOrigin}, func(v *verification) string { return v.m.Origin }},
	{"purpose", []snapshot.Code{snapshot.WrongPurpose}, func(v *verification) string { return v.m.Purpose }},
	{"version", []snapshot.Code{snapshot.RolledBack, snapshot.Conflicting, snapshot.BrokenChain}, func(v *verification) string {
		if seen := v.trust.Seen.Version; seen > 0 {
			return fmt.Sprintf("%d, and version %d was seen before", v.m.Version, seen)
		}
		return fmt.Sprint(v.m.Version)
	}},
	{"published", []snapshot.Code{snapshot.NotYetValid}, func(v *verification) string { return v.m.Published.Format(time.RFC3339) }},
	{"announced size", []snapshot.Code{snapshot.TooLarge}, func(v *verification) string { return output.Count(v.m.Size) + " bytes" }},
	{"expires", []snapshot.Code{snapshot.Expired}, func(v *verification) string { return v.m.Expires.Format(time.RFC3339) }},
}

var chunkSteps = []step{
	{"hashes of chunks", []snapshot.Code{snapshot.Corrupt}, func(v *verification) string {
		return things(int((v.m.Size+snapshot.ChunkSize-1)/snapshot.ChunkSize), "chunk", "chunks")
	}},
}

var snapshotSteps = []step{
	{"size of the snapshot", []snapshot.Code{snapshot.TooLarge}, func(v *verification) string { return output.Count(v.m.Size) + " bytes" }},
	{"hashes and layout", []snapshot.Code{snapshot.Corrupt, snapshot.UnsupportedVersion}, func(v *verification) string {
		return fmt.Sprintf("%x", v.m.Hash)
	}},
	{"fill", []snapshot.Code{snapshot.Overfull}, func(*verification) string { return fmt.Sprintf("%.0f %% at most", 100*snapshot.MaxFill) }},
	{"canaries", []snapshot.Code{snapshot.Canary}, func(v *verification) string { return things(len(v.m.Lanes), "lane", "lanes") }},
}

var outputSteps = []step{
	{"outputs", []snapshot.Code{snapshot.Corrupt}, func(v *verification) string {
		if v.opened.Outputs() == nil {
			return "none: confirmation is plain"
		}
		return fmt.Sprintf("%s, of key %x", output.Count(int64(v.opened.Outputs().Section().Entries)), v.m.OPRF.KeyID)
	}},
}

var deltaSteps = []step{
	{"deltas", []snapshot.Code{snapshot.Corrupt, snapshot.UnsupportedVersion, snapshot.WrongBase}, func(v *verification) string {
		return fmt.Sprintf("%d, of which %d could be applied", len(v.m.Deltas), v.applied)
	}},
}

// stepRecord is one line of preseal verify --json.
type stepRecord struct {
	Check  string `json:"check"`
	Result string `json:"result"` // "ok", "failed" or "not reached"
	Code   string `json:"code"`   // of the failure, else ""
	Detail string `json:"detail"`
}

func newVerify() *cobra.Command {
	var trust trustFlags
	var seen string
	c := &cobra.Command{
		Use:   "verify DIR|URL --trust KEY…",
		Short: "Make every check that a client makes of a snapshot",
		Long: `Verify opens a snapshot as a client does and lists each check in its order. It ends at the first that fails, with exit
status 1. With --seen it is a client that has accepted another manifest before: it refuses an older version, another one
of the same version, and a next one that does not continue it.

Each delta is applied to the snapshot that it is from, if that is there, and must make the one of the manifest.`,
		Example: `  preseal verify site/lists --trust keys/verifier.pub
  preseal verify site/lists --trust authority=keys/verifier.pub --trust auditor=auditor.pub --seen last-manifest
  preseal verify https://lists.example.org/ --trust keys/verifier.pub --origin lists.example.org`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			v, err := newVerification(c, args[0], &trust, seen)
			if err != nil {
				return err
			}
			if err := v.run(c.Context()); err != nil {
				return err
			}
			v.p.Text("A client accepts this snapshot.")
			return v.p.Err()
		},
	}
	trust.add(c)
	c.Flags().StringVar(&seen, "seen", "", "manifest that was accepted last")
	return c
}

// A verification makes the checks of a client, and lists them.
type verification struct {
	p        *output.Printer
	progress *output.Progress
	source   *client.Source
	trust    snapshot.Trust

	manifest []byte
	m        *snapshot.Manifest
	snapshot []byte
	opened   *snapshot.Snapshot
	applied  int // deltas
}

// newVerification prepares one. Seen is the file of a manifest that was accepted before, or "".
func newVerification(c *cobra.Command, where string, flags *trustFlags, seen string) (*verification, error) {
	t, err := flags.read()
	if err != nil {
		return nil, err
	}
	if seen != "" {
		m, err := readManifest(seen)
		if err != nil {
			return nil, err
		}
		t.Seen = m.Mark()
	}
	return &verification{
		p: printer(c), progress: output.NewProgress(c.ErrOrStderr()), source: client.NewSource(where, 10*time.Second), trust: t,
	}, nil
}

// readManifest reads a manifest that the user vouches for.
func readManifest(path string) (*snapshot.Manifest, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, output.Hint(err, "this names the file manifest of an earlier version")
	}
	m, err := snapshot.ReadManifest(b)
	if err != nil {
		return nil, output.Hint(fmt.Errorf("%s: %w", output.Name(path), err), "this names the file manifest of an earlier version")
	}
	return m, nil
}

func (v *verification) run(ctx context.Context) (err error) {
	defer v.progress.Clear()
	for _, group := range []struct {
		steps []step
		check func(context.Context) error
	}{
		{manifestSteps, v.openManifest},
		{chunkSteps, v.openChunks},
		{snapshotSteps, v.openSnapshot},
		{outputSteps, v.readOutputs},
		{deltaSteps, v.applyDeltas},
	} {
		if err != nil {
			v.list(group.steps, errNotReached)
			continue
		}
		err = group.check(ctx)
		v.progress.Clear()
		v.list(group.steps, err)
	}
	var failed *snapshot.Error
	switch {
	case err == nil:
		return v.p.Err()
	case errors.As(err, &failed):
		return output.Hint(fmt.Errorf("the snapshot is refused: %w", err), "%s", advice(err))
	case errors.Is(err, fs.ErrNotExist):
		return output.Hint(err, "give the folder that preseal build wrote, with all its files, or an http address")
	}
	return output.Hint(err, "%s", advice(err))
}

func (v *verification) openManifest(ctx context.Context) (err error) {
	if v.manifest, err = v.source.Manifest(ctx); err == nil {
		v.m, err = snapshot.OpenManifest(v.manifest, v.trust, time.Now())
	}
	return err
}

func (v *verification) openChunks(ctx context.Context) error {
	b, err := v.source.Chunks(ctx, v.m)
	if err == nil {
		_, err = v.m.OpenChunks(b)
	}
	return err
}

func (v *verification) openSnapshot(ctx context.Context) (err error) {
	if v.snapshot, err = v.source.Snapshot(ctx, v.m); err == nil {
		v.opened, err = snapshot.Open(v.snapshot, v.m, zstd.Decompress)
	}
	return err
}

// readOutputs is what a client does with its first candidate.
func (v *verification) readOutputs(context.Context) error {
	if v.opened.Outputs() == nil {
		return nil
	}
	_, err := v.opened.Outputs().Contains(0)
	return err
}

// applyDeltas applies each delta whose source is there.
func (v *verification) applyDeltas(ctx context.Context) error {
	for i, d := range v.m.Deltas {
		v.progress.Update("deltas", int64(i), int64(len(v.m.Deltas)))
		delta, err := v.source.Delta(ctx, d)
		if err != nil {
			return err
		}
		source, err := v.source.Earlier(ctx, d)
		if errors.Is(err, fs.ErrNotExist) {
			// A client that has it can apply the delta; here it can only be compared with what was signed.
			if int64(len(delta)) != d.Size || sha256.Sum256(delta) != d.Hash {
				return &snapshot.Error{Code: snapshot.Corrupt, Err: fmt.Errorf("the delta from version %d is not the file that was signed", d.Version)}
			}
			continue
		}
		if err != nil {
			return err
		}
		if err := v.apply(source, delta, d); err != nil {
			return err
		}
		v.applied++
	}
	return nil
}

func (v *verification) apply(source, delta []byte, d snapshot.DeltaInfo) error {
	if sha256.Sum256(source) != d.Source {
		return &snapshot.Error{Code: snapshot.Corrupt, Err: fmt.Errorf("the snapshot of version %d is not the file that its delta is from", d.Version)}
	}
	from, err := v.m.OpenSource(source, zstd.Decompress)
	if err != nil {
		return err
	}
	file, err := from.Apply(delta, v.m)
	if err == nil && !bytes.Equal(file, v.snapshot) {
		err = &snapshot.Error{Code: snapshot.Corrupt, Err: fmt.Errorf("the delta from version %d makes another file", d.Version)}
	}
	return err
}

var errNotReached = errors.New("not reached")

// list prints steps up to the one that err belongs to.
func (v *verification) list(steps []step, err error) {
	failed := stepOf(steps, v.m, err)
	for i, s := range steps {
		r := stepRecord{Check: s.name, Result: "ok"}
		switch {
		case err == nil || i < failed:
			if s.says != nil && v.m != nil {
				r.Detail = s.says(v)
			}
			v.p.Record(r, fmt.Sprintf("ok      %-21s %s", s.name, r.Detail))
		case i == failed:
			var e *snapshot.Error
			r.Result, r.Detail = "failed", err.Error()
			if errors.As(err, &e) {
				r.Code, r.Detail = string(e.Code), e.Err.Error()
			}
			v.p.Record(r, fmt.Sprintf("FAILED  %-21s %s: %s", s.name, r.Code, r.Detail))
		default:
			r.Result = "not reached"
			v.p.Record(r, fmt.Sprintf("-       %-21s", s.name))
		}
	}
}

// stepOf returns which of the steps err belongs to, -1 for errNotReached. A code that two steps share belongs to the
// later one if the manifest could be read.
func stepOf(steps []step, m *snapshot.Manifest, err error) int {
	found := -1
	var e *snapshot.Error
	if !errors.As(err, &e) {
		return found
	}
	for i, s := range steps {
		if slices.Contains(s.codes, e.Code) && (found < 0 || m != nil) {
			found = i
		}
	}
	return found
}
