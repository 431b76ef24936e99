package main

import (
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/publish"
)

// laneRecord is one line of preseal build --json.
type laneRecord struct {
	laneSize
	Version    uint64        `json:"version"`
	File       string        `json:"file"`
	Deltas     []deltaRecord `json:"deltas"`     // of all lanes
	Duplicates int           `json:"duplicates"` // in all lanes
	Rejected   int           `json:"rejected"`   // in all lanes
	Excluded   int           `json:"excluded"`   // in all lanes
	Evaluated  int           `json:"evaluated"`  // outputs computed, for all lanes
	Augmented  int           `json:"augmented"`  // further hashes of images; entries are fewer where some share a key
}

func (o *buildOptions) summary(c *cobra.Command, files *publish.Files) error {
	p, m := printer(c), files.Opened.Manifest()
	p.Text("%s, version %d, expires %s", m.Origin, m.Version, m.Expires.Format(time.RFC3339))
	sizeHeader(p)
	total, fit := 0.0, true
	for _, s := range files.Opened.Sections() {
		o.progress.Step("measuring " + s.Lane.String())
		lane, _ := m.Lane(s.Lane)
		r := laneRecord{
			laneSize: sizeOf(s, lane), Version: m.Version, File: m.FileName(),
			Deltas: deltasOf(m), Duplicates: o.duplicates, Rejected: o.rejected, Excluded: o.excluded,
			Evaluated: o.evaluated.Computed,
		}
		if s.Lane == snapshot.PDQ && o.augment {
			r.Augmented = o.augmenter.added
		}
		if s.Lane == snapshot.PDQ && s.KeyBits < snapshot.PDQKeyBits(int(s.Entries), lane.Probes) {
			fit = false
		}
		total += r.Candidates
		o.progress.Clear()
		p.Record(r, r.row())
	}
	if outputs := files.Opened.Outputs(); outputs != nil {
		p.Text("%s", outputsSize(outputs.Section()).row())
		p.Text("%s computed, %s known", things(o.evaluated.Computed, "output was", "outputs were"), things(o.evaluated.Known, "was", "were"))
	}
	p.Text("%s of %s; the filters' error makes one innocent picture in %s a candidate, if it has no frame",
		m.FileName()[:12]+"….snap", things(int(m.Size), "byte", "bytes"), output.Count(int64(min(1/total, 1e12))))
	for _, d := range m.Deltas {
		p.Text("delta from version %d: %s", d.Version, things(int(d.Size), "byte", "bytes"))
	}
	if fit {
		p.Text("pictures near an entry by accident come on top: 0.1 %% at most, by the choice of key bits")
	}
	if o.duplicates > 0 {
		p.Text("%s listed more than once", things(o.duplicates, "hash was", "hashes were"))
	}
	if o.digestOnly > 0 {
		p.Text("%s listed by sha256 alone", things(o.digestOnly, "image is", "images are"))
	}
	for _, s := range files.Opened.Sections() {
		if o.augment && s.Lane == snapshot.PDQ {
			o.augmenter.report(c, p, s, o.fromHashes)
		}
	}
	if o.excluded > 0 {
		p.Text("%s dropped for being near excluded pictures", things(o.excluded, "hash was", "hashes were"))
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

// choice is the right one of two words for a number of things.
func choice(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
