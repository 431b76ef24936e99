package server

import (
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// logged writes a line for each request if that was asked for: nothing that a client chose is in it but the method.
func (s *Service) logged(next http.Handler) http.Handler {
	if !s.LogRequests {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, seen := time.Now(), &seen{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		fields := []slog.Attr{
			slog.String("method", method(r)), slog.String("route", r.Pattern), slog.Int("status", seen.status),
			slog.Float64("milliseconds", float64(time.Since(start).Microseconds())/1000),
		}
		if seen.m > 0 {
			fields = append(fields, slog.Int("m", seen.m))
		}
		if s.LogAddresses {
			fields = append(fields, slog.String("client", s.Clients.Of(r).String()))
		}
		s.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", fields...)
	})
}

func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// seen remembers what a response was about.
type seen struct {
	http.ResponseWriter
	status int
	m      int // slots of a question
}

func (s *seen) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// note tells the log how many slots a question had.
func note(w http.ResponseWriter, m int) {
	if s, ok := w.(*seen); ok {
		s.m = m
	}
}

// Problems returns a writer that logs each line as a warning, without addresses unless they are wanted.
func Problems(log *slog.Logger, addresses bool) io.Writer { return &problems{log, addresses} }

type problems struct {
	log       *slog.Logger
	addresses bool
}

// Package net/http names clients in what it logs, such as "http: panic serving 192.0.2.1:1234: …". What might be an
// address is: in brackets, with whatever zone; with two colons and nothing but hexadecimal digits around; of IPv4. A
// time of day goes with them, and loses nothing that the log does not have.
var addressText = regexp.MustCompile(`\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[^\]\n]*)?\](:\d+)?` +
	`|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*[0-9A-Fa-f](%[^\s\]:,)]+)?|[0-9A-Fa-f]+::(%[^\s\]:,)]+)?` +
	`|\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b`)

func (p *problems) Write(b []byte) (int, error) {
	text := strings.TrimPrefix(strings.TrimSpace(string(b)), "preseal: ")
	if !p.addresses {
		text = addressText.ReplaceAllString(text, "(address)")
	}
	p.log.Warn(text)
	return len(b), nil
}
