package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/client"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/picture"
)

type checkOptions struct {
	snapshot, confirm string
	trust             trustFlags
	timeout           time.Duration
	plain             bool
}

func newCheck() *cobra.Command {
	o := &checkOptions{}
	c := &cobra.Command{
		Use:   "check --snapshot DIR|URL --trust KEY… [--confirm URL] FILE…",
		Short: "Check files against a snapshot",
		Long: `Check gives a verdict about each file, and about each file in the folders among them:

  clear        not on the list; nothing was sent
  cleared      a candidate, and it is not on the list, or its second hash is of another picture
  match        on the list
  unsupported  its digest is not on the list, and it cannot be hashed as a picture
  unavailable  no valid snapshot, or a candidate that could not be confirmed

The exit status is 0 if all are clear or cleared, 3 if there is a match, else 1 if a file could not be read, else 4 if
anything is unsupported or unavailable. An address without a path gets lists/ or v1/ appended.

A candidate is confirmed in private: the server learns that somebody asks, and in which of three ranges the number of
candidates is. What the list has of it is fetched only if it is listed; whoever serves that learns of the bucket, which it
shares with hundreds of other entries if the list fills its capacity (preseal build warns otherwise). If the server has another key than the snapshot, or other entries, the snapshot is
loaded once more.

With --plain, the server sees the candidates' hashes. That is for development and public lists only.`,
		Example: `  preseal check --snapshot site/lists --trust keys/verifier.pub photo.jpg
  preseal check --snapshot http://127.0.0.1:8081 --confirm http://127.0.0.1:8081 --trust keys/verifier.pub --json pictures/`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	c.Flags().StringVar(&o.snapshot, "snapshot", "", "folder or address of the snapshot")
	c.Flags().StringVar(&o.confirm, "confirm", "", "address of the confirmation server; without it, candidates are unavailable")
	c.Flags().BoolVar(&o.plain, "plain", false, "show the server the candidates' hashes")
	c.Flags().DurationVar(&o.timeout, "timeout", 10*time.Second, "how long a server may keep silent")
	o.trust.add(c)
	require(c, "snapshot")
	complete(c, []string{"snapshot"}, nil)
	return c
}

func (o *checkOptions) run(c *cobra.Command, args []string) error {
	if o.timeout <= 0 {
		return output.Usage(output.Hint(fmt.Errorf("--timeout %s is not a time to wait", o.timeout), "for example --timeout 5s"))
	}
	t, err := o.trust.read()
	if err != nil {
		return err
	}
	checker := &client.Checker{Plain: o.plain}
	if o.confirm != "" {
		if checker.Confirmer, err = client.NewConfirmer(o.confirm, o.timeout); err != nil {
			return output.Usage(output.Hint(err, "for example --confirm http://127.0.0.1:8081"))
		}
	}
	source := client.NewSource(o.snapshot, o.timeout)
	s, err := source.Load(c.Context(), t, time.Now())
	judge := checker.Check
	switch {
	case err == nil:
		checker.Matcher = matcher.New(s)
		checker.Reload = func(ctx context.Context) (*snapshot.Snapshot, error) {
			t.Seen = checker.Matcher.Snapshot().Manifest().Mark()
			return source.Load(ctx, t, time.Now())
		}
	case client.Reason(err) == "":
		return output.Hint(err, "--snapshot names the folder that preseal build wrote, or an http address")
	default:
		problem(c, "no usable snapshot: %v", err)
		problem(c, "hint: %s", advice(err))
		judge = func(context.Context, *picture.Picture, time.Time) (client.Verdict, error) {
			return client.Failed(err), nil
		}
	}
	return o.judge(c, args, judge)
}

func (o *checkOptions) judge(c *cobra.Command, args []string, judge func(context.Context, *picture.Picture, time.Time) (client.Verdict, error)) error {
	p := printer(c)
	matches, unsure, warned := 0, 0, false
	err := walk(c, p, args, func(path string) error {
		file, err := picture.ReadFile(c.Context(), path)
		if err != nil {
			return err
		}
		v, err := judge(c.Context(), file, time.Now())
		if err != nil {
			return err
		}
		v.File = path
		p.Record(v, line(v))
		switch v.Kind {
		case client.Match:
			matches++
		case client.Unsupported, client.Unavailable:
			unsure++
		}
		if v.Kind == client.Unavailable && v.Candidates > 0 && !warned {
			warned = true
			problem(c, "a candidate could not be confirmed: %v", v.Detail)
			problem(c, "hint: %s", o.advice(v.Reason))
		}
		return nil
	})
	switch {
	case c.Context().Err() != nil:
		return c.Context().Err()
	case p.Err() != nil: // the rest was not checked
		return p.Err()
	case matches > 0:
		return output.Exit(output.StatusMatch)
	case err != nil:
		return err
	case unsure > 0:
		return output.Exit(output.StatusUnsure)
	}
	return nil
}

// advice says what can be done about a candidate that could not be confirmed.
func (o *checkOptions) advice(reason string) string {
	switch reason {
	case client.NoConfirmation:
		if o.confirm == "" {
			return "name the confirmation server with --confirm"
		}
		return "if the list is public anyway, --plain asks by showing the server the candidates' hashes"
	case client.Overflow:
		return "the list seems to have entries that many pictures are near to; tell its operator"
	case client.Network, client.Timeout:
		return "check the address given with --confirm and that preseal serve is running there"
	case client.Busy:
		return "try again later"
	case client.UnknownKey:
		return "the server has another key than the snapshot: get the snapshot from where its operator publishes it now"
	case client.BadProof:
		return "the server does not have the key that the list's publisher signed; tell its operator"
	}
	return "check that the address given with --confirm is that of a preseal server for this list"
}

// line is a verdict as text.
func line(v client.Verdict) string {
	s := fmt.Sprintf("%-12s %s", v.Kind, output.Name(v.File))
	switch {
	case v.Reason != "" && v.Lane != "":
		return s + fmt.Sprintf("  (%s; candidate: %s)", v.Reason, hit(v))
	case v.Reason != "":
		return s + fmt.Sprintf("  (%s)", v.Reason)
	case v.Lane != "":
		return s + fmt.Sprintf("  (%s)", hit(v))
	}
	return s
}

// hit says how a candidate was found and what its second hash says.
func hit(v client.Verdict) string {
	s := v.Lane
	if v.Label != "" {
		s += fmt.Sprintf(" %q", v.Label)
	}
	if v.Lane == snapshot.SHA256.String() {
		return s
	}
	s += fmt.Sprintf(", probe %s, %s flipped", output.Count(int64(*v.Probe)), things(*v.Distance, "bit", "bits"))
	if *v.Window > 0 {
		s += fmt.Sprintf(", window %d", *v.Window)
	}
	if *v.Orientation > 0 {
		s += ", mirrored or turned"
	}
	if v.SecondHash != nil {
		s += fmt.Sprintf(", second hash at %d", *v.SecondHash)
	}
	return s
}
