package main

import (
	"cmp"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/publish"
)

type buildOptions struct {
	lists, excludes                 []string
	images, keys, out, base         string
	origin, purpose, kind           string
	capacities                      []string
	days, probes, distance, keyBits int
	strict, augment, plain, restart bool
	bytesPerEntry                   float64

	augmenter *augmenter // nil without --augment
	progress  *output.Progress
	sources   []source // of the entries
	// Counts for the summary: images below the gate, refusals, hashes of lists (not digests), repeated and dropped hashes.
	digestOnly, rejected, fromHashes, duplicates, excluded int
	evaluated                                              publish.Evaluated
}

func newBuild() *cobra.Command {
	o := &buildOptions{}
	c := &cobra.Command{
		Use:   "build [--list FILE]… [--images DIR] --key DIR --out DIR",
		Short: "Build a list into a signed snapshot",
		Long: `Build reads list files and a folder of images and writes a snapshot to the folder given by --out:

  manifest         signed; changes with each version, and is the last to be written
  <sha256>.snap    the filters that clients download
  <sha256>.chunks  the hashes of their pieces, for downloads that resume
  <sha256>.delta   what makes them out of an earlier version, for clients that have it
  entries/…        what clients get to know of entries that they find, encrypted
  outputs.sealed   the outputs of all entries, encrypted with oprf.key for the next build

All but the manifest, entries and outputs.sealed are named by their content and never change. Outputs are what candidates are confirmed with in private. They are computed on all
cores, 70 µs each, and kept at once: a build that is interrupted goes on where it was, and the next one computes what is
new. With --plain there are none, and list.sealed has the entries, encrypted with oprf.key, for preseal serve --plain.

A list file is CSV with a header that names the columns algorithm and hash, or newline-delimited JSON with these members;
algorithms are sha256, phash and pdq. If it has a quality from 0 to 100, a perceptual hash below 50 is rejected; if it has
a label, of 32 bytes at most, clients that find the entry learn it. Each image (JPEG, PNG, GIF, WebP, BMP) gives an entry of each algorithm. What is
rejected, or listed before, is named on stderr with its reason, and the build goes on.

A perceptual hash only finds a candidate; the PDQ hash of the same picture decides. Images have both, and so have entries
of pdq. If some entries of phash have none, the whole lane is marked: there, a key without one is a match by itself.

Pictures that everybody sends (screens, memes, logos, words on plain ground) collide. Put some of them into a folder for
--exclude: what they come near to is dropped and named. With --augment, images get further keys in the lane pdq, those of
cropped and slightly turned copies, as many as --bytes-per-entry allows on average.

If the folder holds an earlier version of the same list, the new one continues it, but takes no entries from it: what is to
stay listed must be given again. It comes with deltas from the last 16
versions whose snapshots are at hand; those of another folder, which --base names, are copied. What is not said of
purpose, capacity, probes, distance, kind and key bits is as it was. preseal gc removes what is no longer needed.

A filter is sized for as many entries as the first version has, or --capacity says, and takes twice as many. After that
the build is refused: build with --restart and a larger --capacity then. No delta leads to a filter of another size: clients download
everything once, and who has both versions can tell more of the list than from either, so do it rarely and leave room.
Outputs have room for as many as all lanes together, for as long as oprf.key stays; preseal rotate makes another one. That
room makes the number of buckets that entries are in: with much of it left, few keys share one, and build warns of it.`,
		Example: `  preseal build --list hashes.csv --images pictures --key keys --out site/lists
  preseal build --images pictures --augment --bytes-per-entry 10 --exclude common --key keys --out site/lists
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
	f.StringArrayVar(&o.capacities, "capacity", nil, "entries that filters are sized for, of one lane as LANE=N (repeatable; default: as before, or as many as there are)")
	f.IntVar(&o.probes, "probes", snapshot.DefaultProbes, "variants of a perceptual hash that clients test")
	f.IntVar(&o.distance, "distance", snapshot.DefaultDistance, fmt.Sprintf("bits that may differ in the second hash of a match, 1 to %d", snapshot.MaxDistance))
	f.IntVar(&o.keyBits, "key-bits", 0, fmt.Sprintf("bits of a pdq hash in its key, %d to %d (default: chosen by entries and probes)", snapshot.MinKeyBits, snapshot.MaxKeyBits))
	f.StringVar(&o.kind, "kind", string(snapshot.Rice), fmt.Sprintf("how filters are written: %s, or %s for readers of bits-and-blooms, for which browsers load 0.9 MB more", snapshot.Rice, snapshot.Bloom))
	f.StringArrayVar(&o.excludes, "exclude", nil, "folder of common pictures that nothing listed may be near (repeatable)")
	f.BoolVar(&o.augment, "augment", false, "list cropped and turned copies of the images, too")
	f.Float64Var(&o.bytesPerEntry, "bytes-per-entry", 7, "size of an image's keys in the lane pdq, with --augment")
	f.BoolVar(&o.plain, "plain", false, "build for the plain confirmation, which shows the server what is asked about")
	f.BoolVar(&o.restart, "restart", false, "let the list have other filters than before, or the other confirmation")
	f.BoolVar(&o.strict, "strict", false, "fail if anything is rejected or listed twice")
	require(c, "key", "out")
	c.MarkFlagsOneRequired("list", "images")
	complete(c, []string{"images", "key", "out", "base", "exclude"}, []string{"list"}, "csv", "json", "ndjson", "jsonl")
	return c
}

func (o *buildOptions) run(c *cobra.Command) error {
	// A large list and its outputs are a few arrays without pointers: to collect often costs little, and saves a third.
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	b := publish.Build{
		List: new(list.Set), Origin: o.origin, Now: time.Now(), Life: time.Duration(o.days) * 24 * time.Hour,
	}
	if err := cmp.Or(o.validate(), o.choose(c, &b)); err != nil {
		return output.Usage(err)
	}
	if err := needOut(o.out); err != nil {
		return err
	}
	k, err := keys.Read(o.keys)
	if err != nil {
		return output.Hint(err, "--key names the folder that preseal keygen wrote")
	}
	if o.origin == "" && !snapshot.ValidName(k.Name) {
		return output.Hint(fmt.Errorf("the signer's name %q cannot be an origin", k.Name), "name the list with --origin")
	}
	release, err := lock(o.out)
	if err != nil {
		return err
	}
	defer release()
	o.progress = output.NewProgress(c.ErrOrStderr())
	defer o.progress.Clear()
	b.Keys, b.Progress, b.Count = k, o.progress.Step, o.progress.Update
	// The earlier version is looked at first: its faults should not show after an hour's work.
	if err := o.findBase(&b); err != nil {
		return err
	}
	if err := o.fill(c, &b); err != nil {
		return err
	}
	draft, err := o.draft(c, &b)
	if err != nil {
		return err
	}
	if err := o.refuse(); err != nil {
		return err
	}
	if !o.plain {
		if draft, err = o.evaluate(c, draft); err != nil {
			return err
		}
	}
	files, err := draft.Publish()
	if err != nil {
		return err
	}
	o.progress.Clear()
	omitted(c, files)
	warn(c, &b, files.Opened)
	if err := c.Context().Err(); err != nil {
		return err
	}
	if err := files.Write(c.Context(), o.out); err != nil {
		return fmt.Errorf("write %s: %w", o.out, err)
	}
	o.progress.Clear()
	return o.summary(c, files)
}

// warn names what is weaker than it might be.
func warn(c *cobra.Command, b *publish.Build, s *snapshot.Snapshot) {
	if singles := b.List.Singles(); singles > 0 {
		problem(c, "warning: %s without a pdq hash of the picture: pictures that merely hash like them will be matches",
			things(singles, "entry of phash is", "entries of phash are"))
		problem(c, "hint: list pdq hashes or images instead, if there are any")
	}
	outputs := s.Outputs()
	if outputs == nil {
		return
	}
	if n, buckets := outputs.Section().Entries, uint64(1)<<confirm.BucketBits(outputs.Capacity()); buckets > 1 && n < crowd*buckets {
		problem(c, "warning: %s in %s: the name of one says more of a listed key than it does with %d in each, to whoever has oprf.key and the list",
			things(int(n), "output is", "outputs are"), things(int(buckets), "bucket", "buckets"), crowd)
		problem(c, "hint: leave less room with --capacity; for a list that is built already, that takes preseal rotate")
	}
}

// crowd is how many outputs share a bucket, on average, at the least: those of a list that fills its capacity do.
const crowd = 256

// fill puts the entries of the lists and images, and the further keys of images, into an empty set and sorts it.
func (o *buildOptions) fill(c *cobra.Command, b *publish.Build) error {
	set := b.List
	if o.augment {
		o.augmenter = newAugmenter(b, o.bytesPerEntry)
	}
	if err := o.collect(c, set); err != nil {
		return err
	}
	b.Progress("sorting")
	duplicates := set.Sort()
	o.progress.Clear()
	for _, d := range duplicates {
		o.duplicates++
		fmt.Fprintf(c.ErrOrStderr(), "%s: the %s %x is in %s already\n", o.place(d.Place), d.Lane, d.Hash, o.place(d.First))
	}
	if err := o.refuse(); err != nil {
		return err
	}
	if set.Empty() {
		return output.Hint(errors.New("nothing to build: no entry was accepted"), "the lines above, if any, say why each was rejected")
	}
	if o.augment {
		o.augmenter.add(set)
	}
	return nil
}

// draft builds until nothing listed is near an excluded picture.
func (o *buildOptions) draft(c *cobra.Command, b *publish.Build) (*publish.Draft, error) {
	d, err := b.Draft()
	if err == nil {
		d, err = o.exclude(c, b, d)
	}
	var outgrown *snapshot.OutgrownError
	if errors.As(err, &outgrown) {
		return nil, output.Hint(err, "build with --restart --capacity %s=%d, or however many there may be in years: clients then download everything once",
			outgrown.Lane, 2*outgrown.Entries)
	}
	if err != nil {
		return nil, err
	}
	return d, o.continues(b, d)
}

// evaluate adds the outputs to a draft.
func (o *buildOptions) evaluate(c *cobra.Command, d *publish.Draft) (*publish.Draft, error) {
	d, evaluated, err := d.Evaluate(c.Context(), o.out)
	var outgrown *snapshot.OutgrownError
	switch {
	case c.Context().Err() != nil:
		o.progress.Clear()
		problem(c, "outputs that were computed are kept: the same build goes on with them")
		return nil, c.Context().Err()
	case errors.As(err, &outgrown):
		return nil, output.Hint(fmt.Errorf("outputs: %w", err), "make another OPRF key with preseal rotate: it has room for more, and clients download everything once")
	}
	o.evaluated = evaluated
	return d, err
}

// refuse is what --strict does.
func (o *buildOptions) refuse() error {
	if !o.strict || o.rejected+o.duplicates == 0 {
		return nil
	}
	return output.Hint(fmt.Errorf("%s rejected and %s listed before, and --strict was given",
		things(o.rejected, "entry", "entries"), things(o.duplicates, "hash", "hashes")),
		"correct what is named above, or build without --strict")
}

func (o *buildOptions) validate() error {
	if err := o.validateAugment(); err != nil {
		return err
	}
	switch {
	case o.days < 1 || o.days > 30:
		return output.Hint(fmt.Errorf("--days %d is not 1 to 30", o.days), "a snapshot lives 30 days at most; build a new one before it expires")
	case o.probes < 1 || o.probes > snapshot.MaxProbes:
		return output.Hint(fmt.Errorf("--probes %d is not 1 to %d", o.probes, snapshot.MaxProbes), "leave it out for the default, %d", snapshot.DefaultProbes)
	case o.distance < 1 || o.distance > snapshot.MaxDistance:
		return output.Hint(fmt.Errorf("--distance %d is not 1 to %d", o.distance, snapshot.MaxDistance), "leave it out for the default, %d", snapshot.DefaultDistance)
	case o.keyBits != 0 && (o.keyBits < snapshot.MinKeyBits || o.keyBits > snapshot.MaxKeyBits):
		return output.Hint(fmt.Errorf("--key-bits %d is not %d to %d", o.keyBits, snapshot.MinKeyBits, snapshot.MaxKeyBits), "leave it out and it is chosen")
	case o.kind != string(snapshot.Rice) && o.kind != string(snapshot.Bloom):
		return output.Hint(fmt.Errorf("--kind %q is not %s or %s", o.kind, snapshot.Rice, snapshot.Bloom), "leave it out for the default, %s", snapshot.Rice)
	case o.origin != "" && !snapshot.ValidName(o.origin):
		return output.Hint(errors.New("--origin is not 1 to 200 printable ASCII characters without spaces"), "for example --origin lists.example.org/images")
	case !snapshot.ValidName(o.purpose):
		return output.Hint(errors.New("--purpose is not 1 to 200 printable ASCII characters without spaces"), "leave it out for the default, %s", snapshot.DefaultPurpose)
	}
	return nil
}
