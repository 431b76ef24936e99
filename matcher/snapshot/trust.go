package snapshot

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A Role is a part in publishing a list, which one of several keys can speak for.
type Role struct {
	Name string
	Keys []string // verifier keys, as note.GenerateKey writes them
}

// The roles of Trusted.
const (
	Authority = "authority" // answers for what is on the list
	Auditor   = "auditor"   // has seen that it is what it claims to be
)

// A Mark is what a client remembers of the newest manifest that it has accepted,
// so that nobody can lead it back or aside. The zero Mark remembers nothing.
type Mark struct {
	Version uint64
	Hash    [32]byte // SHA-256 of the signed text
}

// A Trust is what a client accepts.
type Trust struct {
	Roles      []Role
	Threshold  int    // how many of the roles must have signed; 0 means all
	Origin     string // the pinned origin; "" accepts any
	Purpose    string // the pinned purpose; "" accepts any
	MinVersion uint64 // the lowest version to accept, besides that of Seen
	Seen       Mark
}

// Trusted returns the roles of one key, the authority's, or of two, of which the
// second is the auditor's. More keys need roles that are spelled out.
func Trusted(keys ...string) []Role {
	var roles []Role
	for i, key := range keys {
		name := fmt.Sprintf("role %d", i+1)
		if i < 2 {
			name = []string{Authority, Auditor}[i]
		}
		roles = append(roles, Role{name, []string{key}})
	}
	return roles
}

// A Signer is who signed a manifest.
type Signer struct {
	Name string // of the key
	Role string // "" if the key is not known
}

// OpenManifest verifies the content of DIR/manifest: its size, signatures,
// origin, purpose, version and time, in this order. Failed checks are *Error;
// other errors mean that t is malformed.
func OpenManifest(b []byte, t Trust, now time.Time) (*Manifest, error) {
	if len(b) > MaxManifest {
		return nil, failed(TooLarge, "the manifest has %d bytes, more than %d", len(b), MaxManifest)
	}
	keys, roles, err := t.verifiers()
	if err != nil {
		return nil, err
	}
	n, err := note.Open(b, note.VerifierList(keys...))
	if err != nil {
		return nil, failed(Untrusted, "the manifest has no valid signature by a trusted key: %w", err)
	}
	// note.Open verifies each signature in Sigs and drops repetitions of a key.
	var signers []Signer
	signed := map[string]bool{}
	for _, s := range n.Sigs {
		// It lets the last character be one of four, so that a byte could change.
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			continue
		}
		role := roles[keyID(s.Name, s.Hash)]
		signers = append(signers, Signer{s.Name, role})
		signed[role] = true
	}
	need := t.Threshold
	if need == 0 {
		need = len(t.Roles)
	}
	if len(signed) < need {
		return nil, failed(Untrusted, "keys of %s signed, but %d of %d must", things(len(signed), "role", "roles"), need, len(t.Roles))
	}
	m, err := parseManifest(n.Text)
	if err != nil {
		return nil, err
	}
	m.Signers = signers
	return m, m.check(t, now)
}

func things(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

func keyID(name string, hash uint32) string { return fmt.Sprint(name, "+", hash) }

// verifiers returns the keys, and whose role each is.
func (t Trust) verifiers() (keys []note.Verifier, roles map[string]string, err error) {
	if len(t.Roles) == 0 {
		return nil, nil, errors.New("no trusted key is given")
	}
	if t.Threshold < 0 || t.Threshold > len(t.Roles) {
		return nil, nil, fmt.Errorf("%d signatures cannot come from %s", t.Threshold, things(len(t.Roles), "role", "roles"))
	}
	roles = map[string]string{}
	names, bare := map[string]bool{}, map[string]bool{}
	for _, role := range t.Roles {
		if names[role.Name] || len(role.Keys) == 0 {
			return nil, nil, fmt.Errorf("the role %.60q has no key, or is given twice", role.Name)
		}
		names[role.Name] = true
		for _, text := range role.Keys {
			v, err := note.NewVerifier(text)
			if err != nil {
				return nil, nil, fmt.Errorf("trusted key %.60q: %w", text, err)
			}
			// name+hash+key: the same key under two names would sign for two.
			parts := strings.SplitN(text, "+", 3)
			if key := parts[len(parts)-1]; bare[key] {
				return nil, nil, fmt.Errorf("trusted key %.60q is given twice", text)
			} else {
				bare[key] = true
			}
			roles[keyID(v.Name(), v.KeyHash())] = role.Name
			keys = append(keys, v)
		}
	}
	return keys, roles, nil
}

func (m *Manifest) check(t Trust, now time.Time) error {
	switch {
	case t.Origin != "" && m.Origin != t.Origin:
		return failed(WrongOrigin, "the origin is %.100q, not %.100q", m.Origin, t.Origin)
	case t.Purpose != "" && m.Purpose != t.Purpose:
		return failed(WrongPurpose, "the purpose is %.100q, not %.100q", m.Purpose, t.Purpose)
	case m.Version < max(t.MinVersion, t.Seen.Version):
		return failed(RolledBack, "version %d is older than version %d, which was seen before", m.Version, max(t.MinVersion, t.Seen.Version))
	case t.Seen.Version > 0 && m.Version == t.Seen.Version && m.Mark() != t.Seen:
		return failed(Conflicting, "another manifest with version %d was seen before", m.Version)
	case t.Seen.Version > 0 && m.Version == t.Seen.Version+1 && m.Previous != t.Seen.Hash:
		return failed(BrokenChain, "version %d does not continue the version %d that was seen before", m.Version, t.Seen.Version)
	case m.Published.After(now.Add(clockSkew)):
		return failed(NotYetValid, "the snapshot is published at %s, and it is %s", stamp(m.Published), stamp(now))
	case m.Size > MaxSnapshot:
		return failed(TooLarge, "the snapshot has %d bytes, more than %d", m.Size, MaxSnapshot)
	}
	return m.CheckExpiry(now)
}

// CheckExpiry returns an *Error with the code Expired if now is past the
// manifest's last moment.
func (m *Manifest) CheckExpiry(now time.Time) error {
	if now.After(m.Expires) {
		return failed(Expired, "the snapshot expired at %s, and it is %s", stamp(m.Expires), stamp(now))
	}
	return nil
}
