package output

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Progress tells on stderr how far a long operation has come: on a terminal as one line that is rewritten, elsewhere
// as a line every few seconds. An operation that is over sooner than that prints nothing.
type Progress struct {
	w        io.Writer
	terminal bool
	next     time.Time
	width    int // of the line on the terminal, to blank it
}

// NewProgress returns a Progress that writes to w.
func NewProgress(w io.Writer) *Progress {
	p := &Progress{w: w}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			p.terminal = info.Mode()&os.ModeCharDevice != 0
		}
	}
	p.next = time.Now().Add(p.every())
	return p
}

func (p *Progress) every() time.Duration {
	if p.terminal {
		return 200 * time.Millisecond
	}
	return 5 * time.Second
}

// Update says that done of total things are finished; total 0 means that it is not known. Calls cost little, so every
// step may make one.
func (p *Progress) Update(what string, done, total int64) {
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(p.every())
	line := what + " " + Count(done)
	if total > 0 {
		line += fmt.Sprintf(" of %s (%d %%)", Count(total), 100*done/total)
	}
	if !p.terminal {
		fmt.Fprintf(p.w, "preseal: %s\n", line)
		return
	}
	p.Clear()
	p.width = len(line)
	fmt.Fprint(p.w, line)
}

// Step says what is being done, if it may take long: at once on a terminal.
func (p *Progress) Step(what string) {
	if p.terminal {
		p.next = time.Now().Add(p.every())
		p.Clear()
		p.width = len(what)
		fmt.Fprint(p.w, what)
		return
	}
	if now := time.Now(); !now.Before(p.next) {
		p.next = now.Add(p.every())
		fmt.Fprintf(p.w, "preseal: %s\n", what)
	}
}

// Clear removes the line from the terminal, so that something else can be printed.
func (p *Progress) Clear() {
	if p.width > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.width))
		p.width = 0
	}
}

// Count formats a number with commas between its thousands.
func Count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
