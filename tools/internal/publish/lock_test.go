//go:build unix

package publish

import (
	"errors"
	"testing"
)

func TestLock(t *testing.T) {
	dir := t.TempDir() + "/lists"
	release, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("a second one has the folder: %v", err)
	}
	release()
	release, err = Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	release()
}
