package server

import (
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The relay's bounds.
const (
	MaxMessage  = 64 << 20  // bytes of one message
	maxRelayed  = 256 << 20 // bytes of all messages
	maxWaiting  = 64        // messages in a box
	maxBoxes    = 256
	maxAge      = 10 * time.Minute
	longestWait = 30 * time.Second
)

// A Relay passes ciphertext from one page to another, in memory: POST /relay/<box> leaves a message, GET
// /relay/<box>?wait=<seconds> takes the oldest or answers 204 after that time. A message is handed out once and dropped
// after ten minutes. The zero value is ready to use.
type Relay struct {
	mu    sync.Mutex
	boxes map[string]*box
	bytes int
}

type box struct {
	messages []message
	readers  int           // that wait
	arrived  chan struct{} // closed by the next message
}

type message struct {
	body []byte
	at   time.Time
}

var boxName = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

var errFull = errors.New("the relay is full")

// Post answers POST /relay/{box}.
func (r *Relay) Post(w http.ResponseWriter, req *http.Request) {
	name := req.PathValue("box")
	if !boxName.MatchString(name) {
		http.NotFound(w, req)
		return
	}
	if req.ContentLength > MaxMessage {
		http.Error(w, "the message is too large", http.StatusRequestEntityTooLarge)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, MaxMessage))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, "the message is too large", http.StatusRequestEntityTooLarge)
	case err != nil:
		http.Error(w, "the message could not be read", http.StatusBadRequest)
	case r.put(name, body) != nil:
		http.Error(w, errFull.Error(), http.StatusInsufficientStorage)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// Get answers GET /relay/{box}.
func (r *Relay) Get(w http.ResponseWriter, req *http.Request) {
	name := req.PathValue("box")
	if !boxName.MatchString(name) {
		http.NotFound(w, req)
		return
	}
	wait := 0 * time.Second
	if s := req.URL.Query().Get("wait"); s != "" {
		seconds, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			http.Error(w, "wait is not a number of seconds", http.StatusBadRequest)
			return
		}
		wait = min(time.Duration(seconds)*time.Second, longestWait)
	}
	allow(w, wait+5*time.Minute)
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	w.Header().Set("Cache-Control", "no-store")
	for {
		body, arrived, err := r.take(name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInsufficientStorage)
			return
		}
		if arrived == nil {
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(body)
			return
		}
		select {
		case <-arrived:
			r.leave(name)
		case <-timeout.C:
			r.leave(name)
			w.WriteHeader(http.StatusNoContent)
			return
		case <-req.Context().Done():
			r.leave(name)
			return
		}
	}
}

func (r *Relay) put(name string, body []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	b := r.box(name)
	if b == nil || len(b.messages) == maxWaiting || r.bytes+len(body) > maxRelayed {
		return errFull
	}
	b.messages = append(b.messages, message{body, time.Now()})
	r.bytes += len(body)
	close(b.arrived)
	b.arrived = make(chan struct{})
	return nil
}

// take returns the oldest message of a box, or the channel that tells when to try again; then leave must follow.
func (r *Relay) take(name string) (body []byte, arrived <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	b := r.box(name)
	if b == nil {
		return nil, nil, errFull
	}
	if len(b.messages) == 0 {
		b.readers++
		return nil, b.arrived, nil
	}
	body = b.messages[0].body
	b.messages = slices.Delete(b.messages, 0, 1)
	r.bytes -= len(body)
	return body, nil, nil
}

func (r *Relay) leave(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.boxes[name].readers--
}

// box returns the box of that name, made if need be, or nil if there are too many.
func (r *Relay) box(name string) *box {
	if r.boxes == nil {
		r.boxes = make(map[string]*box)
	}
	b := r.boxes[name]
	if b == nil && len(r.boxes) < maxBoxes {
		b = &box{arrived: make(chan struct{})}
		r.boxes[name] = b
	}
	return b
}

// expire drops messages that are too old and boxes that nobody uses.
func (r *Relay) expire() {
	for name, b := range r.boxes {
		for len(b.messages) > 0 && time.Since(b.messages[0].at) > maxAge {
			r.bytes -= len(b.messages[0].body)
			b.messages = slices.Delete(b.messages, 0, 1)
		}
		if len(b.messages) == 0 && b.readers == 0 {
			delete(r.boxes, name)
		}
	}
}
