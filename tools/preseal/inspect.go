package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/client"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/publish"
)

// sectionRecord is one line of preseal inspect --json.
type sectionRecord struct {
	Lane         string    `json:"lane"`
	Entries      uint64    `json:"entries"`
	Bytes        int64     `json:"bytes"`
	Kind         string    `json:"kind"`
	BitsPerEntry float64   `json:"bitsPerEntry"` // on the wire
	Bound        float64   `json:"bound"`        // log2(1/error): no filter can do with fewer bits
	Fill         float64   `json:"fill"`
	Bits         uint64    `json:"bits"` // in memory
	K            int       `json:"k"`
	KeyBits      int       `json:"keyBits"`
	Error        float64   `json:"error"`
	Probes       int       `json:"probes"`
	Proof        string    `json:"proof"`
	Origin       string    `json:"origin"`
	Purpose      string    `json:"purpose"`
	Distance     int       `json:"distance"`
	Version      uint64    `json:"version"`
	Published    time.Time `json:"published"`
	Expires      time.Time `json:"expires"`
	Signers      []string  `json:"signers"` // not verified
}

func newInspect() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect DIR|FILE",
		Short: "Show what a snapshot says and how large it is",
		Long: `Inspect shows the manifest of a snapshot and its lanes: entries, bytes, and bits per entry beside the bound log2(1/p)
that no filter with the error rate p can go below, the bits of a key, and what proves a candidate. DIR is a snapshot's folder, FILE a manifest or the snapshot beside it.

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
	s, err := snapshot.Open(file, m)
	if err != nil {
		return damaged(fmt.Errorf("%s: %w", filepath.Join(dir, m.FileName()), err))
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
	p.Text("snapshot    %s, %s bytes", m.FileName(), output.Count(m.Size))
	p.Text("signers     %s (signatures not verified; use preseal verify)", strings.Join(signerNames(m), ", "))
}

func showLanes(p *output.Printer, s *snapshot.Snapshot) {
	m := s.Manifest()
	p.Text("")
	p.Text("%-7s %-10s %11s %11s %11s %6s %6s %7s %10s %8s  %s",
		"lane", "kind", "entries", "bytes", "bits/entry", "bound", "fill", "probes", "error", "key bits", "proof")
	for _, sec := range s.Sections() {
		lane, _ := m.Lane(sec.Lane)
		r := sectionRecord{
			Lane: sec.Lane.String(), Entries: sec.Entries, Bytes: sec.Length, Kind: string(sec.Kind),
			BitsPerEntry: round(8 * float64(sec.Length) / float64(sec.Entries)), Bound: round(-math.Log2(lane.Error)),
			Fill: round(sec.Fill), Bits: sec.Bits, K: sec.K, KeyBits: sec.KeyBits, Error: lane.Error, Probes: lane.Probes, Proof: string(lane.Proof),
			Origin: m.Origin, Purpose: m.Purpose, Distance: m.Distance, Version: m.Version, Published: m.Published, Expires: m.Expires, Signers: signerNames(m),
		}
		p.Record(r, fmt.Sprintf("%-7s %-10s %11s %11s %11.2f %6.2f %6.3f %7s %10.3g %8d  %s", r.Lane, r.Kind, output.Count(int64(r.Entries)),
			output.Count(r.Bytes), r.BitsPerEntry, r.Bound, r.Fill, output.Count(int64(r.Probes)), r.Error, r.KeyBits, r.Proof))
	}
}
