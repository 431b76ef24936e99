package recall

import (
	"fmt"
	"strings"
	"time"

	"github.com/preseal/preseal/tools/internal/corpus"
)

// Markdown returns the README's tables, with the date.
func (r *Result) Markdown(date time.Time) string {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	set := r.Sets[0]
	add("Measured on %s with `make corpus && preseal bench recall`: %d photographs from Debian packages, %d of which are",
		date.Format("2 January 2006"), set.Pictures, set.Featureless)
	add("featureless and not counted. Percent of copies found, 95 %% intervals in brackets.")
	add("")
	groups := r.groups()
	add("| | bytes per entry | %s |", strings.Join(groups, " | "))
	add("|---|---|%s", strings.Repeat("---|", len(groups)))
	row := func(m Method, size string) {
		cells := []string{m.Name, size}
		for _, g := range groups {
			s := r.Recall(set.Name, g, m)
			low, high := s.Interval()
			cells = append(cells, fmt.Sprintf("%.1f (%.1f–%.1f)", s.Percent(), low, high))
		}
		add("| %s |", strings.Join(cells, " | "))
	}
	for i, size := range []string{"8", "8", "32"} {
		row(Baselines[i], size)
	}
	for _, lane := range r.Lanes {
		for _, t := range []int{4096, 65536} {
			for _, second := range []int{0, 48, 31} {
				row(r.Method(lane, t, second), fmt.Sprintf("%.1f", r.filters[lane.Name][t].bytes))
			}
		}
	}
	if r.hits != nil {
		r.markInnocents(add)
	}
	add("")
	columns := r.brief()
	var names []string
	for _, m := range columns {
		names = append(names, m.Name)
	}
	add("| change | copies | %s |", strings.Join(names, " | "))
	add("|---|%s", strings.Repeat("---|", len(columns)+1))
	for _, t := range r.Transforms {
		cells := []string{t.Name, fmt.Sprint(r.Recall(corpus.Whole, t.Name, PDQ31).Of)}
		for _, m := range columns {
			cells = append(cells, fmt.Sprintf("%.1f", r.Recall(corpus.Whole, t.Name, m).Percent()))
		}
		add("| %s |", strings.Join(cells, " | "))
	}
	return b.String()
}

func (r *Result) markInnocents(add func(string, ...any)) {
	add("")
	add("Innocent pictures against 3 million entries: keys of %d photographs, and spliced ones of theirs for the rest.", r.photos)
	add("")
	add("| | key bits | keys tested | %% that hit an entry | candidates per picture, by the filter's error | matches, second hash ≤ 31 |")
	add("|---|---|---|---|---|---|")
	for _, lane := range r.Lanes {
		for _, t := range []int{4096, 65536} {
			in := r.Innocence(lane, t, false)
			low, high := in.Spliced.Interval()
			add("| %s, T = %d | %d | %.0f | %.2f (%.2f–%.2f) | %.4f | %d |", lane.Name, t, in.Bits, in.Tested, in.Spliced.Percent(), low, high, in.Filter, in.Within31)
		}
	}
}
