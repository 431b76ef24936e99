package keys

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Rotate replaces the OPRF key in dir by a new one and returns it. The key before becomes the first of oprf.key.old, where
// as many stay as a server takes. If it is cut short, oprf.key is the old key or the new one, and none is lost.
func Rotate(dir string) (key [32]byte, err error) {
	secrets, err := readSecrets(dir, "")
	if err != nil {
		return key, err
	}
	var old strings.Builder
	var kept [][32]byte
	for _, s := range secrets { // the same twice, if it was cut short
		if !slices.Contains(kept, s) && len(kept) < maxSecrets-1 {
			kept = append(kept, s)
			old.WriteString(base64.StdEncoding.EncodeToString(s[:]) + "\n")
		}
	}
	rand.Read(key[:])
	if err := replace(filepath.Join(dir, OldOPRFFile), old.String()); err != nil {
		return key, err
	}
	return key, replace(filepath.Join(dir, OPRFFile), base64.StdEncoding.EncodeToString(key[:])+"\n")
}

// replace gives a secret file a new content, at once and as a whole.
func replace(path, text string) error {
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := create(temporary, text, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
