package matcher_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/preseal/preseal"

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func goList(t *testing.T, args ...string) []pkg {
	t.Helper()
	if runtime.GOOS == "js" {
		t.Skip("needs the go command")
	}
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// The library has no transport, no clock, no files and no chance of its own.
func TestLibraryIsPure(t *testing.T) {
	own := 0
	for _, p := range goList(t, "-deps", ".", "./media/stills", "./snapshot/zstd", "./confirm/voprf") {
		if slices.Contains([]string{"net", "net/http", "os/exec", "syscall/js", module + "/wasm"}, p.ImportPath) || strings.HasPrefix(p.ImportPath, module+"/tools") {
			t.Errorf("the library depends on %s", p.ImportPath)
		}
		if !strings.HasPrefix(p.ImportPath, module) {
			continue
		}
		own++
		for _, banned := range []string{"os", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "io/ioutil"} {
			if slices.Contains(p.Imports, banned) {
				t.Errorf("%s imports %s", p.ImportPath, banned)
			}
		}
	}
	if own != 10 {
		t.Errorf("looked at %d packages of the library, want 10", own)
	}
	clock := regexp.MustCompile(`\btime\.(Now|Since|Until|After|AfterFunc|Sleep|Tick|NewTimer|NewTicker)\b`)
	read := 0
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		read++
		source, err := os.ReadFile(path)
		if clock.Match(source) {
			t.Errorf("%s has a clock", path)
		}
		return err
	})
	if err != nil || read < 10 {
		t.Errorf("looked at %d files: %v", read, err)
	}
}

// The engine must not carry goimagehash's root package, which pulls in
// encoding/gob, nor any picture decoder, nor compression, which few lists need, nor
// the arithmetic of the private confirmation, which JavaScript has a tenth of the size.
func TestEngineIsSmall(t *testing.T) {
	t.Setenv("GOOS", "js")
	t.Setenv("GOARCH", "wasm")
	for _, p := range goList(t, "../wasm") {
		for _, banned := range []string{"github.com/corona10/goimagehash", "encoding/gob", "net/http", "log", "context", "image/jpeg", "image/png", "image/gif"} {
			if slices.Contains(p.Deps, banned) {
				t.Errorf("the engine depends on %s", banned)
			}
		}
		for _, dep := range p.Deps {
			for _, banned := range []string{"github.com/cloudflare/circl/", "github.com/klauspost/", module + "/matcher/confirm/"} {
				if strings.HasPrefix(dep, banned) {
					t.Errorf("the engine depends on %s", dep)
				}
			}
		}
	}
}

// Imports run one way: packages of one layer know those below it only.
func TestImportsRunOneWay(t *testing.T) {
	below := map[string][]string{
		"internal/halves": {},
		"phash":           {"internal/halves"},
		"probe":           {},
		"snapshot":        {"phash"},
		"snapshot/zstd":   {},
		"media":           {"internal/halves", "phash"},
		"media/stills":    {"phash", "media"},
		"confirm":         {"phash", "snapshot"},
		"confirm/voprf":   {"phash", "confirm"},
	}
	for name, allowed := range below {
		for _, p := range goList(t, "./"+name) {
			for _, i := range p.Imports {
				if rest, own := strings.CutPrefix(i, module+"/matcher/"); own && !slices.Contains(allowed, rest) {
					t.Errorf("%s imports %s", name, rest)
				}
			}
		}
	}
}
