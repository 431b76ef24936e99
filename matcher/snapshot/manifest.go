package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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
)

// A Manifest vouches for a snapshot.
type Manifest struct {
	Origin    string // who publishes which list, such as "example.org/images"
	Purpose   string
	Version   uint64 // rises with every publication, from 1
	Published time.Time
	Expires   time.Time
	Previous  [32]byte    // of the manifest before: its Mark's Hash, zero for the first
	Hash      [32]byte    // SHA-256 of the snapshot file
	Size      int64       // of the snapshot file, in bytes
	Head      [32]byte    // SHA-256 of its header and section table
	Tree      [32]byte    // of the file's chunks; see MakeChunks
	Deltas    []DeltaInfo // from earlier versions, the latest first, MaxDeltas at most
	Distance  int         // of the second hash, MaxDistance at most
	OPRF      *OPRF       // of the private confirmation, nil if there is none
	Lanes     []LaneInfo

	// Signers have signed with trusted keys, if OpenManifest made the manifest. If
	// ReadManifest did, they are those of all signatures, unverified and without a role.
	Signers []Signer

	text string // as signed, with its x- lines
}

// An OPRF names the key of the private confirmation. Package confirm gives both
// numbers their meaning.
type OPRF struct {
	KeyID     [8]byte
	PublicKey [32]byte
}

// A DeltaInfo names a file that makes the snapshot out of an earlier one.
type DeltaInfo struct {
	Version uint64   // of the earlier snapshot
	Source  [32]byte // SHA-256 of its file
	Hash    [32]byte // SHA-256 of the delta
	Size    int64    // of the delta, in bytes, MaxDelta at most
}

// FileName returns the name of the delta beside the manifest.
func (d DeltaInfo) FileName() string { return hex.EncodeToString(d.Hash[:]) + ".delta" }

// DeltaFrom returns the delta from a snapshot, and whether there is one.
func (m *Manifest) DeltaFrom(source [32]byte) (DeltaInfo, bool) {
	for _, d := range m.Deltas {
		if d.Source == source {
			return d, true
		}
	}
	return DeltaInfo{}, false
}

// A LaneInfo says how one lane is probed.
type LaneInfo struct {
	Lane    Lane
	Entries uint64
	// Capacity is how many entries the filter was sized for. It never changes while a
	// list goes on; Entries can be twice as many, and double Error then.
	Capacity uint64
	Error    float64 // probability that a probe for an unlisted key hits, with Capacity entries
	Probes   int     // variants of a key to test
	Proof    Proof   // what makes a candidate a match
	Hit      []byte  // canary: a key that is in the filter
	Miss     []byte  // canary: a key that is not
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
func (m *Manifest) FileName() string { return FileName(m.Hash) }

// FileName returns the name of a snapshot file with this SHA-256.
func FileName(hash [32]byte) string { return hex.EncodeToString(hash[:]) + ".snap" }

// Lane returns how a lane is probed, and whether the snapshot has it.
func (m *Manifest) Lane(l Lane) (LaneInfo, bool) {
	for _, info := range m.Lanes {
		if info.Lane == l {
			return info, true
		}
	}
	return LaneInfo{}, false
}

// Mark returns what a client that accepts the manifest remembers of it.
func (m *Manifest) Mark() Mark { return Mark{m.Version, sha256.Sum256([]byte(m.Text()))} }

// Text returns the lines that are signed. FORMAT.md describes them.
func (m *Manifest) Text() string {
	if m.text != "" {
		return m.text
	}
	b := appendLine(nil, "format", format)
	b = appendLine(b, "origin", m.Origin)
	b = appendLine(b, "purpose", m.Purpose)
	b = appendLine(b, "version", decimal(m.Version))
	b = appendLine(b, "published", stamp(m.Published))
	b = appendLine(b, "expires", stamp(m.Expires))
	b = appendLine(b, "previous", hex.EncodeToString(m.Previous[:]))
	b = appendLine(b, "snapshot", hex.EncodeToString(m.Hash[:]), decimal(uint64(m.Size)), hex.EncodeToString(m.Head[:]), hex.EncodeToString(m.Tree[:]))
	for _, d := range m.Deltas {
		b = appendLine(b, "delta", decimal(d.Version), hex.EncodeToString(d.Source[:]), hex.EncodeToString(d.Hash[:]), decimal(uint64(d.Size)))
	}
	b = appendLine(b, "distance", strconv.Itoa(m.Distance))
	if m.OPRF != nil {
		b = appendLine(b, "oprf", hex.EncodeToString(m.OPRF.KeyID[:]), hex.EncodeToString(m.OPRF.PublicKey[:]))
	}
	for _, l := range m.Lanes {
		b = appendLine(b, "lane", l.Lane.String(), decimal(l.Entries), decimal(l.Capacity), strconv.FormatFloat(l.Error, 'g', -1, 64),
			strconv.Itoa(l.Probes), string(l.Proof), hex.EncodeToString(l.Hit), hex.EncodeToString(l.Miss))
	}
	return string(b)
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// appendLine is called so often that, inlined, it would be a percent of the engine.
//
//go:noinline
func appendLine(b []byte, key string, values ...string) []byte {
	b = append(b, key...)
	for _, v := range values {
		b = append(append(b, ' '), v...)
	}
	return append(b, '\n')
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
			m.Signers = append(m.Signers, Signer{Name: f[1]})
		}
	}
	return m, nil
}
