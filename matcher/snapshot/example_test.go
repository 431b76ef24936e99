package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
)

// example builds the list of FORMAT.md: first two entries, then three.
func example(t *testing.T) (manifest, file, delta []byte, key string) {
	t.Helper()
	entries := []byte("\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14\x15\x16\x17\x18\x21\x22\x23\x24\x25\x26\x27\x28")
	lane := LaneKeys{Lane: PHash, Hashes: entries[:16], Capacity: 3}
	before := version(t, nil, 1, lane)
	lane.Hashes = entries
	after := version(t, before, 2, lane)
	delta, m := named(t, before, after)
	m.Previous, m.text = before.manifest.Mark().Hash, ""
	signer, key := newKey(t, 1, "example.org")
	manifest, err := Sign(m, signer)
	if err != nil {
		t.Fatal(err)
	}
	return manifest, fileOf(t, after), delta, key
}

// dump writes bytes as FORMAT.md does, without lines of zeros.
func dump(b []byte) string {
	var out strings.Builder
	for at := 0; at < len(b); at += 16 {
		if row := b[at:min(at+16, len(b))]; !allZero(row) {
			fmt.Fprintf(&out, "%04x  % x\n", at, row)
		}
	}
	fmt.Fprintf(&out, "%04x\n", len(b))
	return out.String()
}

// undump is the inverse of dump.
func undump(t *testing.T, text string) []byte {
	t.Helper()
	var out []byte
	for line := range strings.Lines(text) {
		var at int
		if _, err := fmt.Sscanf(line, "%x", &at); err != nil || at < len(out) {
			t.Fatalf("%q: %v", line, err)
		}
		row, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(line[4:]), " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, make([]byte, at-len(out))...), row...)
	}
	return out
}

func TestFormatExample(t *testing.T) {
	page, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "## Example\n")
	_, text, _ = strings.Cut(text, "```\n")
	text, _, _ = strings.Cut(text, "```")
	manifest, file, delta, key := example(t)
	want := fmt.Sprintf("%s\nverifier key\n%s\n\n.snap\n%s\n.delta, from the version before, which lacks the last entry\n%s", manifest, key, dump(file), dump(delta))
	if text != want {
		t.Fatalf("the example of FORMAT.md should be\n%s", want)
	}

	// From here on, the page is all there is.
	parts := strings.Split(text, "\n\n")
	if len(parts) != 5 {
		t.Fatalf("%d parts", len(parts))
	}
	after := func(s string) string { _, rest, _ := strings.Cut(s, "\n"); return rest }
	m, err := OpenManifest([]byte(parts[0]+"\n\n"+parts[1]+"\n"), Trust{Roles: Trusted(after(parts[2]))}, now)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(undump(t, after(parts[3])), m, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, listed := range []bool{true, true, true, false} {
		entry, _ := hex.DecodeString("0102030405060708")
		for k := range entry {
			entry[k] += byte(i) * 16
		}
		if s.Contains(PHash, entry) != listed {
			t.Errorf("entry %x is listed: %v", entry, !listed)
		}
	}
	if sum := sha256.Sum256(undump(t, after(parts[4]))); m.Deltas[0].Hash != sum {
		t.Errorf("the delta has the hash %x, not %x", sum, m.Deltas[0].Hash)
	}
}
