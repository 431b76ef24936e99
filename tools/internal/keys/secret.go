package keys

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const (
	// OldOPRFFile holds secrets that oprf.key held before, one per line, for clients that have an older snapshot.
	OldOPRFFile = "oprf.key.old"
	// Environment is the variable that can hold a server's secrets in place of the files: the current one, then older
	// ones, with white space between.
	Environment = "PRESEAL_OPRF_KEY"

	maxSecrets = 8
)

// ReadServer returns the OPRF keys of a confirmation server: those in environment, the value of the variable, or, where
// that is empty, those of oprf.key and oprf.key.old in dir. No error quotes a secret. The signer key should not be on a
// server, and Signer stays empty.
func ReadServer(dir, environment string) (*Set, error) {
	secrets, err := readSecrets(dir, environment)
	if err != nil {
		return nil, err
	}
	return &Set{OPRF: secrets[0], Older: secrets[1:]}, nil
}

func readSecrets(dir, environment string) ([][32]byte, error) {
	if environment != "" {
		return parseSecrets(environment, Environment)
	}
	path := filepath.Join(dir, OPRFFile)
	line, err := readLine(path)
	if err != nil {
		return nil, err
	}
	secrets, err := parseSecrets(line, path)
	if err != nil {
		return nil, err
	}
	path = filepath.Join(dir, OldOPRFFile)
	old, err := readSmall(path)
	if errors.Is(err, fs.ErrNotExist) {
		return secrets, nil
	}
	if err != nil {
		return nil, err
	}
	older, err := parseSecrets(old, path)
	return append(secrets, older...), err
}

// parseSecrets reads what came from the file or variable where.
func parseSecrets(text, where string) ([][32]byte, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 || len(fields) > maxSecrets {
		return nil, fmt.Errorf("%s holds %d keys instead of 1 to %d", where, len(fields), maxSecrets)
	}
	secrets := make([][32]byte, len(fields))
	for i, field := range fields {
		raw, err := base64.StdEncoding.DecodeString(field)
		if err != nil || len(raw) != len(secrets[i]) {
			return nil, fmt.Errorf("%s is not 32 bytes in base64", where)
		}
		copy(secrets[i][:], raw)
	}
	return secrets, nil
}

// ReadVerifier reads verifier.pub in dir, which gives the name, too.
func (s *Set) ReadVerifier(dir string) error {
	path := filepath.Join(dir, VerifierFile)
	line, err := readLine(path)
	if err != nil {
		return err
	}
	v, err := note.NewVerifier(line)
	if err != nil {
		return fmt.Errorf("%s is not a verifier key", path)
	}
	s.Name, s.Verifier = v.Name(), line
	return nil
}

// Exposed returns the secret files in dir that others than their owner can read.
func Exposed(dir string) []string {
	var exposed []string
	for _, name := range []string{SignerFile, OPRFFile, OldOPRFFile} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
			exposed = append(exposed, path)
		}
	}
	return exposed
}
