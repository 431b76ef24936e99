package snapshot

import (
	"fmt"
	"strings"
	"testing"
)

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
		{"lane sha256 3 3 ", "lane sha256 7 3 ", string(Corrupt)}, // more than twice the capacity
		{"lane sha256 3 3 ", "lane sha256 3 4294967297 ", string(Corrupt)},
		{"lane sha256 3 3 ", "lane sha256 3 0 ", string(Corrupt)},
		{"lane sha256 3 3 0.00390625", "lane sha256 3 3 NaN", string(Corrupt)},
		{"lane sha256 3 3 0.00390625", "lane sha256 3 3 1.5", string(Corrupt)},
		{"lane sha256 3 3 0.00390625", "lane sha256 3 3 0.003906250", string(Corrupt)},
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
	if err != nil || m.Text() != want.Text() || fmt.Sprint(m.Signers) != "[{authority }]" {
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
