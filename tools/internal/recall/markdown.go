package recall

import (
	"fmt"
	"strings"
	"time"
)

// Markdown returns the README's tables, with the date.
func (r *Result) Markdown(date time.Time) string {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	set, groups, widest := r.Sets[0], r.groups(), 0.0
	var rows []string
	row := func(name string, bytes float64, m Method) {
		cells := []string{name, fmt.Sprintf("%.1f", bytes)}
		for _, g := range groups {
			s := r.Recall(set.Name, g, m)
			low, high := s.Interval()
			widest = max(widest, (high-low)/2)
			cells = append(cells, fmt.Sprintf("%.1f", s.Percent()))
		}
		rows = append(rows, "| "+strings.Join(cells, " | ")+" |")
	}
	of := func(lane Lane, t, second int) {
		name := fmt.Sprintf("%s, T = %s", lane.Name, thousands(float64(t)))
		if n := len(lane.further); n > 0 {
			name = fmt.Sprintf("pdq and %d further keys (`--augment`), T = %s", n, thousands(float64(t)))
			if n == 1 {
				name = strings.Replace(name, "keys", "key", 1)
			}
		}
		if second > 0 {
			name += fmt.Sprintf(", then second hash ≤ %d", second)
		}
		row(name, r.filters[lane.Name][t].bytes, r.Method(lane, t, second))
	}
	for i, size := range []float64{8, 8, 32} {
		row("comparing all: "+Baselines[i].Name, size, Baselines[i])
	}
	pdq := r.Lanes[len(r.Lanes)-1]
	for _, lane := range []Lane{r.Lanes[0], pdq} {
		for _, t := range []int{4096, 65536} {
			of(lane, t, 0)
		}
	}
	of(pdq, 65536, 31)
	of(r.Augmented[0], 65536, 0)
	of(r.Augmented[0], 65536, 31)
	of(r.Augmented[len(r.Augmented)-1], 65536, 0)

	add("Measured on %s with `make corpus && preseal bench recall`: percent of the copies of %d photographs from Debian",
		date.Format("2 January 2006"), set.Pictures-set.Featureless)
	add("packages that are found. 95 %% intervals are at most ±%.1f.", widest)
	add("")
	add("| | bytes per image | %s |", strings.Join(groups, " | "))
	add("|---|---:|%s", strings.Repeat("---:|", len(groups)))
	for _, line := range rows {
		add("%s", line)
	}
	if r.hits != nil {
		r.markInnocents(add)
	}
	return b.String()
}

func (r *Result) markInnocents(add func(string, ...any)) {
	add("")
	add("Innocent pictures against 3 million entries: keys of %d photographs, and spliced ones of theirs for the rest.", r.photos)
	add("")
	add("| | keys tested | %% that hit an entry | candidates per picture, by the filter's error | matches, second hash ≤ 31 |")
	add("|---|---:|---:|---:|---:|")
	for _, lane := range []Lane{r.Lanes[0], r.Lanes[len(r.Lanes)-1]} {
		for _, t := range []int{4096, 65536} {
			in := r.Innocence(lane, t, false)
			add("| %s, T = %s | %s | %.2f | %.4f | %d |", lane.Name, thousands(float64(t)), thousands(in.Tested), in.Spliced.Percent(), in.Filter, in.Within31)
		}
	}
}
