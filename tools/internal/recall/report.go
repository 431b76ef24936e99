package recall

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/preseal/preseal/tools/internal/corpus"
)

// A Record is one number, as preseal bench --json prints it.
type Record struct {
	Name      string  `json:"name"`
	Value     float64 `json:"value"`
	Unit      string  `json:"unit"`
	Reference float64 `json:"reference"` // PDQ ≤ 31, where that compares
	Ratio     float64 `json:"ratio"`     // value / reference
	Low       float64 `json:"low"`       // 95 % interval
	High      float64 `json:"high"`
	N         int     `json:"n"`
}

// methods lists all that is compared, the full comparisons first.
func (r *Result) methods() []Method {
	out := slices.Clone(Baselines)
	for _, lane := range r.Lanes {
		for _, t := range Probes {
			for _, second := range []int{0, 48, 31} {
				out = append(out, r.Method(lane, t, second))
			}
		}
	}
	for _, lane := range r.Augmented {
		for _, t := range furtherProbes {
			for _, second := range []int{0, 48, 31} {
				out = append(out, r.Method(lane, t, second))
			}
		}
	}
	return out
}

// usual reports whether a method is worth a line of text: with a second hash,
// two numbers of probes are enough.
func (m Method) usual() bool { return m.Second == 0 || m.Probes == 4096 || m.Probes == 65536 }

// groups lists the groups that were measured.
func (r *Result) groups() (out []string) {
	for _, g := range Groups {
		for _, t := range r.Transforms {
			if t.Group == g {
				out = append(out, g)
				break
			}
		}
	}
	return out
}

// Records returns every number: the recall of each set, method and group or
// transform, then what becomes of innocent pictures.
func (r *Result) Records() (out []Record) {
	share := func(name string, s, reference Share) {
		rec := Record{Name: name, Value: s.Percent(), Unit: "%", Reference: reference.Percent(), N: s.Of}
		if rec.Reference > 0 {
			rec.Ratio = rec.Value / rec.Reference
		}
		rec.Low, rec.High = s.Interval()
		out = append(out, rec)
	}
	count := func(name string, v float64, n int) {
		out = append(out, Record{Name: name, Value: v, Unit: "per picture", N: n})
	}
	for _, set := range r.Sets {
		count("pictures/"+set.Name, float64(set.Pictures), set.Pictures)
		share("featureless/"+set.Name, Share{set.Featureless, set.Pictures}, Share{})
		names := r.groups()
		for _, t := range r.Transforms {
			names = append(names, t.Name)
		}
		for _, m := range r.methods() {
			for _, name := range names {
				s := r.Recall(set.Name, name, m)
				if s.Of > 0 {
					share(strings.Join([]string{"recall", set.Name, m.Name, name}, "/"), s, r.Recall(set.Name, name, PDQ31))
				}
			}
		}
	}
	for _, lane := range slices.Concat(r.Lanes, r.Augmented) {
		for _, t := range Probes {
			if f, ok := r.filters[lane.Name][t]; ok {
				out = append(out, Record{Name: fmt.Sprintf("size/%s, T = %d", lane.Name, t), Value: f.bytes, Unit: "bytes per image"})
			}
		}
	}
	for _, in := range r.innocence() {
		prefix := fmt.Sprintf("innocent/%s, T = %d/", in.Lane, in.Probes)
		share(prefix+"pictures that hit spliced keys", in.Spliced, Share{})
		count(prefix+"spliced entries hit", in.Hits, in.Spliced.Of)
		count(prefix+"random entries hit", in.Random, in.Spliced.Of)
		count(prefix+"hits by the filter's error", in.Filter, in.Spliced.Of)
		share(prefix+"photographs hit", in.RealHits, Share{})
		share(prefix+"matches within 31", Share{in.Within31, in.RealHits.Of}, Share{})
	}
	return out
}

func (r *Result) innocence() (out []Innocence) {
	if r.hits == nil {
		return nil
	}
	for _, lane := range r.Lanes {
		for _, t := range Probes {
			out = append(out, r.Innocence(lane, t, false))
		}
	}
	return out
}

// Text writes the tables.
func (r *Result) Text(w io.Writer) error {
	p := &printer{w: w}
	r.describe(p)
	for _, set := range r.Sets {
		if set.Pictures == 0 {
			continue
		}
		r.groupTable(p, set)
	}
	r.sizes(p)
	r.aloneTable(p)
	r.transformTable(p)
	r.innocentTable(p)
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, strings.TrimRight(format, " ")+"\n", args...)
	}
}

func (r *Result) describe(p *printer) {
	for _, s := range r.Sets {
		p.line("%-6s %4d pictures, %d of them featureless: neither listed nor probed", s.Name, s.Pictures, s.Featureless)
	}
	if r.Corpus.Program("cwebp") == "" {
		p.line("webp-75 is left out: there is no cwebp")
	}
	var names []string
	for _, pkg := range r.Corpus.Packages {
		names = append(names, pkg.Name+" "+pkg.Version)
	}
	p.line("from %s", strings.Join(names, ", "))
}

func (r *Result) groupTable(p *printer, set Set) {
	groups := r.groups()
	header, n := fmt.Sprintf("%-30s", "% of copies, "+set.Name), fmt.Sprintf("%-30s", "copies")
	for _, g := range groups {
		header += fmt.Sprintf(" %-18s", g)
		n += fmt.Sprintf(" %-18d", r.Recall(set.Name, g, PDQ31).Of)
	}
	p.line("")
	p.line("%s", strings.TrimRight(header, " "))
	p.line("%s", strings.TrimRight(n, " "))
	for _, m := range r.methods() {
		if !m.usual() {
			continue
		}
		line := fmt.Sprintf("%-30s", m.Name)
		for _, g := range groups {
			s := r.Recall(set.Name, g, m)
			low, high := s.Interval()
			line += fmt.Sprintf(" %-18s", fmt.Sprintf("%.2f (%.1f–%.1f)", s.Percent(), low, high))
		}
		p.line("%s", strings.TrimRight(line, " "))
	}
	line := fmt.Sprintf("%-30s", "copies below the gate")
	for _, g := range groups {
		line += fmt.Sprintf(" %-18s", fmt.Sprintf("%.2f", r.Lost(set.Name, g).Percent()))
	}
	p.line("%s", strings.TrimRight(line, " "))
}

// aloneTable tells which augmentation is worth a key most.
func (r *Result) aloneTable(p *printer) {
	const t = 65536
	p.line("")
	header := fmt.Sprintf("%-34s", fmt.Sprintf("%% of copies, whole, T = %d, and ≤ 31", t))
	for _, g := range r.groups() {
		header += fmt.Sprintf(" %-13s", g)
	}
	p.line("%s", header)
	for _, lane := range append([]Lane{r.Lanes[len(r.Lanes)-1]}, r.Alone...) {
		line := fmt.Sprintf("%-34s", lane.Name)
		for _, g := range r.groups() {
			line += fmt.Sprintf(" %-13s", fmt.Sprintf("%.2f %.2f", r.Recall(corpus.Whole, g, r.Method(lane, t, 0)).Percent(), r.Recall(corpus.Whole, g, r.Method(lane, t, 31)).Percent()))
		}
		p.line("%s", line)
	}
}

// sizes tells what the further keys take on the wire.
func (r *Result) sizes(p *printer) {
	p.line("")
	for _, lane := range slices.Concat(r.Lanes, r.Augmented) {
		line := fmt.Sprintf("%-10s bytes per image:", lane.Name)
		for _, t := range Probes {
			if f, ok := r.filters[lane.Name][t]; ok {
				line += fmt.Sprintf("  %.2f at T = %d", f.bytes, t)
			}
		}
		p.line("%s", line)
	}
}

// brief are the columns of the table of transforms.
func (r *Result) brief() []Method {
	out := slices.Clone(Baselines)
	for _, lane := range r.Lanes {
		for _, t := range []int{4096, 65536} {
			out = append(out, r.Method(lane, t, 0))
		}
	}
	last := r.Lanes[len(r.Lanes)-1]
	return append(out, r.Method(last, 65536, 48), r.Method(last, 65536, 31))
}

func (r *Result) transformTable(p *printer) {
	columns := r.brief()
	p.line("")
	p.line("%% of copies, %s, by transform", corpus.Whole)
	for i, m := range columns {
		p.line("  (%d) %s", i+1, m.Name)
	}
	header := fmt.Sprintf("%-16s %6s", "", "copies")
	for i := range columns {
		header += fmt.Sprintf(" %6s", fmt.Sprintf("(%d)", i+1))
	}
	p.line("%s", header)
	for _, t := range r.Transforms {
		line := fmt.Sprintf("%-16s %6d", t.Name, r.Recall(corpus.Whole, t.Name, PDQ31).Of)
		for _, m := range columns {
			line += fmt.Sprintf(" %6.2f", r.Recall(corpus.Whole, t.Name, m).Percent())
		}
		p.line("%s", line)
	}
}

func (r *Result) innocentTable(p *printer) {
	if r.hits == nil {
		return
	}
	p.line("")
	p.line("innocent pictures against %d entries: %d photographs and as many spliced keys as are missing; own photographs excluded", Entries, r.photos)
	for _, drawings := range []bool{false, true} {
		what := fmt.Sprintf("%d photographs", r.photos)
		if drawings {
			what = fmt.Sprintf("%d drawings (%d more are featureless)", r.Drawings-r.Plain, r.Plain)
		}
		p.line("")
		p.line("%-24s %4s %9s  %-24s %12s %12s %12s  %s", what, "bits", "tested", "% that hit", "hits each", "if random", "by filter", "photographs hit, matches ≤ 48, ≤ 31")
		for _, lane := range r.Lanes {
			for _, t := range Probes {
				in := r.Innocence(lane, t, drawings)
				low, high := in.Spliced.Interval()
				p.line("%-24s %4d %9.0f  %-24s %12.5f %12.6f %12.5f  %d of %d, %d, %d", fmt.Sprintf("%s, T = %d", lane.Name, t), in.Bits, in.Tested,
					fmt.Sprintf("%.2f (%.2f–%.2f)", in.Spliced.Percent(), low, high), in.Hits, in.Random, in.Filter, in.RealHits.Hits, in.RealHits.Of, in.Within48, in.Within31)
			}
		}
	}
	p.line("")
	p.line("drawings taken for other drawings, %% of pairs")
	for _, m := range r.methods() {
		if m.usual() && m.Probes != 1024 && m.Probes != 16384 {
			p.line("%-30s %6.2f", m.Name, r.Collisions(m).Percent())
		}
	}
	p.line("")
	p.line("unrelated photographs at PDQ distance 48 or less, in any orientation: %d of %d pairs", len(r.Confusions), r.Pairs)
	for _, c := range r.Confusions[:min(len(r.Confusions), 20)] {
		p.line("  %3d  %s  %s", c.Distance, c.A, c.B)
	}
}
