package list

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/preseal/preseal/matcher/snapshot"
)

const (
	maxLine   = 64 << 10 // bytes of a line; a longer one is rejected
	maxJoined = 16       // lines that one quoted CSV record may span
)

// ErrNoHeader says that a file is neither CSV with the header that a list needs, nor JSON.
var ErrNoHeader = errors.New(`no list: it begins neither with a header that names the columns algorithm and hash, nor with a JSON object`)

// Handler receives what Read finds. Line numbers begin at 1.
type Handler struct {
	Entry  func(line int, lane snapshot.Lane, hash []byte, label string) // hash is the callee's to keep
	Reject func(line int, reason error)
}

// Read reads a list from r, whatever its length, in constant memory. Lines that are not an entry go to h.Reject and do
// not end it. The error is that of r, or ErrNoHeader.
func Read(r io.Reader, h Handler) error {
	lines := &lineReader{r: bufio.NewReaderSize(r, maxLine)}
	first, err := lines.next()
	for err == nil && blank(first.text) {
		first, err = lines.next()
	}
	if err == io.EOF {
		return ErrNoHeader
	}
	if err != nil {
		return err
	}
	if bytes.HasPrefix(bytes.TrimSpace(first.text), []byte("{")) {
		lines.push(first)
		return readJSON(lines, h)
	}
	columns, err := header(first.text)
	if err != nil {
		return err
	}
	return readCSV(lines, columns, h)
}

// entry returns the next line that is neither blank nor too long; the latter are rejected.
func (r *lineReader) entry(h Handler) (line, error) {
	for {
		l, err := r.next()
		switch {
		case err != nil:
			return l, err
		case l.long:
			h.Reject(l.number, errLong)
		case !blank(l.text):
			return l, nil
		}
	}
}

func readJSON(lines *lineReader, h Handler) error {
	for {
		l, err := lines.entry(h)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var entry struct {
			Algorithm, Hash *string
			Quality         json.RawMessage // a number or a string
			Label           json.RawMessage // a string or null
		}
		if err := json.Unmarshal(l.text, &entry); err != nil {
			h.Reject(l.number, fmt.Errorf("not a JSON object with the strings algorithm and hash"))
			continue
		}
		if entry.Algorithm == nil || entry.Hash == nil {
			h.Reject(l.number, fmt.Errorf("the member algorithm or hash is missing"))
			continue
		}
		quality := strings.Trim(string(entry.Quality), `"`)
		if quality == "null" {
			quality = ""
		}
		var label string
		if entry.Label != nil && json.Unmarshal(entry.Label, &label) != nil {
			h.Reject(l.number, fmt.Errorf("the label is not a string"))
			continue
		}
		h.entry(l.number, *entry.Algorithm, *entry.Hash, quality, label)
	}
}

// columns are the positions of the fields that matter, -1 without a quality or label, and the number of fields in the
// header.
type columns struct{ algorithm, hash, quality, label, count int }

// optional returns the field in a column that a list or a line need not have.
func optional(fields []string, column int) string {
	if column < 0 || column >= len(fields) {
		return ""
	}
	return fields[column]
}

func header(line []byte) (columns, error) {
	fields, ok := split(line)
	if !ok {
		return columns{}, ErrNoHeader
	}
	for i := range fields {
		fields[i] = strings.ToLower(strings.TrimSpace(fields[i]))
	}
	at := func(name string) int { return slices.Index(fields, name) }
	c := columns{at("algorithm"), at("hash"), at("quality"), at("label"), len(fields)}
	if c.algorithm < 0 || c.hash < 0 {
		return columns{}, ErrNoHeader
	}
	return c, nil
}

func readCSV(lines *lineReader, c columns, h Handler) error {
	for {
		l, err := lines.entry(h)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		fields, ok := split(l.text)
		if !ok {
			if fields, ok, err = joined(lines, l); err != nil {
				return err
			}
		}
		switch {
		case !ok:
			h.Reject(l.number, fmt.Errorf("a quoted field is not well formed"))
		case len(fields) > c.count:
			h.Reject(l.number, fmt.Errorf("%d fields under a header of %d", len(fields), c.count))
		case len(fields) <= max(c.algorithm, c.hash):
			h.Reject(l.number, fmt.Errorf("the field algorithm or hash is missing"))
		default:
			h.entry(l.number, fields[c.algorithm], fields[c.hash], optional(fields, c.quality), optional(fields, c.label))
		}
	}
}

// joined tries to read a record whose quoted field contains line feeds. If the quote is not closed soon, the lines after
// the first are given back: one forgotten quote must not swallow the rest of a list.
func joined(lines *lineReader, first line) (fields []string, ok bool, err error) {
	text := bytes.Clone(first.text)
	var taken []line
	for len(taken) < maxJoined && len(text) < maxLine && bytes.Count(text, []byte(`"`))%2 == 1 {
		l, err := lines.next()
		if err != nil && err != io.EOF {
			return nil, false, err
		}
		if err == io.EOF || l.long {
			if l.long {
				taken = append(taken, l)
			}
			break
		}
		l.text = bytes.Clone(l.text)
		taken = append(taken, l)
		text = append(append(text, '\n'), l.text...)
		if fields, ok := split(text); ok {
			return fields, true, nil
		}
	}
	lines.push(taken...)
	return nil, false, nil
}

// split returns the fields of one CSV record, RFC 4180 with space allowed around quoted fields.
func split(record []byte) (fields []string, ok bool) {
	if !utf8.Valid(record) {
		record = bytes.ToValidUTF8(record, []byte("\uFFFD"))
	}
	rest := string(record)
	for {
		var field string
		if trimmed := strings.TrimLeft(rest, " \t"); strings.HasPrefix(trimmed, `"`) {
			if field, rest, ok = quoted(trimmed[1:]); !ok {
				return nil, false
			}
		} else if i := strings.IndexByte(rest, ','); i >= 0 {
			field, rest = rest[:i], rest[i:]
		} else {
			field, rest = rest, ""
		}
		fields = append(fields, field)
		if rest == "" {
			return fields, true
		}
		rest = rest[1:] // the comma
	}
}

// quoted reads up to the closing quote and returns what follows it, which is empty or begins with a comma.
func quoted(s string) (field, rest string, ok bool) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return "", "", false
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		if !strings.HasPrefix(s, `"`) {
			break
		}
		b.WriteByte('"')
		s = s[1:]
	}
	rest = strings.TrimLeft(s, " \t")
	return b.String(), rest, rest == "" || rest[0] == ','
}

func (h Handler) entry(line int, algorithm, hash, quality, label string) {
	lane, parsed, err := ParseEntry(algorithm, hash, quality)
	if err == nil {
		label, err = ParseLabel(label)
	}
	if err != nil {
		h.Reject(line, err)
		return
	}
	h.Entry(line, lane, parsed, label)
}

var errLong = fmt.Errorf("longer than %d bytes", maxLine)

type line struct {
	number int
	text   []byte // without its end; valid until the next call unless cloned
	long   bool
}

// lineReader splits a stream at LF or CRLF, drops a byte order mark, and skips what is too long for a line.
type lineReader struct {
	r      *bufio.Reader
	number int
	pushed []line
}

func (r *lineReader) push(lines ...line) { r.pushed = append(slices.Clone(lines), r.pushed...) }

func (r *lineReader) next() (line, error) {
	if len(r.pushed) > 0 {
		l := r.pushed[0]
		r.pushed = r.pushed[1:]
		return l, nil
	}
	text, err := r.r.ReadSlice('\n')
	r.number++
	if err == bufio.ErrBufferFull {
		for err == bufio.ErrBufferFull {
			_, err = r.r.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return line{}, err
		}
		return line{number: r.number, long: true}, nil
	}
	if err != nil && (err != io.EOF || len(text) == 0) {
		return line{}, err
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if r.number == 1 {
		text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	}
	return line{number: r.number, text: text}, nil
}

func blank(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }
