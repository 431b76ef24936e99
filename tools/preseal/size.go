package main

import (
	"fmt"
	"math"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/output"
)

// A laneSize is what a filter takes on the wire beside what it could take.
type laneSize struct {
	Lane          string  `json:"lane"`
	Entries       uint64  `json:"entries"`
	Bytes         int64   `json:"bytes"`
	BytesPerEntry float64 `json:"bytesPerEntry"`
	Rice          float64 `json:"rice"`         // bytes per entry if the filter is of this kind, …
	Bloom         float64 `json:"bloom"`        // … or of bloom.zst, 0 if it would be too large
	BitsPerEntry  float64 `json:"bitsPerEntry"` // on the wire
	Bound         float64 `json:"bound"`        // log2(1/p) bits: no filter with the error rate p can do with fewer
	Ideal         float64 `json:"ideal"`        // bits that a filter with one hash function needs: log2(1/p) + 1/ln 2
	Candidates    float64 `json:"candidates"`   // expected of one innocent picture without a frame, by the filter's error alone
}

// sizeHelp explains what is printed of a laneSize.
const sizeHelp = `Of a lane's size it says how many bytes an entry takes if the filter is of the kind rice or bloom.zst: of the kind that
it is not, that is the size of a filter of as many random keys. Beside the bits of an entry stand the bound log2(1/p) that
no filter with the error rate p can go below, and the ideal of one with a single hash function, log2(1/p) + 1/ln 2; p is
that of the filter as full as it is. Candidates are expected of one innocent picture by the filter's error, if it has no frame.`

func sizeHeader(p *output.Printer) {
	p.Text("%-8s %12s %12s  %-20s  %-22s  %s", "", "", "", "bytes per entry, as", "bits per entry", "candidates")
	p.Text("%-8s %12s %12s  %9s %10s  %8s %6s %6s  %s", "lane", "entries", "bytes", "rice", "bloom.zst", "here", "bound", "ideal", "per picture")
}

func (z laneSize) row() string {
	return fmt.Sprintf("%-8s %12s %12s  %9.2f %10.2f  %8.2f %6.2f %6.2f  %.4f", z.Lane, output.Count(int64(z.Entries)), output.Count(z.Bytes),
		z.Rice, z.Bloom, z.BitsPerEntry, z.Bound, z.Ideal, z.Candidates)
}

// outputsSize measures the outputs, which are of no lane. An output that is not listed is there by accident with the
// probability p of the bound.
func outputsSize(s snapshot.Section) laneSize {
	n := float64(s.Entries)
	bound := -math.Log2(s.Fill)
	perEntry := round(float64(s.Length) / n)
	return laneSize{
		Lane: string(s.Kind), Entries: s.Entries, Bytes: s.Length, BytesPerEntry: perEntry, Rice: perEntry,
		BitsPerEntry: round(8 * float64(s.Length) / n), Bound: round(bound), Ideal: round(bound + math.Log2E),
	}
}

// sizeOf measures a filter. The error rate p is that of the filter as full as it is. The size of the other kind is that of
// a filter of as many random keys: it hardly depends on which keys they are.
func sizeOf(s snapshot.Section, lane snapshot.LaneInfo) laneSize {
	n := float64(s.Entries)
	p := math.Pow(s.Fill, float64(s.K))
	bound := -math.Log2(p)
	z := laneSize{
		Lane: s.Lane.String(), Entries: s.Entries, Bytes: s.Length,
		BytesPerEntry: round(float64(s.Length) / n), BitsPerEntry: round(8 * float64(s.Length) / n),
		Bound: round(bound), Ideal: round(bound + math.Log2E), Candidates: p * probesOf(lane),
	}
	z.Rice, z.Bloom = z.BytesPerEntry, z.BytesPerEntry
	if s.Kind == snapshot.Rice {
		z.Bloom = round(float64(wireSize(snapshot.Bloom, s.Entries, lane)) / n)
	} else {
		z.Rice = round(float64(wireSize(snapshot.Rice, s.Entries, lane)) / n)
	}
	return z
}

// wireSize returns how many bytes a filter of so many random keys has, with a lane's capacity and error rate; 0 if it
// cannot be built.
func wireSize(kind snapshot.Kind, entries uint64, lane snapshot.LaneInfo) int64 {
	r, err := publishRandom(snapshot.LaneKeys{Hashes: randomKeys(1, int(entries)), Capacity: lane.Capacity, Error: lane.Error, Kind: kind}, nil)
	if err != nil {
		return 0
	}
	return r.opened.Sections()[0].Length
}

// probesOf returns how many probes an upright picture without a frame takes in a lane, the other orientations included.
func probesOf(lane snapshot.LaneInfo) float64 {
	probes := float64(lane.Probes)
	if lane.Lane == snapshot.PDQ {
		probes *= 1 + float64(phash.Orientations-1)/matcher.TurnedShare
	}
	return probes
}

// A deltaRecord says from which version a delta leads, in how many bytes.
type deltaRecord struct {
	From  uint64 `json:"from"`
	Bytes int64  `json:"bytes"`
}

func deltasOf(m *snapshot.Manifest) []deltaRecord {
	out := []deltaRecord{} // JSON has no null then
	for _, d := range m.Deltas {
		out = append(out, deltaRecord{d.Version, d.Size})
	}
	return out
}
