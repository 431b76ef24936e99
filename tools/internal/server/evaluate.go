package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
)

// Evaluate answers POST /v1/evaluate: the private confirmation, without limits for clients. Its responses have the length
// that the protocol gives them, whatever they say.
func Evaluate(s *voprf.Server) http.Handler { return http.HandlerFunc(NewService(s).evaluate) }

func (s *Service) evaluate(w http.ResponseWriter, r *http.Request) {
	request, ok := readQuestion(w, r, voprf.MaxRequest)
	if !ok {
		return
	}
	defer clear(request)
	start := time.Now()
	response, status, wait := s.answer(request, r)
	m := int(response[3])
	s.Metrics.question(m, status, time.Since(start))
	note(w, m)
	h := w.Header()
	h.Set("Content-Type", confirm.ContentType)
	h.Set("Cache-Control", "no-store")
	retryAfter(w, wait)
	w.WriteHeader(httpStatus(status))
	w.Write(response)
}

// answer does the same for each well-formed question of a size. With Busy comes the time to wait.
func (s *Service) answer(request []byte, r *http.Request) (response []byte, status voprf.Status, wait time.Duration) {
	wait = s.take(r)
	if wait == 0 && !s.gate.enter() {
		wait = time.Second
	}
	if wait > 0 {
		return s.private.Refuse(request, voprf.Busy), voprf.Busy, wait
	}
	defer s.gate.leave()
	response, status = s.private.Answer(request)
	return response, status, 0
}

// take counts a question, or returns how long its client has to wait.
func (s *Service) take(r *http.Request) time.Duration {
	if s.Limits == nil {
		return 0
	}
	return s.Limits.Take(s.Clients.Of(r), time.Now())
}

// limited counts requests as questions, too.
func (s *Service) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait := s.take(r); wait > 0 {
			retryAfter(w, wait)
			http.Error(w, "too many questions", http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// retryAfter says when to come again, in whole seconds as the header has them, if that is not at once.
func retryAfter(w http.ResponseWriter, wait time.Duration) {
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
}

// httpStatus says the same to whoever does not read the body. An unknown key is an answer: the client has to read it.
func httpStatus(s voprf.Status) int {
	switch s {
	case voprf.OK, voprf.UnknownKey:
		return http.StatusOK
	case voprf.Malformed:
		return http.StatusBadRequest
	case voprf.Busy:
		return http.StatusTooManyRequests
	}
	return http.StatusInternalServerError
}
