package snapshot

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

const (
	// MaxManifest is the size of the largest manifest, in bytes.
	MaxManifest = 16 << 10
	// MaxLifetime is the longest time between publishing and expiry.
	MaxLifetime = 30 * 24 * time.Hour
	// MaxVersion is the highest version: what a JavaScript number holds.
	MaxVersion = 1<<53 - 1
	// MaxProbes is the most probes that a manifest can ask for in a lane.
	MaxProbes = 1 << 20
	// DefaultPurpose is what a list is for if its operator says nothing else.
	DefaultPurpose = "upload-prevention"

	// DefaultDistance and MaxDistance bound how far a picture's PDQ hash may be
	// from the listed one, of 256 bits, for a match.
	DefaultDistance = 31
	MaxDistance     = 48

	clockSkew = 10 * time.Minute // a client's clock may be this much late
	format    = "preseal-manifest/1"
	timeForm  = "2006-01-02T15:04:05Z"
)

// A Manifest vouches for a snapshot.
type Manifest struct {
	Origin    string // who publishes which list, such as "example.org/images"
	Purpose   string
	Version   uint64 // rises with every publication, from 1
	Published time.Time
	Expires   time.Time
	Previous  [32]byte // SHA-256 of the manifest before, zero for the first
	Hash      [32]byte // SHA-256 of the snapshot file
	Size      int64    // of the snapshot file, in bytes
	Distance  int      // of the second hash, MaxDistance at most
	Lanes     []LaneInfo

	// Signers are the names of the trusted keys that signed, set by
	// OpenManifest; those of all signatures, unverified, if set by ReadManifest.
	Signers []string
}

// A LaneInfo says how one lane is probed.
type LaneInfo struct {
	Lane    Lane
	Entries uint64
	Error   float64 // probability that a probe for an unlisted key hits
	Probes  int     // variants of a key to test
	Proof   Proof   // what makes a candidate a match
	Hit     []byte  // canary: a key that is in the filter
	Miss    []byte  // canary: a key that is not
}

// A Proof says what it takes for a listed key to be a match.
type Proof string

// The proofs. Where a list has perceptual hashes of two kinds, one finds the
// entry and the other decides; where it does not, pictures that merely hash
// alike cannot be told apart.
const (
	Exact      Proof = "exact"       // a digest is its own proof
	SecondHash Proof = "second-hash" // the listed PDQ hash must be within Distance
	SingleHash Proof = "single-hash" // some entries have no PDQ hash: the key alone decides
)

// FileName returns the name of the snapshot file beside the manifest.
func (m *Manifest) FileName() string { return hex.EncodeToString(m.Hash[:]) + ".snap" }

// Lane returns how a lane is probed, and whether the snapshot has it.
func (m *Manifest) Lane(l Lane) (LaneInfo, bool) {
	for _, info := range m.Lanes {
		if info.Lane == l {
			return info, true
		}
	}
	return LaneInfo{}, false
}

// Text returns the lines that are signed. FORMAT.md describes them.
func (m *Manifest) Text() string {
	var b strings.Builder
	line := func(key string, values ...any) {
		b.WriteString(key)
		for _, v := range values {
			fmt.Fprint(&b, " ", v)
		}
		b.WriteByte('\n')
	}
	line("format", format)
	line("origin", m.Origin)
	line("purpose", m.Purpose)
	line("version", m.Version)
	line("published", m.Published.UTC().Format(timeForm))
	line("expires", m.Expires.UTC().Format(timeForm))
	line("previous", hex.EncodeToString(m.Previous[:]))
	line("snapshot", hex.EncodeToString(m.Hash[:]), m.Size)
	line("distance", m.Distance)
	for _, l := range m.Lanes {
		line("lane", l.Lane, l.Entries, strconv.FormatFloat(l.Error, 'g', -1, 64), l.Probes, l.Proof,
			hex.EncodeToString(l.Hit), hex.EncodeToString(l.Miss))
	}
	return b.String()
}

// Sign returns the manifest as a note with the signatures of all signers
// (golang.org/x/mod/sumdb/note): the content of DIR/manifest.
func Sign(m *Manifest, signers ...note.Signer) ([]byte, error) {
	if _, err := parseManifest(m.Text()); err != nil {
		return nil, fmt.Errorf("sign manifest: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: m.Text()}, signers...)
	if err != nil {
		return nil, fmt.Errorf("sign manifest: %w", err)
	}
	return signed, nil
}

// A Trust is what a client accepts.
type Trust struct {
	Keys       []string // verifier keys, as written by note.GenerateKey
	Threshold  int      // how many different keys must have signed; 0 means 1
	Origin     string   // the pinned origin; "" accepts any
	Purpose    string   // the pinned purpose; "" accepts any
	MinVersion uint64   // the highest version seen so far
}

// OpenManifest verifies the content of DIR/manifest: its size, signatures,
// origin, purpose, version and time, in this order. Failed checks are *Error;
// other errors mean that t is malformed.
func OpenManifest(b []byte, t Trust, now time.Time) (*Manifest, error) {
	if len(b) > MaxManifest {
		return nil, failed(TooLarge, "the manifest has %d bytes, more than %d", len(b), MaxManifest)
	}
	keys, err := t.verifiers()
	if err != nil {
		return nil, err
	}
	n, err := note.Open(b, note.VerifierList(keys...))
	if err != nil {
		return nil, failed(Untrusted, "the manifest has no valid signature by a trusted key: %w", err)
	}
	// note.Open verifies each signature in Sigs and drops repetitions of a key.
	if need := max(1, t.Threshold); len(n.Sigs) < need {
		return nil, failed(Untrusted, "%d trusted keys signed, but %d must", len(n.Sigs), need)
	}
	m, err := parseManifest(n.Text)
	if err != nil {
		return nil, err
	}
	for _, s := range n.Sigs {
		m.Signers = append(m.Signers, s.Name)
	}
	return m, m.check(t, now)
}

func (t Trust) verifiers() ([]note.Verifier, error) {
	if len(t.Keys) == 0 {
		return nil, errors.New("no trusted key is given")
	}
	if t.Threshold < 0 || t.Threshold > len(t.Keys) {
		return nil, fmt.Errorf("%d signatures cannot come from %d trusted keys", t.Threshold, len(t.Keys))
	}
	var keys []note.Verifier
	seen := map[string]bool{}
	for _, text := range t.Keys {
		v, err := note.NewVerifier(text)
		if err != nil {
			return nil, fmt.Errorf("trusted key %.60q: %w", text, err)
		}
		id := fmt.Sprint(v.Name(), "+", v.KeyHash())
		if seen[id] {
			return nil, fmt.Errorf("trusted key %.60q is given twice", text)
		}
		seen[id] = true
		keys = append(keys, v)
	}
	return keys, nil
}

func (m *Manifest) check(t Trust, now time.Time) error {
	switch {
	case t.Origin != "" && m.Origin != t.Origin:
		return failed(WrongOrigin, "the origin is %.100q, not %.100q", m.Origin, t.Origin)
	case t.Purpose != "" && m.Purpose != t.Purpose:
		return failed(WrongPurpose, "the purpose is %.100q, not %.100q", m.Purpose, t.Purpose)
	case m.Version < t.MinVersion:
		return failed(RolledBack, "version %d is older than version %d, which was seen before", m.Version, t.MinVersion)
	case m.Published.After(now.Add(clockSkew)):
		return failed(NotYetValid, "the snapshot is published at %s, and it is %s", m.Published.Format(timeForm), now.UTC().Format(timeForm))
	case m.Size > MaxSnapshot:
		return failed(TooLarge, "the snapshot has %d bytes, more than %d", m.Size, MaxSnapshot)
	}
	return m.CheckExpiry(now)
}

// CheckExpiry returns an *Error with the code Expired if now is past the
// manifest's last moment.
func (m *Manifest) CheckExpiry(now time.Time) error {
	if now.After(m.Expires) {
		return failed(Expired, "the snapshot expired at %s, and it is %s", m.Expires.Format(timeForm), now.UTC().Format(timeForm))
	}
	return nil
}

// ReadManifest parses the content of DIR/manifest without verifying anything:
// for showing it, never for trusting it.
func ReadManifest(b []byte) (*Manifest, error) {
	if len(b) > MaxManifest {
		return nil, failed(TooLarge, "the manifest has %d bytes, more than %d", len(b), MaxManifest)
	}
	text, signatures, found := bytes.Cut(b, []byte("\n\n"))
	if !found {
		return nil, failed(Corrupt, "the manifest is not a signed note")
	}
	m, err := parseManifest(string(text) + "\n")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(signatures)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "—" {
			m.Signers = append(m.Signers, f[1])
		}
	}
	return m, nil
}
