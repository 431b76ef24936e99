// Package vectors reads the files below testdata/vectors, which the tests in
// Go, in Go compiled to WebAssembly and in JavaScript share. With the flag
// -update, which only some tests obey, Check writes them anew.
package vectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/vectors anew")

// Check compares what this implementation makes with a vector file, byte for
// byte. up is the way from the test's package to the module's root.
func Check(t testing.TB, up, name string, got any) {
	t.Helper()
	b, err := json.MarshalIndent(got, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	path := filepath.Join(up, "testdata", "vectors", name)
	if *update {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, want) {
		t.Errorf("%s differs from what this implementation makes:\n%.2000s", path, b)
	}
}

// Read reads a vector file into v. It leaves v as it is if the file is about to
// be written for the first time.
func Read(t testing.TB, up, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(up, "testdata", "vectors", name))
	if *update && errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
