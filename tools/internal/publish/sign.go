package publish

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/keys"
)

// ErrSigned says that a manifest has the signature already.
var ErrSigned = errors.New("this key has signed the manifest already")

// Countersign adds the signature of a key to a manifest that the caller has verified. The text and the signatures that it
// has stay as they are. It returns ErrSigned if there is nothing to add.
func Countersign(manifest []byte, k *keys.Set) ([]byte, error) {
	signer, err := note.NewSigner(k.Signer)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(k.Verifier)
	if err != nil {
		return nil, err
	}
	_, err = note.Open(manifest, note.VerifierList(verifier))
	var unverified *note.UnverifiedNoteError
	switch {
	case err == nil:
		return nil, ErrSigned
	case !errors.As(err, &unverified):
		return nil, err
	}
	signed, err := note.Sign(unverified.Note, signer)
	if err == nil && len(signed) > snapshot.MaxManifest {
		err = fmt.Errorf("with another signature the manifest would have %d bytes, more than %d", len(signed), snapshot.MaxManifest)
	}
	return signed, err
}

// ReplaceManifest replaces the manifest in a folder, at once and as a whole, unless it is another one than before by now.
func ReplaceManifest(dir string, before, after []byte) error {
	w := &writer{dir: dir}
	defer w.discard()
	w.bytes(ManifestFile, after)
	if w.err == nil {
		now, err := ReadManifest(dir)
		if err == nil && !bytes.Equal(now, before) {
			err = fmt.Errorf("%s has changed meanwhile", filepath.Join(dir, ManifestFile))
		}
		w.err = err
	}
	return w.rename()
}
