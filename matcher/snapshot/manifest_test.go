package snapshot

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

func TestTrust(t *testing.T) {
	_, m, err := Build(spec(3))
	if err != nil {
		t.Fatal(err)
	}
	authority, authorityKey := newKey(t, 1, "authority")
	auditor, auditorKey := newKey(t, 2, "auditor")
	stranger, strangerKey := newKey(t, 3, "authority")
	both := []string{authorityKey, auditorKey}
	sign := func(signers ...note.Signer) []byte {
		b, err := Sign(m, signers...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name     string
		manifest []byte
		trust    Trust
		at       time.Time
		want     Code
	}{
		{"one of one", sign(authority), Trust{Keys: both[:1]}, now, ""},
		{"one of two", sign(auditor), Trust{Keys: both}, now, ""},
		{"two of two", sign(authority, auditor), Trust{Keys: both, Threshold: 2}, now, ""},
		{"pinned", sign(authority), Trust{Keys: both, Origin: "example.org/test", Purpose: DefaultPurpose, MinVersion: 3}, now, ""},
		{"one where two must", sign(authority), Trust{Keys: both, Threshold: 2}, now, Untrusted},
		{"one key twice", sign(authority, authority), Trust{Keys: both, Threshold: 2}, now, Untrusted},
		{"unsigned", []byte(m.Text()), Trust{Keys: both}, now, Untrusted},
		{"no signature", []byte(m.Text() + "\n"), Trust{Keys: both}, now, Untrusted},
		{"a stranger of the same name", sign(stranger), Trust{Keys: both}, now, Untrusted},
		{"a stranger's key trusted", sign(authority), Trust{Keys: []string{strangerKey}}, now, Untrusted},
		{"empty", nil, Trust{Keys: both}, now, Untrusted},
		{"too large", bytes.Repeat([]byte("x"), MaxManifest+1), Trust{Keys: both}, now, TooLarge},
		{"another origin", sign(authority), Trust{Keys: both, Origin: "example.org/other"}, now, WrongOrigin},
		{"another purpose", sign(authority), Trust{Keys: both, Purpose: "copyright"}, now, WrongPurpose},
		{"rolled back", sign(authority), Trust{Keys: both, MinVersion: 4}, now, RolledBack},
		{"a little early", sign(authority), Trust{Keys: both}, now.Add(-9 * time.Minute), ""},
		{"not yet valid", sign(authority), Trust{Keys: both}, now.Add(-11 * time.Minute), NotYetValid},
		{"last moment", sign(authority), Trust{Keys: both}, now.Add(24 * time.Hour), ""},
		{"expired", sign(authority), Trust{Keys: both}, now.Add(24*time.Hour + time.Second), Expired},
		{"clock at zero", sign(authority), Trust{Keys: both}, time.Unix(0, 0), NotYetValid},
	} {
		got, err := OpenManifest(c.manifest, c.trust, c.at)
		if c.want == "" && err != nil || c.want != "" && code(err) != c.want {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		_ = got
	}
	for name, trust := range map[string]Trust{
		"no keys": {}, "malformed key": {Keys: []string{"authority+12345678+x"}}, "key twice": {Keys: []string{authorityKey, authorityKey}},
		"threshold over keys": {Keys: both, Threshold: 3}, "negative threshold": {Keys: both, Threshold: -1},
	} {
		if _, err := OpenManifest(sign(authority), trust, now); err == nil || strings.HasPrefix(string(code(err)), "untrusted") {
			t.Errorf("%s: got %v, want an error without a code", name, err)
		}
	}
}

func TestMalformedManifests(t *testing.T) {
	_, m, err := Build(spec(3))
	if err != nil {
		t.Fatal(err)
	}
	good := m.Text()
	if _, err := parseManifest(good + "x-witness abc\n"); err != nil {
		t.Errorf("an extension is rejected: %v", err)
	}
	lines := strings.SplitAfter(good, "\n")
	for i := range lines[:len(lines)-1] {
		without := strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), "")
		if i < 9 { // a lane may be missing as far as the manifest alone can tell
			if _, err := parseManifest(without); code(err) != Corrupt {
				t.Errorf("without line %d: %v", i, err)
			}
		}
		twice := strings.Join(append(append(append([]string{}, lines[:i+1]...), lines[i]), lines[i+1:]...), "")
		if _, err := parseManifest(twice); code(err) != Corrupt {
			t.Errorf("with line %d twice: %v", i, err)
		}
	}
	for _, c := range [][3]string{
		{"preseal-manifest/1", "preseal-manifest/2", string(UnsupportedVersion)},
		{"preseal-manifest/1", "go.sum database tree", string(Corrupt)},
		{"version 3", "version 03", string(Corrupt)},
		{"version 3", "version -3", string(Corrupt)},
		{"version 3", "version 0", string(Corrupt)},
		{"version 3", "version 99999999999999999999", string(Corrupt)},
		{"published 2026", "published 26", string(Corrupt)},
		{"expires 2026-11-23", "expires 2027-11-23", string(Corrupt)},
		{"expires 2026-11-23", "expires 2026-11-21", string(Corrupt)},
		{"previous 00", "previous ZZ", string(Corrupt)},
		{"lane sha256", "lane sha257", string(UnsupportedVersion)},
		{"lane sha256", "lane md5", string(UnsupportedVersion)},
		{"distance 31", "distance 49", string(Corrupt)},
		{"1 exact ", "1 single-hash ", string(Corrupt)},
		{"65536 second-hash ", "65536 exact ", string(Corrupt)},
		{"65536 second-hash ", "65536  ", string(Corrupt)},
		{"65536 second-hash ", "65536 single-hash ", ""},
		{"lane phash", "lane sha256", string(Corrupt)},
		{"lane sha256 3 ", "lane sha256 0 ", string(Corrupt)},
		{"lane sha256 3 0.00390625", "lane sha256 3 NaN", string(Corrupt)},
		{"lane sha256 3 0.00390625", "lane sha256 3 1.5", string(Corrupt)},
		{"lane sha256 3 0.00390625", "lane sha256 3 0.003906250", string(Corrupt)},
		{"0.00390625 1 ", "0.00390625 1048577 ", string(Corrupt)},
		{"origin example.org/test", "origin example.org/test x", string(Corrupt)},
	} {
		if bad := strings.Replace(good, c[0], c[1], 1); bad == good {
			t.Fatalf("%q is not in %s", c[0], good)
		} else if _, err := parseManifest(bad); c[2] != "" && string(code(err)) != c[2] {
			t.Errorf("%q for %q: got %v, want %s", c[1], c[0], err, c[2])
		}
	}
	for _, bad := range []string{"", "\n", strings.TrimSuffix(good, "\n"), good + "y 1\n", good + "x-\n", good + "\n"} {
		if _, err := parseManifest(bad); code(err) != Corrupt {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestReadManifest(t *testing.T) {
	_, manifest, want, _ := built(t, spec(3))
	m, err := ReadManifest(manifest)
	if err != nil || m.Text() != want.Text() || fmt.Sprint(m.Signers) != "[authority]" {
		t.Errorf("got %+v, %v", m, err)
	}
	for _, bad := range [][]byte{nil, []byte("\n\n"), []byte(want.Text()), make([]byte, MaxManifest+1)} {
		if _, err := ReadManifest(bad); err == nil {
			t.Errorf("%.20q: no error", bad)
		}
	}
}

func FuzzManifest(f *testing.F) {
	_, manifest, m, trust := built(f, spec(3))
	f.Add(manifest)
	f.Add([]byte(m.Text()))
	f.Fuzz(func(t *testing.T, b []byte) {
		OpenManifest(b, trust, now)
		ReadManifest(b)
		if m, err := parseManifest(string(b)); err == nil && !strings.HasPrefix(string(b), m.Text()) {
			t.Errorf("%q is read as %q", b, m.Text())
		}
	})
}
