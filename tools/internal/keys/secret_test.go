package keys

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func encoded(n byte) string {
	secret := [32]byte{n}
	return base64.StdEncoding.EncodeToString(secret[:])
}

func TestReadServer(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadServer(dir, ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	write(OPRFFile, encoded(1)+"\n")
	k, err := ReadServer(dir, "")
	if err != nil || k.OPRF != [32]byte{1} || len(k.Older) != 0 || k.Signer != "" {
		t.Errorf("one key: %d older, error %v", len(k.Older), err)
	}
	write(OldOPRFFile, encoded(2)+"\n"+encoded(3)+"\n")
	k, err = ReadServer(dir, "")
	if err != nil || k.OPRF != [32]byte{1} || len(k.Older) != 2 || k.Older[0] != [32]byte{2} || k.Older[1] != [32]byte{3} {
		t.Errorf("with older keys: %d older, error %v", len(k.Older), err)
	}
	k, err = ReadServer(dir, encoded(4)+" "+encoded(5))
	if err != nil || k.OPRF != [32]byte{4} || len(k.Older) != 1 || k.Older[0] != [32]byte{5} {
		t.Errorf("from the environment: %d older, error %v", len(k.Older), err)
	}
	secret := encoded(9)
	for name, text := range map[string]string{
		"empty": "\n", "short": secret[:40], "not base64": secret[:43] + "!", "longer": secret[:43] + secret, "too many": strings.Repeat(secret+"\n", maxSecrets+1),
	} {
		write(OldOPRFFile, text)
		_, fromFile := ReadServer(dir, "")
		if err := fromFile; err == nil || strings.Contains(err.Error(), secret[:8]) {
			t.Errorf("%s file: %v", name, err)
		}
		if _, err := ReadServer(dir, text); err == nil || strings.Contains(err.Error(), secret[:8]) {
			t.Errorf("%s variable: %v", name, err)
		}
	}
}

func TestExposed(t *testing.T) {
	dir := t.TempDir()
	k, err := Generate("test")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Write(dir); err != nil {
		t.Fatal(err)
	}
	if got := Exposed(dir); len(got) > 0 {
		t.Errorf("just written, but exposed: %v", got)
	}
	path := filepath.Join(dir, OPRFFile)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if got := Exposed(dir); len(got) != 1 || got[0] != path {
		t.Errorf("exposed: %v, want %s", got, path)
	}
}

func FuzzParseSecrets(f *testing.F) {
	f.Add(encoded(1))
	f.Add(encoded(1) + "\n" + encoded(2) + "\n")
	f.Add("")
	f.Add(strings.Repeat("A ", 100))
	f.Fuzz(func(t *testing.T, text string) {
		secrets, err := parseSecrets(text, "here")
		if err == nil && (len(secrets) == 0 || len(secrets) > maxSecrets) {
			t.Errorf("%d secrets without an error", len(secrets))
		}
		if err != nil && (secrets != nil || len(err.Error()) > 60) {
			t.Errorf("%d secrets and the error %v", len(secrets), err)
		}
	})
}
