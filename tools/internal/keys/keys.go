// Package keys makes, writes and reads an operator's keys, which live as three files in one folder:
//
//	signer.key    secret: the note signer key that signs manifests
//	oprf.key      secret: 32 random bytes in base64; the confirmation server's key
//	verifier.pub  public: the note verifier key, one line, that clients trust
//
// Where the OPRF key was changed, oprf.key.old holds older ones, in base64, one per line.
package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/preseal/preseal/matcher/snapshot"
)

// The names of the files in a key folder.
const (
	SignerFile   = "signer.key"
	OPRFFile     = "oprf.key"
	VerifierFile = "verifier.pub"
)

const maxFile = 4 << 10

// Set is an operator's keys. Signer, OPRF and Older are secret.
type Set struct {
	Name     string     // of the signer
	Signer   string     // note signer key
	OPRF     [32]byte   // secret of the confirmation server
	Older    [][32]byte // secrets before that one; a server alone has them
	Verifier string     // note verifier key
}

// Generate makes new keys for a signer of that name, which must satisfy ValidName.
func Generate(name string) (*Set, error) {
	if !ValidName(name) {
		return nil, fmt.Errorf("%q is not a key name: it must be 1 to 200 printable ASCII characters without spaces and plus signs", name)
	}
	signer, verifier, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return nil, fmt.Errorf("generate signer key: %w", err)
	}
	s := &Set{Name: name, Signer: signer, Verifier: verifier}
	rand.Read(s.OPRF[:])
	return s, nil
}

// ValidName reports whether name can name a signer: it can name an origin too, and has no plus sign.
func ValidName(name string) bool { return snapshot.ValidName(name) && !strings.Contains(name, "+") }

// Write creates the three files in dir, which it makes if need be. It refuses, with an error that wraps fs.ErrExist,
// if any of the three exists, and then writes nothing.
func (s *Set) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	files := []struct {
		name, text string
		mode       fs.FileMode
	}{
		{SignerFile, s.Signer, 0o600},
		{OPRFFile, base64.StdEncoding.EncodeToString(s.OPRF[:]), 0o600},
		{VerifierFile, s.Verifier, 0o644},
	}
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.name)); err == nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, f.name), fs.ErrExist)
		}
	}
	for _, f := range files {
		if err := create(filepath.Join(dir, f.name), f.text+"\n", f.mode); err != nil {
			return err
		}
	}
	return nil
}

func create(path, text string, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// Read reads what a builder needs from dir: signer.key and oprf.key.
func Read(dir string) (*Set, error) {
	s, err := ReadSigner(dir)
	if err != nil {
		return nil, err
	}
	return s, s.readOPRF(dir)
}

// ReadSigner reads what a signer needs from dir: signer.key, from which the verifier key follows. OPRF stays zero.
func ReadSigner(dir string) (*Set, error) {
	s := &Set{}
	path := filepath.Join(dir, SignerFile)
	var err error
	if s.Signer, err = readLine(path); err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(s.Signer)
	if err != nil {
		return nil, fmt.Errorf("%s is not a signer key", path)
	}
	s.Name = signer.Name()
	if s.Verifier, err = verifierOf(s.Signer, s.Name); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func (s *Set) readOPRF(dir string) error {
	path := filepath.Join(dir, OPRFFile)
	line, err := readLine(path)
	if err != nil {
		return err
	}
	secrets, err := parseSecrets(line, path)
	if err == nil {
		s.OPRF = secrets[0]
	}
	return err
}

// verifierOf derives the verifier key of a signer key, PRIVATE+KEY+<name>+<id>+<base64 of algorithm and seed>.
func verifierOf(signer, name string) (string, error) {
	fields := strings.SplitN(signer, "+", 5) // the last one is base64, which may contain plus signs
	raw, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return "", errors.New("unknown kind of signer key")
	}
	return note.NewEd25519VerifierKey(name, ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey))
}

// Trusted returns the verifier key that s is, or that the file named s holds.
func Trusted(s string) (string, error) {
	if _, err := note.NewVerifier(s); err == nil {
		return s, nil
	}
	line, err := readLine(s)
	if err != nil {
		return "", fmt.Errorf("%q is neither a verifier key nor a file that holds one: %w", s, err)
	}
	if _, err := note.NewVerifier(line); err != nil {
		return "", fmt.Errorf("%s does not hold a verifier key", s)
	}
	return line, nil
}

func readLine(path string) (string, error) {
	text, err := readSmall(path)
	if err != nil {
		return "", err
	}
	line, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if line == "" || rest != "" {
		return "", fmt.Errorf("%s is not a file of one line", path)
	}
	return strings.TrimSpace(line), nil
}

func readSmall(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return string(b), err
}
