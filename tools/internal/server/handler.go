package server

import (
	"net/http"
	"slices"
)

// Routes adds the snapshot and its private confirmation to mux.
func Routes(mux *http.ServeMux, f *Folder) {
	mux.Handle("GET /lists/{name}", f)
	mux.Handle("POST /v1/evaluate", Evaluate(f.private))
	mux.Handle("GET /v1/entries/{key}/{bucket}", Entries(f.dir))
}

// Secure adds the headers that every response has.
func Secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// cors lets pages of the given origins, such as "https://chat.example", read what they need; others may only if they come
// from the server itself. A client that continues a download compares ETag and Content-Range, and Age tells how old a
// cached manifest is. What it sends for that needs leave, too: only some browsers take a Range for harmless (Fetch
// standard, CORS-safelisted request-header).
func cors(next http.Handler, origins []string) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if !slices.Contains(origins, origin) {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		h.Set("Access-Control-Expose-Headers", "Age, Content-Range, ETag, Retry-After")
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST")
			h.Set("Access-Control-Allow-Headers", "Content-Type, If-Match, If-None-Match, If-Range, Range")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
