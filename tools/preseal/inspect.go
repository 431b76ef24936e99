package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/matcher/snapshot/zstd"
	"github.com/preseal/preseal/tools/internal/client"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/publish"
)

// sectionRecord is one line of preseal inspect --json.
type sectionRecord struct {
	laneSize
	Kind      string        `json:"kind"`
	Capacity  uint64        `json:"capacity"` // entries that the filter is sized for
	Fill      float64       `json:"fill"`
	Bits      uint64        `json:"bits"` // of the filter
	K         int           `json:"k"`
	KeyBits   int           `json:"keyBits"`
	Error     float64       `json:"error"` // with as many entries as its capacity
	Probes    int           `json:"probes"`
	Proof     string        `json:"proof"`
	KeyID     string        `json:"keyId"` // of the outputs; all that is a filter's is empty there
	Origin    string        `json:"origin"`
	Purpose   string        `json:"purpose"`
	Distance  int           `json:"distance"`
	Version   uint64        `json:"version"`
	Published time.Time     `json:"published"`
	Expires   time.Time     `json:"expires"`
	Deltas    []deltaRecord `json:"deltas"`
	Signers   []string      `json:"signers"` // not verified
}

func newInspect() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect DIR|FILE",
		Short: "Show what a snapshot says and how large it is",
		Long: `Inspect shows the manifest of a snapshot and its lanes: how they are probed, what proves a candidate, and their size. DIR
is a snapshot's folder, FILE a manifest or the snapshot beside it.

` + sizeHelp + `

It verifies no signature: that is what preseal verify does.`,
		Example: `  preseal inspect site/lists
  preseal inspect --json site/lists | jq .bitsPerEntry`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return inspect(c, args[0]) },
	}
}

func inspect(c *cobra.Command, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return output.Hint(err, "inspect shows the folder that preseal build wrote, or a manifest in it")
	}
	dir := path
	if !info.IsDir() {
		dir = filepath.Dir(path)
	}
	if !info.IsDir() && !strings.HasSuffix(path, ".snap") && filepath.Base(path) != publish.ManifestFile {
		return output.Hint(fmt.Errorf("%s is neither a manifest nor a snapshot", output.Name(path)), "give the folder that both are in")
	}
	b, err := publish.ReadManifest(dir)
	if err == nil && b == nil {
		err = fmt.Errorf("%s: %w", filepath.Join(dir, publish.ManifestFile), fs.ErrNotExist)
	}
	if err != nil {
		return output.Hint(err, "a snapshot can only be read beside its manifest")
	}
	m, err := snapshot.ReadManifest(b)
	if err != nil {
		return damaged(fmt.Errorf("%s: %w", filepath.Join(dir, publish.ManifestFile), err))
	}
	if strings.HasSuffix(path, ".snap") && filepath.Base(path) != m.FileName() {
		return output.Hint(fmt.Errorf("%s is not the snapshot that the manifest beside it names", path), "that is %s", m.FileName())
	}
	p := printer(c)
	showManifest(p, m)
	file, err := client.NewSource(dir, 0).Snapshot(c.Context(), m)
	if errors.Is(err, fs.ErrNotExist) {
		return output.Hint(err, "the manifest names this file; copy it to the same folder")
	}
	if err != nil {
		return err
	}
	s, err := snapshot.Open(file, m, zstd.Decompress)
	if err != nil {
		return damaged(fmt.Errorf("%s: %w", filepath.Join(dir, m.FileName()), err))
	}
	if o := s.Outputs(); o != nil {
		if _, err := o.Contains(0); err != nil { // which verifies them
			return damaged(fmt.Errorf("%s: %w", filepath.Join(dir, m.FileName()), err))
		}
	}
	showLanes(p, s)
	return p.Err()
}

func damaged(err error) error {
	return output.Hint(err, "copy or build the snapshot again")
}

func showManifest(p *output.Printer, m *snapshot.Manifest) {
	p.Text("origin      %s", m.Origin)
	p.Text("purpose     %s", m.Purpose)
	p.Text("version     %d", m.Version)
	p.Text("published   %s", m.Published.Format(time.RFC3339))
	left := time.Until(m.Expires)
	switch {
	case left < 0:
		p.Text("expires     %s: it has expired", m.Expires.Format(time.RFC3339))
	default:
		p.Text("expires     %s, in %s", m.Expires.Format(time.RFC3339), things(int(left.Hours()/24), "day", "days"))
	}
	if m.Previous == [32]byte{} {
		p.Text("previous    none: this is the first version")
	} else {
		p.Text("previous    %x", m.Previous)
	}
	p.Text("distance    %d bits of a second hash at most", m.Distance)
	if m.OPRF != nil {
		p.Text("oprf key    %x", m.OPRF.KeyID)
	}
	p.Text("snapshot    %s, %s bytes", m.FileName(), output.Count(m.Size))
	for _, d := range m.Deltas {
		p.Text("delta       from version %d, %s", d.Version, things(int(d.Size), "byte", "bytes"))
	}
	p.Text("signers     %s (signatures not verified; use preseal verify)", strings.Join(signerNames(m), ", "))
}

func showLanes(p *output.Printer, s *snapshot.Snapshot) {
	m := s.Manifest()
	p.Text("")
	p.Text("%-8s %-10s %12s %9s %9s %10s %8s  %s", "lane", "kind", "capacity", "fill", "probes", "error", "key bits", "proof")
	for _, sec := range s.Sections() {
		lane, _ := m.Lane(sec.Lane)
		p.Text("%-8s %-10s %12s %9.3g %9s %10.3g %8d  %s", sec.Lane, sec.Kind, output.Count(int64(lane.Capacity)), sec.Fill,
			output.Count(int64(lane.Probes)), lane.Error, sec.KeyBits, lane.Proof)
	}
	o := s.Outputs()
	if o != nil {
		p.Text("%-8s %-10s %12s %9.3g", "all", snapshot.PRF, output.Count(int64(o.Capacity())), o.Section().Fill)
	}
	p.Text("")
	sizeHeader(p)
	for _, sec := range s.Sections() {
		lane, _ := m.Lane(sec.Lane)
		r := sectionRecord{
			laneSize: sizeOf(sec, lane), Capacity: lane.Capacity, Error: lane.Error, Probes: lane.Probes, Proof: string(lane.Proof),
		}
		r.fill(sec, m)
		p.Record(r, r.row())
	}
	if o != nil {
		r := sectionRecord{laneSize: outputsSize(o.Section()), Capacity: o.Capacity(), KeyID: hex.EncodeToString(m.OPRF.KeyID[:])}
		r.fill(o.Section(), m)
		p.Record(r, r.row())
		p.Text("entries are in %s", things(1<<confirm.BucketBits(o.Capacity()), "bucket", "buckets"))
	}
}

// fill sets what all sections have.
func (r *sectionRecord) fill(s snapshot.Section, m *snapshot.Manifest) {
	r.Kind, r.Fill, r.Bits, r.K, r.KeyBits = string(s.Kind), s.Fill, s.Bits, s.K, s.KeyBits
	r.Origin, r.Purpose, r.Distance, r.Version, r.Published, r.Expires = m.Origin, m.Purpose, m.Distance, m.Version, m.Published, m.Expires
	r.Deltas, r.Signers = deltasOf(m), signerNames(m)
}
