package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/publish"
)

type buildOptions struct {
	lists                            []string
	images, keys, out, base          string
	origin, purpose                  string
	days, probes                     int
	strict                           bool
	digestOnly, rejected, duplicates int
}

func newBuild() *cobra.Command {
	o := &buildOptions{}
	c := &cobra.Command{
		Use:   "build [--list FILE]… [--images DIR] --key DIR --out DIR",
		Short: "Build a list into a signed snapshot",
		Long: `Build reads list files and a folder of images and writes a snapshot to the folder given by --out:

  manifest        signed; the only file that changes, and the last to be written
  <sha256>.snap   the filters that clients download
  list.sealed     the entries, encrypted with oprf.key for the confirmation server

The folder can be published as it is. A list file is CSV with a header that names the columns algorithm and hash, or
newline-delimited JSON with these members; algorithms are sha256 and phash. Each image (JPEG, PNG, GIF, WebP) gives
an entry of each. What is rejected is named on stderr with its reason, and the build goes on.

If the folder holds an earlier version of the same list, the new one continues it.`,
		Example: `  preseal build --list hashes.csv --images pictures --key keys --out site/lists
  preseal build --list hashes.ndjson --base old --key keys --out new --days 7 --strict`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringArrayVar(&o.lists, "list", nil, "list file, CSV or newline-delimited JSON (repeatable)")
	f.StringVar(&o.images, "images", "", "folder of images to list")
	f.StringVar(&o.keys, "key", "", "folder with signer.key and oprf.key")
	f.StringVar(&o.out, "out", "", "folder to write the snapshot to")
	f.StringVar(&o.base, "base", "", "folder with the version before this one (default: the one in --out, if there is one)")
	f.StringVar(&o.origin, "origin", "", "name of the list, which clients can pin (default: the signer's name)")
	f.StringVar(&o.purpose, "purpose", snapshot.DefaultPurpose, "what the list may be used for")
	f.IntVar(&o.days, "days", 30, "days until the snapshot expires, 1 to 30")
	f.IntVar(&o.probes, "probes", snapshot.DefaultProbes, "variants of a phash that clients test")
	f.BoolVar(&o.strict, "strict", false, "fail if anything is rejected")
	require(c, "key", "out")
	c.MarkFlagsOneRequired("list", "images")
	complete(c, []string{"images", "key", "out", "base"}, []string{"list"}, "csv", "json", "ndjson", "jsonl")
	return c
}

func (o *buildOptions) run(c *cobra.Command) error {
	if err := o.validate(); err != nil {
		return output.Usage(err)
	}
	k, err := keys.Read(o.keys)
	if err != nil {
		return output.Hint(err, "--key names the folder that preseal keygen wrote")
	}
	if o.origin == "" && !snapshot.ValidName(k.Name) {
		return output.Hint(fmt.Errorf("the signer's name %q cannot be an origin", k.Name), "name the list with --origin")
	}
	b := publish.Build{
		Keys: k, List: new(list.Set), Origin: o.origin, Purpose: o.purpose, Now: time.Now(),
		Life: time.Duration(o.days) * 24 * time.Hour, Probes: o.probes,
	}
	// The earlier version is looked at first: its faults should not show after an hour's work.
	if err := o.findBase(&b); err != nil {
		return err
	}
	if err := o.collect(c, b.List); err != nil {
		return err
	}
	if o.rejected > 0 && o.strict {
		return output.Hint(fmt.Errorf("%s rejected, and --strict was given", things(o.rejected, "entry", "entries")),
			"correct what is named above, or build without --strict")
	}
	o.duplicates = b.List.Sort()
	files, err := b.Make()
	if err != nil {
		if b.List.Len(snapshot.SHA256)+b.List.Len(snapshot.PHash) == 0 {
			return output.Hint(errors.New("nothing to build: no entry was accepted"), "the lines above, if any, say why each was rejected")
		}
		return err
	}
	if err := c.Context().Err(); err != nil {
		return err
	}
	if err := files.Write(o.out); err != nil {
		return fmt.Errorf("write %s: %w", o.out, err)
	}
	return o.summary(c, files)
}

func (o *buildOptions) validate() error {
	switch {
	case o.days < 1 || o.days > 30:
		return output.Hint(fmt.Errorf("--days %d is not 1 to 30", o.days), "a snapshot lives 30 days at most; build a new one before it expires")
	case o.probes < 1 || o.probes > snapshot.MaxProbes:
		return output.Hint(fmt.Errorf("--probes %d is not 1 to %d", o.probes, snapshot.MaxProbes), "leave it out for the default, %d", snapshot.DefaultProbes)
	case o.origin != "" && !snapshot.ValidName(o.origin):
		return output.Hint(errors.New("--origin is not 1 to 200 printable ASCII characters without spaces"), "for example --origin lists.example.org/images")
	case !snapshot.ValidName(o.purpose):
		return output.Hint(errors.New("--purpose is not 1 to 200 printable ASCII characters without spaces"), "leave it out for the default, %s", snapshot.DefaultPurpose)
	}
	return nil
}

func (o *buildOptions) findBase(b *publish.Build) error {
	there, err := publish.ReadManifest(o.out)
	if err != nil {
		return err
	}
	if there != nil {
		before, err := b.Continue(there)
		if err != nil {
			return output.Hint(fmt.Errorf("%s: %w", filepath.Join(o.out, publish.ManifestFile), err),
				"choose another folder with --out, or use the key and origin of the list that is there")
		}
		b.Base, b.Version = there, before.Version+1
	}
	if o.base == "" {
		return nil
	}
	base, err := publish.ReadManifest(o.base)
	if err == nil && base == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return output.Hint(fmt.Errorf("%s: %w", filepath.Join(o.base, publish.ManifestFile), err), "--base names the folder of an earlier build")
	}
	before, err := b.Continue(base)
	if err != nil {
		return output.Hint(fmt.Errorf("%s: %w", filepath.Join(o.base, publish.ManifestFile), err),
			"a list can only continue one of the same origin and key")
	}
	if b.Version > before.Version+1 {
		return output.Hint(fmt.Errorf("%s already holds version %d, which is newer than --base", o.out, b.Version-1), "leave --base out to continue it")
	}
	b.Base, b.Version = base, before.Version+1
	return nil
}

// laneRecord is one line of preseal build --json.
type laneRecord struct {
	Lane          string  `json:"lane"`
	Entries       uint64  `json:"entries"`
	Bytes         int64   `json:"bytes"`
	BytesPerEntry float64 `json:"bytesPerEntry"`
	Candidates    float64 `json:"candidates"` // expected of one innocent picture
	Version       uint64  `json:"version"`
	File          string  `json:"file"`
	Duplicates    int     `json:"duplicates"` // in all lanes
	Rejected      int     `json:"rejected"`   // in all lanes
}

func (o *buildOptions) summary(c *cobra.Command, files *publish.Files) error {
	p, m := printer(c), files.Opened.Manifest()
	p.Text("%s, version %d, expires %s", m.Origin, m.Version, m.Expires.Format(time.RFC3339))
	p.Text("%-8s %12s %12s %12s  %s", "lane", "entries", "bytes", "bytes/entry", "candidates per innocent picture")
	total := 0.0
	for _, s := range files.Opened.Sections() {
		lane, _ := m.Lane(s.Lane)
		r := laneRecord{
			Lane: s.Lane.String(), Entries: s.Entries, Bytes: s.Length, BytesPerEntry: round(float64(s.Length) / float64(s.Entries)),
			Candidates: lane.Error * float64(lane.Probes), Version: m.Version, File: m.FileName(), Duplicates: o.duplicates, Rejected: o.rejected,
		}
		total += r.Candidates
		p.Record(r, fmt.Sprintf("%-8s %12s %12s %12.2f  %.4f", r.Lane, output.Count(int64(r.Entries)), output.Count(r.Bytes), r.BytesPerEntry, r.Candidates))
	}
	p.Text("%s of %s; one innocent picture in %.0f has a candidate", m.FileName()[:12]+"….snap", things(int(m.Size), "byte", "bytes"), 1/total)
	if o.duplicates > 0 {
		p.Text("%s listed more than once", things(o.duplicates, "hash was", "hashes were"))
	}
	if o.digestOnly > 0 {
		p.Text("%s listed by sha256 alone", things(o.digestOnly, "image is", "images are"))
	}
	if o.rejected > 0 {
		p.Text("%s rejected", things(o.rejected, "entry was", "entries were"))
	}
	return p.Err()
}

func round(x float64) float64 { return math.Round(x*1000) / 1000 }

// things is a number with the right noun.
func things(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return output.Count(int64(n)) + " " + many
}
