package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/client"
	"github.com/preseal/preseal/tools/internal/output"
)

// A step is one check of a client. The order is that of package snapshot; codes are the ways in which it fails.
type step struct {
	name  string
	codes []snapshot.Code
	says  func(*snapshot.Manifest) string
}

var manifestSteps = []step{
	{"size of the manifest", []snapshot.Code{snapshot.TooLarge}, func(*snapshot.Manifest) string {
		return output.Count(snapshot.MaxManifest) + " bytes at most"
	}},
	{"signatures", []snapshot.Code{snapshot.Untrusted}, func(m *snapshot.Manifest) string { return "by " + strings.Join(signerNames(m), ", ") }},
	{"form", []snapshot.Code{snapshot.Corrupt, snapshot.UnsupportedVersion}, nil},
	{"origin", []snapshot.Code{snapshot.WrongOrigin}, func(m *snapshot.Manifest) string { return m.Origin }},
	{"purpose", []snapshot.Code{snapshot.WrongPurpose}, func(m *snapshot.Manifest) string { return m.Purpose }},
	{"version", []snapshot.Code{snapshot.RolledBack, snapshot.Conflicting, snapshot.BrokenChain}, func(m *snapshot.Manifest) string { return fmt.Sprint(m.Version) }},
	{"published", []snapshot.Code{snapshot.NotYetValid}, func(m *snapshot.Manifest) string { return m.Published.Format(time.RFC3339) }},
	{"announced size", []snapshot.Code{snapshot.TooLarge}, func(m *snapshot.Manifest) string { return output.Count(m.Size) + " bytes" }},
	{"expires", []snapshot.Code{snapshot.Expired}, func(m *snapshot.Manifest) string { return m.Expires.Format(time.RFC3339) }},
}

var snapshotSteps = []step{
	{"size of the snapshot", []snapshot.Code{snapshot.TooLarge}, func(m *snapshot.Manifest) string { return output.Count(m.Size) + " bytes" }},
	{"hashes and layout", []snapshot.Code{snapshot.Corrupt, snapshot.UnsupportedVersion}, func(m *snapshot.Manifest) string {
		return fmt.Sprintf("%x", m.Hash)
	}},
	{"fill", []snapshot.Code{snapshot.Overfull}, func(*snapshot.Manifest) string { return fmt.Sprintf("%.0f %% at most", 100*snapshot.MaxFill) }},
	{"canaries", []snapshot.Code{snapshot.Canary}, func(m *snapshot.Manifest) string { return things(len(m.Lanes), "lane", "lanes") }},
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
	c := &cobra.Command{
		Use:   "verify DIR|URL --trust KEY…",
		Short: "Make every check that a client makes of a snapshot",
		Long: `Verify opens a snapshot as a client does and lists each check in its order. It ends at the first that fails, with exit
status 1.`,
		Example: `  preseal verify site/lists --trust keys/verifier.pub
  preseal verify https://lists.example.org/ --trust keys/verifier.pub --origin lists.example.org`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return verify(c, args[0], &trust) },
	}
	trust.add(c)
	return c
}

func verify(c *cobra.Command, where string, flags *trustFlags) error {
	t, err := flags.read()
	if err != nil {
		return err
	}
	p, source := printer(c), client.NewSource(where, 10*time.Second)
	b, err := source.Manifest(c.Context())
	if err != nil {
		return unread(err)
	}
	m, err := snapshot.OpenManifest(b, t, time.Now())
	if !checklist(p, manifestSteps, m, err) {
		checklist(p, snapshotSteps, m, errNotReached)
		return refused(err)
	}
	if b, err = source.Snapshot(c.Context(), m); err != nil {
		checklist(p, snapshotSteps, m, errNotReached)
		return unread(err)
	}
	_, err = snapshot.Open(b, m)
	if !checklist(p, snapshotSteps, m, err) {
		return refused(err)
	}
	p.Text("A client accepts this snapshot.")
	return p.Err()
}

var errNotReached = errors.New("not reached")

func refused(err error) error {
	return output.Hint(fmt.Errorf("the snapshot is refused: %w", err), "%s", advice(err))
}

// unread explains why a snapshot's file could not be read.
func unread(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return output.Hint(err, "give the folder that preseal build wrote, or an http address")
	}
	return output.Hint(err, "%s", advice(err))
}

// checklist prints steps up to the one that err belongs to, and reports whether all hold.
func checklist(p *output.Printer, steps []step, m *snapshot.Manifest, err error) bool {
	failed := stepOf(steps, m, err)
	for i, s := range steps {
		r := stepRecord{Check: s.name, Result: "ok"}
		switch {
		case err == nil || i < failed:
			if s.says != nil && m != nil {
				r.Detail = s.says(m)
			}
			p.Record(r, fmt.Sprintf("ok      %-21s %s", s.name, r.Detail))
		case i == failed:
			var e *snapshot.Error
			r.Result, r.Detail = "failed", err.Error()
			if errors.As(err, &e) {
				r.Code, r.Detail = string(e.Code), e.Err.Error()
			}
			p.Record(r, fmt.Sprintf("FAILED  %-21s %s: %s", s.name, r.Code, r.Detail))
		default:
			r.Result = "not reached"
			p.Record(r, fmt.Sprintf("-       %-21s", s.name))
		}
	}
	return err == nil
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
