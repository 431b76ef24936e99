package server

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
)

// traces are the elements of questions and answers, by their beginnings, and which question each belongs to. They are
// masked, which hides what the test itself remembers from its search of the memory that it shares with the server.
type traces map[uint64]trace

type trace struct {
	element  [32]byte
	question int
}

const mask = 0xa5

func masked(b []byte) (beginning uint64, element [32]byte) {
	for i := range element {
		element[i] = b[i] ^ mask
	}
	return binary.LittleEndian.Uint64(element[:]), element
}

func (t traces) add(question int, message []byte) {
	for b := message[12:]; len(b) >= 32; b = b[32:] {
		beginning, element := masked(b)
		t[beginning] = trace{element, question}
	}
}

// inMemory returns the questions of which something is still in use after a garbage collection.
func (t traces) inMemory(tb testing.TB) map[int]bool {
	tb.Helper()
	runtime.GC() // twice: what is in a sync.Pool survives the first
	runtime.GC()
	f, err := os.Create(filepath.Join(tb.TempDir(), "heap"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	debug.WriteHeapDump(f.Fd())
	dump, err := os.ReadFile(f.Name())
	if err != nil {
		tb.Fatal(err)
	}
	found := make(map[int]bool)
	// Whole elements: when the runtime interrupts a goroutine, it saves 16 or 32 bytes of whatever was copied last.
	for i := range len(dump) - 31 {
		beginning := binary.LittleEndian.Uint64(dump[i:]) ^ mask*0x0101010101010101
		if known, ok := t[beginning]; ok {
			if _, element := masked(dump[i:]); element == known.element {
				found[known.question] = true
			}
		}
	}
	return found
}

// A line is a connection on which questions are asked that leave nothing behind on the client's side.
type line struct {
	net.Conn
	r *bufio.Reader
}

func (l *line) ask(t *testing.T, key *voprf.PrivateKey, n int, seen traces, question int) {
	t.Helper()
	c, err := voprf.NewClient(key.Public(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	q, err := c.Ask(sixteen()[:n])
	if err != nil {
		t.Fatal(err)
	}
	message := fmt.Appendf(make([]byte, 0, 1024), "POST /v1/evaluate HTTP/1.1\r\nHost: test\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", confirm.ContentType, len(q.Request()))
	message = append(message, q.Request()...)
	defer clear(message)
	defer clear(q.Request())
	seen.add(question, q.Request())
	if _, err := l.Write(message); err != nil {
		t.Fatal(err)
	}
	w, err := http.ReadResponse(l.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, voprf.MaxResponse)
	defer clear(answer)
	size, err := io.ReadFull(w.Body, answer)
	if err != nil && err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	if _, err := q.Outputs(answer[:size]); err != nil {
		t.Fatal(err)
	}
	seen.add(question, answer[:size])
}

// After its answer, nothing of a question is in the server's memory, logs or metrics: what a connection has read stays
// in its buffer until the next request on it, or its end.
func TestNothingIsKept(t *testing.T) {
	if testing.Short() {
		t.Skip("dumps the heap")
	}
	r := newRunning(t, func(s *Service) { s.LogRequests = true })
	seen := make(traces)
	dial := func() *line {
		conn, err := net.Dial("tcp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		return &line{conn, bufio.NewReader(conn)}
	}
	const last = 59
	open := dial()
	for question := range last + 1 {
		l := open
		if question%3 == 1 {
			l = dial()
		}
		asked := make(chan struct{})
		go func() { // whose stack goes with it
			defer close(asked)
			l.ask(t, r.key, 1+question%16, seen, question)
		}()
		<-asked
		if l != open {
			l.Close()
		}
	}
	// What is in use is found: the search works.
	planted := make([]byte, 12+32)
	rand.Read(planted)
	seen.add(-1, planted)
	open.r.Reset(strings.NewReader("")) // the client's buffer goes, the server's stays
	open.r = nil
	for question := range seen.inMemory(t) {
		if question != -1 && question != last {
			t.Errorf("something of question %d is in memory", question)
		}
	}
	open.Close()
	r.stop()
	found := seen.inMemory(t)
	if !found[-1] {
		t.Error("the search does not find what is in memory")
	}
	delete(found, -1)
	for question := range found {
		t.Errorf("something of question %d is in memory after its connection ended", question)
	}
	runtime.KeepAlive(planted)

	checkLog(t, r.log.String(), last+1)
	checkMetrics(t, get(r.Admin(), "/metrics").Body.String())
}

// checkLog demands that requests' lines hold nothing but these fields, with these values.
func checkLog(t *testing.T, log string, requests int) {
	t.Helper()
	fields := map[string]*regexp.Regexp{
		"time":         regexp.MustCompile(`^2\d{3}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)$`),
		"level":        regexp.MustCompile(`^INFO$`),
		"msg":          regexp.MustCompile(`^(request|stopping|stopped)$`),
		"method":       regexp.MustCompile(`^POST$`),
		"route":        regexp.MustCompile(`^POST /v1/evaluate$`),
		"status":       regexp.MustCompile(`^200$`),
		"milliseconds": regexp.MustCompile(`^[0-9.e+-]+$`),
		"m":            regexp.MustCompile(`^(4|8|16)$`),
	}
	logged := 0
	for l := range strings.Lines(log) {
		var record map[string]any
		if err := json.Unmarshal([]byte(l), &record); err != nil {
			t.Errorf("log %q: %v", l, err)
		}
		for name, value := range record {
			if want := fields[name]; want == nil || !want.MatchString(fmt.Sprint(value)) {
				t.Errorf("the log says that %s is %v", name, value)
			}
		}
		if record["msg"] == "request" {
			logged++
		}
	}
	if logged != requests {
		t.Errorf("%d requests were logged, want %d", logged, requests)
	}
}

var metric = regexp.MustCompile(`^preseal_[a-z_]+(\{m="(4|8|16)"(,status="[a-z-]+"|,le="([0-9.]+|\+Inf)")?\})? [0-9.e+-]+$`)

// checkMetrics demands that nothing but numbers varies.
func checkMetrics(t *testing.T, text string) {
	t.Helper()
	for l := range strings.Lines(text) {
		if l = strings.TrimSuffix(l, "\n"); !strings.HasPrefix(l, "#") && !metric.MatchString(l) {
			t.Errorf("the metrics say %q", l)
		}
	}
}
