package server

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/preseal/preseal/matcher/confirm/voprf"
)

// Metrics count questions by their size and status, and nothing else of them. The zero value is ready to use, by many
// at once.
type Metrics struct {
	questions   [len(questionSizes)][len(questionStatuses)]atomic.Uint64
	seconds     [len(questionSizes)]histogram
	connections atomic.Int64
}

var (
	questionSizes    = [...]int{4, 8, 16}
	questionStatuses = [...]voprf.Status{voprf.OK, voprf.UnknownKey, voprf.Malformed, voprf.Busy, voprf.Internal}
	// The bounds of a histogram in seconds: an evaluation takes about a millisecond, a full queue tenths of a second.
	bounds = [...]float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5}
)

type histogram struct {
	counts      [len(bounds) + 1]atomic.Uint64
	nanoseconds atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d.Seconds() > bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.nanoseconds.Add(int64(d))
}

// question counts one with m slots, as the response says, that took so long from its last byte to the response's first.
func (c *Metrics) question(m int, status voprf.Status, took time.Duration) {
	for i, size := range questionSizes {
		if size == m && int(status) < len(questionStatuses) {
			c.questions[i][status].Add(1)
			c.seconds[i].observe(took)
		}
	}
}

// text returns the metrics in Prometheus's text format, version 0.0.4.
func (c *Metrics) text() string {
	var b strings.Builder
	describe(&b, "preseal_questions_total", "counter", "Questions answered, by number of slots and status.")
	for i, m := range questionSizes {
		for j, status := range questionStatuses {
			fmt.Fprintf(&b, "preseal_questions_total{m=\"%d\",status=%q} %d\n", m, status, c.questions[i][j].Load())
		}
	}
	describe(&b, "preseal_question_seconds", "histogram", "Time from having read a question to its answer, the wait for a processor included.")
	for i, m := range questionSizes {
		total := uint64(0)
		for j := range c.seconds[i].counts {
			total += c.seconds[i].counts[j].Load()
			le := "+Inf"
			if j < len(bounds) {
				le = fmt.Sprint(bounds[j])
			}
			fmt.Fprintf(&b, "preseal_question_seconds_bucket{m=\"%d\",le=%q} %d\n", m, le, total)
		}
		fmt.Fprintf(&b, "preseal_question_seconds_sum{m=\"%d\"} %g\n", m, time.Duration(c.seconds[i].nanoseconds.Load()).Seconds())
		fmt.Fprintf(&b, "preseal_question_seconds_count{m=\"%d\"} %d\n", m, total)
	}
	describe(&b, "preseal_connections", "gauge", "Open connections.")
	fmt.Fprintf(&b, "preseal_connections %d\n", c.connections.Load())
	return b.String()
}

func describe(b *strings.Builder, name, kind, help string) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// metrics answers GET /metrics.
func (s *Service) metrics(w http.ResponseWriter, _ *http.Request) {
	text := s.Metrics.text()
	if s.Folder != nil {
		m := s.Folder.Manifest()
		var b strings.Builder
		describe(&b, "preseal_snapshot_version", "gauge", "Version of the snapshot in use.")
		fmt.Fprintf(&b, "preseal_snapshot_version %d\n", m.Version)
		describe(&b, "preseal_snapshot_expires_timestamp_seconds", "gauge", "When clients will refuse the snapshot, in Unix time.")
		fmt.Fprintf(&b, "preseal_snapshot_expires_timestamp_seconds %d\n", m.Expires.Unix())
		text += b.String()
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprint(w, text)
}

// connection follows a connection from its beginning to its end.
func (c *Metrics) connection(state http.ConnState) {
	switch state {
	case http.StateNew:
		c.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		c.connections.Add(-1)
	}
}
