package server

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

const entriesFolder = "entries"

var (
	keyName    = regexp.MustCompile(`^[0-9a-f]{16}$`)
	bucketName = regexp.MustCompile(`^[0-9a-f]{1,16}$`)
)

// Entries answers GET /v1/entries/{key}/{bucket} from the snapshot's folder dir. A bucket keeps its name when its
// content changes, so that caches may keep it for a short time only.
func Entries(dir string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, bucket := r.PathValue("key"), r.PathValue("bucket")
		if !keyName.MatchString(key) || !bucketName.MatchString(bucket) {
			http.NotFound(w, r)
			return
		}
		f, err := os.Open(filepath.Join(dir, entriesFolder, key, bucket))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer f.Close()
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			http.NotFound(w, r)
			return
		}
		// The same on all servers with the same files, as dates are not.
		hash := sha256.New()
		_, err = io.Copy(hash, f)
		if err == nil {
			_, err = f.Seek(0, io.SeekStart)
		}
		if err != nil {
			http.Error(w, "the entries could not be read", http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("ETag", fmt.Sprintf(`"%x"`, hash.Sum(nil)))
		http.ServeContent(w, r, "", time.Time{}, f)
	})
}
