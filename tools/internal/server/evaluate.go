package server

import (
	"net/http"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
)

// Evaluate answers POST /v1/evaluate: the private confirmation. Its responses have the length that the protocol gives them,
// whatever they say.
func Evaluate(s *voprf.Server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, ok := readQuestion(w, r, voprf.MaxRequest)
		if !ok {
			return
		}
		response, status := s.Answer(request)
		w.Header().Set("Content-Type", confirm.ContentType)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(httpStatus(status))
		w.Write(response)
	})
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
