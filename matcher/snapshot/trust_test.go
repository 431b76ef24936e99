package snapshot

import (
	"bytes"
	"encoding/base64"
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
	other := spec(3)
	other.Published = other.Published.Add(time.Second)
	_, twin, err := Build(other) // the same version, another text
	if err != nil {
		t.Fatal(err)
	}
	authority, authorityKey := newKey(t, 1, "authority")
	auditor, auditorKey := newKey(t, 2, "auditor")
	stranger, strangerKey := newKey(t, 3, "authority")
	deputy, deputyKey := newKey(t, 4, "deputy")
	one, both := Trusted(authorityKey), Trusted(authorityKey, auditorKey)
	deputies := []Role{{Authority, []string{authorityKey, deputyKey}}, {Auditor, []string{auditorKey}}}
	sign := func(signers ...note.Signer) []byte {
		b, err := Sign(m, signers...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	seen := func(version uint64, hash [32]byte) Trust {
		return Trust{Roles: one, Seen: Mark{version, hash}}
	}
	for _, c := range []struct {
		name     string
		manifest []byte
		trust    Trust
		at       time.Time
		want     Code
	}{
		{"one of one", sign(authority), Trust{Roles: one}, now, ""},
		{"one of two", sign(auditor), Trust{Roles: both, Threshold: 1}, now, ""},
		{"two of two", sign(authority, auditor), Trust{Roles: both}, now, ""},
		{"two, and a stranger", sign(stranger, authority, auditor), Trust{Roles: both}, now, ""},
		{"either key of a role", sign(deputy, auditor), Trust{Roles: deputies}, now, ""},
		{"both keys of a role", sign(authority, deputy, auditor), Trust{Roles: deputies}, now, ""},
		{"pinned", sign(authority), Trust{Roles: one, Origin: "example.org/test", Purpose: DefaultPurpose, MinVersion: 3}, now, ""},
		{"one where two must", sign(authority), Trust{Roles: both}, now, Untrusted},
		{"one key twice", sign(authority, authority), Trust{Roles: both}, now, Untrusted},
		{"two keys of one role", sign(authority, deputy), Trust{Roles: deputies}, now, Untrusted},
		{"unsigned", []byte(m.Text()), Trust{Roles: both}, now, Untrusted},
		{"no signature", []byte(m.Text() + "\n"), Trust{Roles: both}, now, Untrusted},
		{"a stranger of the same name", sign(stranger), Trust{Roles: one}, now, Untrusted},
		{"a stranger and the auditor", sign(stranger, auditor), Trust{Roles: both}, now, Untrusted},
		{"a stranger's key trusted", sign(authority), Trust{Roles: Trusted(strangerKey)}, now, Untrusted},
		{"empty", nil, Trust{Roles: one}, now, Untrusted},
		{"too large", bytes.Repeat([]byte("x"), MaxManifest+1), Trust{Roles: one}, now, TooLarge},
		{"another origin", sign(authority), Trust{Roles: one, Origin: "example.org/other"}, now, WrongOrigin},
		{"another purpose", sign(authority), Trust{Roles: one, Purpose: "copyright"}, now, WrongPurpose},
		{"below the floor", sign(authority), Trust{Roles: one, MinVersion: 4}, now, RolledBack},
		{"older than seen", sign(authority), seen(4, [32]byte{}), now, RolledBack},
		{"seen before", sign(authority), seen(3, m.Mark().Hash), now, ""},
		{"seen otherwise", sign(authority), seen(3, twin.Mark().Hash), now, Conflicting},
		{"continues what was seen", sign(authority), seen(2, m.Previous), now, ""},
		{"continues something else", sign(authority), seen(2, [32]byte{1}), now, BrokenChain},
		{"one was missed", sign(authority), seen(1, [32]byte{1}), now, ""},
		{"a little early", sign(authority), Trust{Roles: one}, now.Add(-9 * time.Minute), ""},
		{"not yet valid", sign(authority), Trust{Roles: one}, now.Add(-11 * time.Minute), NotYetValid},
		{"last moment", sign(authority), Trust{Roles: one}, now.Add(24 * time.Hour), ""},
		{"expired", sign(authority), Trust{Roles: one}, now.Add(24*time.Hour + time.Second), Expired},
		{"clock at zero", sign(authority), Trust{Roles: one}, time.Unix(0, 0), NotYetValid},
		{"clock a century ahead", sign(authority), Trust{Roles: one}, now.AddDate(100, 0, 0), Expired},
	} {
		_, err := OpenManifest(c.manifest, c.trust, c.at)
		if c.want == "" && err != nil || c.want != "" && code(err) != c.want {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	for name, trust := range map[string]Trust{
		"no roles":             {},
		"malformed key":        {Roles: Trusted("authority+12345678+x")},
		"key twice":            {Roles: Trusted(authorityKey, authorityKey)},
		"key of two names":     {Roles: Trusted(authorityKey, renamed(t, authorityKey))},
		"key twice in a role":  {Roles: []Role{{Authority, []string{authorityKey, authorityKey}}}},
		"role twice":           {Roles: []Role{{Authority, []string{authorityKey}}, {Authority, []string{auditorKey}}}},
		"role without a key":   {Roles: []Role{{Authority, nil}}},
		"threshold over roles": {Roles: both, Threshold: 3},
		"negative threshold":   {Roles: both, Threshold: -1},
	} {
		if _, err := OpenManifest(sign(authority), trust, now); err == nil || !strings.HasPrefix(string(code(err)), "no code") {
			t.Errorf("%s: got %v, want an error without a code", name, err)
		}
	}
}

// renamed is a verifier key with another name.
func renamed(t *testing.T, key string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(key, "+", 3)[2])
	if err != nil {
		t.Fatal(err)
	}
	other, err := note.NewEd25519VerifierKey("another", raw[1:])
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// Who signs later does not change what was signed.
// The last character of a signature has two bits that stand for nothing.
func TestSignaturesHaveOneSpelling(t *testing.T) {
	_, m, err := Build(spec(3))
	if err != nil {
		t.Fatal(err)
	}
	authority, key := newKey(t, 1, "authority")
	signed, err := Sign(m, authority)
	if err != nil {
		t.Fatal(err)
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := len(signed) - len("=\n") - 1
	value := strings.IndexByte(digits, signed[last])
	for spare := range 4 {
		signed[last] = digits[value+spare]
		_, err := OpenManifest(signed, Trust{Roles: Trusted(key)}, now)
		if (err == nil) != (spare == 0) {
			t.Errorf("%q at the end: %v", digits[value+spare], err)
		}
	}
}

func TestMarkIsOfTheText(t *testing.T) {
	_, m, err := Build(spec(3))
	if err != nil {
		t.Fatal(err)
	}
	authority, authorityKey := newKey(t, 1, "authority")
	auditor, _ := newKey(t, 2, "auditor")
	for _, signers := range [][]note.Signer{{authority}, {authority, auditor}} {
		b, err := Sign(m, signers...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenManifest(b, Trust{Roles: Trusted(authorityKey)}, now)
		if err != nil || got.Mark() != m.Mark() {
			t.Errorf("%d signers: mark %x, %v, want %x", len(signers), got.Mark(), err, m.Mark())
		}
	}
}
