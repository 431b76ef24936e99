// Package output is how the subcommands speak: data on stdout as text or as one JSON object per line, problems on
// stderr as "preseal: what went wrong" and "preseal: hint: what to do", progress on stderr, and the exit status.
package output

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The exit statuses of every subcommand; check alone uses StatusMatch and StatusUnsure.
const (
	StatusOK     = 0
	StatusError  = 1
	StatusUsage  = 2
	StatusMatch  = 3 // check: at least one file matched
	StatusUnsure = 4 // check: something was unsupported or unavailable
)

// Hint returns err with advice for whoever reads it. Hint(nil, …) is nil.
func Hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// Usage marks err as a mistake on the command line: the exit status is 2.
func Usage(err error) error { return &usage{err} }

type usage struct{ error }

func (u *usage) Unwrap() error { return u.error }

// Exit returns an error that says nothing and sets the exit status.
func Exit(status int) error { return exit(status) }

type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Status returns the exit status that err stands for.
func Status(err error) int {
	var e exit
	var u *usage
	switch {
	case err == nil:
		return StatusOK
	case errors.As(err, &e):
		return int(e)
	case errors.As(err, &u):
		return StatusUsage
	}
	return StatusError
}

// Report writes err to w as one line, and its hint, if it has one, as a second.
func Report(w io.Writer, err error) {
	var e exit
	if err == nil || errors.As(err, &e) {
		return
	}
	fmt.Fprintf(w, "preseal: %v\n", err)
	var h *hinted
	if errors.As(err, &h) {
		fmt.Fprintf(w, "preseal: hint: %s\n", h.hint)
	}
}

// A Printer writes records to stdout. It keeps the first write error, which Err returns.
type Printer struct {
	w    io.Writer
	json *json.Encoder // nil: text
	err  error
}

// NewPrinter returns a Printer that writes text to w.
func NewPrinter(w io.Writer) *Printer { return &Printer{w: w} }

// NewJSONPrinter returns a Printer that writes one JSON object per line to w.
func NewJSONPrinter(w io.Writer) *Printer {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &Printer{w: w, json: enc}
}

// JSON reports whether records are written as JSON.
func (p *Printer) JSON() bool { return p.json != nil }

// Record writes one record: the object as JSON, or else the text with a line feed.
func (p *Printer) Record(object any, text string) {
	if p.err != nil {
		return
	}
	if p.json != nil {
		p.err = p.json.Encode(object)
		return
	}
	_, p.err = fmt.Fprintln(p.w, text)
}

// Text writes a line that has no counterpart in JSON.
func (p *Printer) Text(format string, args ...any) {
	if p.err == nil && p.json == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// Err returns the first error of a write.
func (p *Printer) Err() error { return p.err }

// Name returns a file's name fit for a terminal: quoted if it contains anything that does not print.
func Name(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(path)
	}
	return path
}
