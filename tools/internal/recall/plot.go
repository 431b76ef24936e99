package recall

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/preseal/preseal/tools/internal/corpus"
)

// A plot is drawn with a logarithmic horizontal axis; upwards are percent.
type plot struct {
	title, across string
	ticks         []float64
	curves        []curve
}

// A curve is a line through its points, or a mark if there is one only. at is
// the height of a dashed line of the same colour, 0 for none.
type curve struct {
	label  string
	x, y   []float64
	colour int
	at     float64
}

const (
	plotWidth, plotHeight = 760, 420
	plotLeft, plotRight   = 56, 170
	plotTop, plotBottom   = 44, 52
)

// The colours have about the same contrast on white and on black.
var colours = []string{"#3b82c4", "#c9731f", "#2f9e62", "#cc4f70", "#8d66cf", "#7d848e", "#12a0a0"}

func (p plot) svg() string {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	low, high := math.Log(p.ticks[0]), math.Log(p.ticks[len(p.ticks)-1])
	x := func(v float64) float64 {
		return plotLeft + (math.Log(v)-low)/(high-low)*(plotWidth-plotLeft-plotRight)
	}
	y := func(percent float64) float64 {
		return plotHeight - plotBottom - percent/100*(plotHeight-plotTop-plotBottom)
	}
	add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`,
		plotWidth, plotHeight, plotWidth, plotHeight, html.EscapeString(p.title))
	add(`<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.grid { stroke: #d1d9e0 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .grid { stroke: #3d444d } }
.line { fill: none; stroke-width: 2 }
.dashed { stroke-dasharray: 4 4; opacity: .7 }
</style>`)
	add(`<text class="title" x="%d" y="22">%s</text>`, plotLeft, html.EscapeString(p.title))
	for percent := 0; percent <= 100; percent += 20 {
		at := y(float64(percent))
		add(`<path class="grid" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%d %%</text>`, plotLeft, at, plotWidth-plotRight, plotLeft-8, at+4, percent)
	}
	for _, tick := range p.ticks {
		add(`<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, x(tick), plotHeight-plotBottom+20, thousands(tick))
	}
	add(`<text x="%d" y="%d" text-anchor="middle">%s</text>`, (plotLeft+plotWidth-plotRight)/2, plotHeight-10, html.EscapeString(p.across))

	labels := make([]float64, len(p.curves))
	order := make([]int, len(p.curves))
	for i, c := range p.curves {
		labels[i], order[i] = y(c.y[len(c.y)-1]), i
	}
	// From the lowest upwards, labels keep a line's distance.
	slices.SortFunc(order, func(i, j int) int { return int(math.Copysign(1, labels[j]-labels[i])) })
	for i := 1; i < len(order); i++ {
		labels[order[i]] = min(labels[order[i]], labels[order[i-1]]-15)
	}
	// None of them may leave the picture.
	for i, least := len(order)-1, 14.0; i >= 0; i, least = i-1, least+15 {
		labels[order[i]] = max(labels[order[i]], least)
	}
	for i, c := range p.curves {
		colour := colours[c.colour%len(colours)]
		var path strings.Builder
		for n := range c.x {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(n, 1)], x(c.x[n]), y(c.y[n]))
			add(`<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`, x(c.x[n]), y(c.y[n]), colour)
		}
		add(`<path class="line" stroke="%s" d="%s"/>`, colour, path.String())
		if c.at > 0 {
			add(`<path class="line dashed" stroke="%s" d="M%d %.1fH%d"/>`, colour, plotLeft, y(c.at), plotWidth-plotRight)
		}
		end := plotWidth - plotRight + 10
		add(`<circle cx="%d" cy="%.1f" r="4" fill="%s"/><text x="%d" y="%.1f">%s</text>`, end, labels[i], colour, end+10, labels[i]+4, html.EscapeString(c.label))
	}
	add(`</svg>`)
	return b.String()
}

func thousands(v float64) string {
	if v < 1000 {
		return fmt.Sprintf("%g", v)
	}
	return fmt.Sprintf("%d,%03d", int(v)/1000, int(v)%1000)
}

// Plots returns SVG pictures by file name: recall against the number of
// probes, and against the bytes of an entry.
func (r *Result) Plots() map[string]string {
	pdq := r.Lanes[len(r.Lanes)-1]
	byProbes := plot{title: "Copies found, lane pdq; dashed: comparing all PDQ hashes at ≤ 31", across: "probes (T)"}
	for _, t := range Probes {
		byProbes.ticks = append(byProbes.ticks, float64(t))
	}
	for i, g := range r.groups() {
		c := curve{label: g, colour: i, x: byProbes.ticks, at: r.Recall(corpus.Whole, g, PDQ31).Percent()}
		for _, t := range Probes {
			c.y = append(c.y, r.Recall(corpus.Whole, g, r.Method(pdq, t, 0)).Percent())
		}
		byProbes.curves = append(byProbes.curves, c)
	}
	byBytes := plot{title: "Copies found, mean of all groups", across: "bytes per listed image", ticks: []float64{2, 4, 8, 16, 32, 64}}
	for i, lane := range r.Lanes {
		c := curve{label: lane.Name, colour: i}
		for _, t := range Probes {
			c.x, c.y = append(c.x, r.filters[lane.Name][t].bytes), append(c.y, r.mean(corpus.Whole, r.Method(lane, t, 0)))
		}
		byBytes.curves = append(byBytes.curves, c)
	}
	for i, m := range Baselines {
		size := 8.0
		if m.Name == PDQ31.Name {
			size = 32
		}
		byBytes.curves = append(byBytes.curves, curve{label: m.Name, colour: 3 + i, x: []float64{size}, y: []float64{r.mean(corpus.Whole, m)}})
	}
	const t = 65536
	further := curve{label: "pdq, 1 to 11 keys", colour: 6}
	for _, lane := range append([]Lane{pdq}, r.Augmented...) {
		further.x, further.y = append(further.x, r.filters[lane.Name][t].bytes), append(further.y, r.mean(corpus.Whole, r.Method(lane, t, 0)))
	}
	byBytes.curves = append(byBytes.curves, further)
	return map[string]string{"recall-probes.svg": byProbes.svg(), "recall-bytes.svg": byBytes.svg()}
}

// mean is a method's recall in percent, every group counting the same.
func (r *Result) mean(set string, m Method) float64 {
	sum, groups := 0.0, r.groups()
	for _, g := range groups {
		sum += r.Recall(set, g, m).Percent()
	}
	return sum / float64(len(groups))
}
