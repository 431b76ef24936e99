package keys

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestRotate(t *testing.T) {
	dir := t.TempDir()
	if _, err := Rotate(dir); err == nil {
		t.Error("no error for a folder without keys")
	}
	k, err := Generate("test")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Write(dir); err != nil {
		t.Fatal(err)
	}
	want := [][32]byte{k.OPRF}
	for range 9 {
		key, err := Rotate(dir)
		if err != nil || slices.Contains(want, key) || key == [32]byte{} {
			t.Fatalf("key %x after %d others, error %v", key, len(want), err)
		}
		want = append([][32]byte{key}, want...)
		s, err := ReadServer(dir, "")
		if err != nil || s.OPRF != key || !slices.Equal(s.Older, want[1:min(len(want), maxSecrets)]) {
			t.Fatalf("key %x and %d older, error %v", s.OPRF, len(s.Older), err)
		}
		if b, err := Read(dir); err != nil || b.OPRF != key || b.Verifier != k.Verifier {
			t.Fatalf("a builder reads key %x, error %v", b.OPRF, err)
		}
	}
	if exposed := Exposed(dir); len(exposed) > 0 {
		t.Errorf("others can read %v", exposed)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	// Cut short between the two files, it does not lose a key or keep one twice.
	old, err := os.ReadFile(filepath.Join(dir, OPRFFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, OldOPRFFile), old, 0o600); err != nil {
		t.Fatal(err)
	}
	before := want[0]
	if _, err := Rotate(dir); err != nil {
		t.Fatal(err)
	}
	if s, err := ReadServer(dir, ""); err != nil || len(s.Older) != 1 || s.Older[0] != before {
		t.Errorf("%d older keys, error %v", len(s.Older), err)
	}
}
