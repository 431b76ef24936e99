package server

import (
	"bytes"
	"errors"
	"mime"
	"net/http"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/tools/internal/list"
)

// Plain answers POST /v1/plain from the list that current returns.
func Plain(current func() *list.Index) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, ok := readQuestion(w, r, confirm.MaxRequest)
		if !ok {
			return
		}
		defer clear(request)
		// One list for the whole question.
		response, err := confirm.NewPlainServer(current().Answer).Answer(request)
		if err != nil {
			http.Error(w, "the request is malformed", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", confirm.ContentType)
		w.Header().Set("Cache-Control", "no-store")
		w.Write(response)
	})
}

// readQuestion reads a request of limit bytes at most, which the caller clears. If it reports false, the answer has been given.
func readQuestion(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, bool) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != confirm.ContentType {
		http.Error(w, "the content type is not "+confirm.ContentType, http.StatusUnsupportedMediaType)
		return nil, false
	}
	if r.ContentLength > limit {
		http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
		return nil, false
	}
	// Nothing of it must be left where a buffer grew.
	request := bytes.NewBuffer(make([]byte, 0, limit+bytes.MinRead))
	_, err := request.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
		return nil, false
	}
	if err != nil {
		http.Error(w, "the request could not be read", http.StatusBadRequest)
		return nil, false
	}
	return request.Bytes(), true
}
