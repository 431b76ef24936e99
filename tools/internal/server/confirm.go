package server

import (
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/tools/internal/list"
)

// Plain answers POST /v1/plain from the list that current returns.
func Plain(current func() *list.Index) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != confirm.ContentType {
			http.Error(w, "the content type is not "+confirm.ContentType, http.StatusUnsupportedMediaType)
			return
		}
		request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, confirm.MaxRequest))
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil {
			http.Error(w, "the request could not be read", http.StatusBadRequest)
			return
		}
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
