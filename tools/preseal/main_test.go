package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/mod/sumdb/note"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/probe"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/testdata/pictures"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/picture"
	"github.com/preseal/preseal/tools/internal/publish"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"preseal": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Values["servers"] = map[string]*exec.Cmd{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit": exit, "draw": draw, "csv": csv, "near": near, "far": far, "interrupt": interrupt, "flip": flip, "forget": forget, "resign": resign, "swap": swap, "age": age, "start": start, "end": end, "get": get,
		},
	})
}

// exit N ARGS… runs preseal, which must end with the exit status N.
func exit(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var e *exec.ExitError
	if err := ts.Exec("preseal", args[1:]...); errors.As(err, &e) {
		got = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// draw FILE KIND SEED draws a picture; KIND is photo, half (of the photo, JPEG quality 50), mirror or flat.
func draw(ts *testscript.TestScript, _ bool, args []string) {
	seed, err := strconv.ParseUint(args[2], 10, 64)
	ts.Check(err)
	const w, h = 640, 480
	var b []byte
	switch args[1] {
	case "photo":
		b = pictures.JPEG(pictures.Photo(seed, w, h), 90)
	case "half":
		b = pictures.JPEG(pictures.Scale(pictures.Photo(seed, w, h), w/2, h/2), 50)
	case "mirror":
		b = pictures.JPEG(pictures.Mirror(pictures.Photo(seed, w, h)), 80)
	case "flat":
		b = pictures.PNG(pictures.Synthetic(8*seed, w, h))
	default:
		ts.Fatalf("cannot draw %s", args[1])
	}
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o644))
}

// csv FILE N writes a list of N hashes.
func csv(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b strings.Builder
	b.WriteString("algorithm,hash,label\n")
	for i := range n {
		sum := sha256.Sum256(fmt.Appendf(nil, "entry %d", i))
		switch i % 3 {
		case 0:
			fmt.Fprintf(&b, "sha256,%x,\n", sum)
		case 1:
			fmt.Fprintf(&b, "phash,%x,\n", sum[:8])
		case 2:
			fmt.Fprintf(&b, "pdq,%x,\n", sum)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o644))
}

// near FILE PICTURE N writes a list of the PDQ hash of a picture, twice but for a high frequency, and of the N pHashes
// that are nearest to its own.
func near(ts *testscript.TestScript, _ bool, args []string) {
	p, err := picture.ReadFile(context.Background(), ts.MkAbs(args[1]))
	ts.Check(err)
	im, err := phash.Of(p.Planes[0])
	ts.Check(err)
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	other := im.PDQ
	other[0] ^= 0x80
	list := fmt.Sprintf("algorithm,hash\npdq,%s\npdq,%s\n", im.PDQ, other)
	for flips := range probe.Likeliest(im.Margins[:], n) {
		list += fmt.Sprintf("phash,%016x\n", uint64(im.PHash)^flips)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(list), 0o644))
}

// far FILE PICTURE writes a list of a PDQ hash that has the key of a picture's and is of another picture.
func far(ts *testscript.TestScript, _ bool, args []string) {
	p, err := picture.ReadFile(context.Background(), ts.MkAbs(args[1]))
	ts.Check(err)
	im, err := phash.Of(p.Planes[0])
	ts.Check(err)
	other := im.PDQ
	for i := range 5 { // the highest frequencies
		other[i] ^= 0xff
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), fmt.Appendf(nil, "algorithm,hash\npdq,%s\n", other), 0o644))
}

// interrupt FILE SIZE ARGS… runs preseal and kills it once a file has that size.
func interrupt(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	cmd := exec.Command("preseal", args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	ts.Check(cmd.Start())
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	for {
		select {
		case <-ended:
			ts.Fatalf("it ended before %s had %d bytes", args[0], size)
		case <-time.After(time.Millisecond):
		}
		if info, err := os.Stat(ts.MkAbs(args[0])); err == nil && info.Size() >= size {
			ts.Check(cmd.Process.Kill())
			<-ended
			return
		}
	}
}

// flip PATTERN changes a bit in the middle of each file that matches.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	names, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(names) == 0 {
		ts.Fatalf("no file matches %s", args[0])
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		ts.Check(err)
		b[len(b)/2] ^= 1
		ts.Check(os.WriteFile(name, b, 0o644))
	}
}

// forget DIR removes the snapshots that the manifest there does not name as its own.
func forget(ts *testscript.TestScript, _ bool, args []string) {
	b, err := publish.ReadManifest(ts.MkAbs(args[0]))
	ts.Check(err)
	m, err := snapshot.ReadManifest(b)
	ts.Check(err)
	for _, d := range m.Deltas {
		ts.Check(os.Remove(filepath.Join(ts.MkAbs(args[0]), snapshot.FileName(d.Source))))
	}
}

// resign DIR KEYS LINE… replaces lines of the manifest in DIR by those with the same key, and signs it anew.
func resign(ts *testscript.TestScript, _ bool, args []string) {
	b, err := publish.ReadManifest(ts.MkAbs(args[0]))
	ts.Check(err)
	text, _, _ := strings.Cut(string(b), "\n\n")
	lines := strings.Split(text+"\n", "\n")
	for _, replacement := range args[2:] {
		key, _, _ := strings.Cut(replacement, " ")
		i := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, key+" ") })
		lines[i] = replacement
	}
	writeSigned(ts, args[0], args[1], strings.Join(lines, "\n"))
}

// swap DIR KEYS exchanges the files of the first two deltas in the manifest, and signs it anew.
func swap(ts *testscript.TestScript, _ bool, args []string) {
	b, err := publish.ReadManifest(ts.MkAbs(args[0]))
	ts.Check(err)
	m, err := snapshot.ReadManifest(b)
	ts.Check(err)
	first := fmt.Sprintf("%x %d\n", m.Deltas[0].Hash, m.Deltas[0].Size)
	second := fmt.Sprintf("%x %d\n", m.Deltas[1].Hash, m.Deltas[1].Size)
	text, _, _ := strings.Cut(string(b), "\n\n")
	writeSigned(ts, args[0], args[1], strings.NewReplacer(first, second, second, first).Replace(text)+"\n")
}

func writeSigned(ts *testscript.TestScript, dir, keyDir, text string) {
	k, err := keys.ReadSigner(ts.MkAbs(keyDir))
	ts.Check(err)
	signer, err := note.NewSigner(k.Signer)
	ts.Check(err)
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(dir), publish.ManifestFile), signed, 0o644))
}

// age DIR DURATION makes the files in DIR older.
func age(ts *testscript.TestScript, _ bool, args []string) {
	by, err := time.ParseDuration(args[1])
	ts.Check(err)
	names, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*"))
	ts.Check(err)
	for _, name := range names {
		info, err := os.Stat(name)
		ts.Check(err)
		ts.Check(os.Chtimes(name, time.Time{}, info.ModTime().Add(-by)))
	}
}

// start VAR ARGS… runs preseal in the background and sets VAR to the first line that it prints.
func start(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command("preseal", args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Value("servers").(map[string]*exec.Cmd)[args[0]] = cmd
	ts.Defer(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	ts.Check(err)
	ts.Setenv(args[0], strings.TrimSpace(line))
}

// end VAR interrupts what start began, which must end well.
func end(ts *testscript.TestScript, _ bool, args []string) {
	cmd := ts.Value("servers").(map[string]*exec.Cmd)[args[0]]
	ts.Check(cmd.Process.Signal(os.Interrupt))
	ts.Check(cmd.Wait())
}

// get STATUS URL makes a request and prints the headers and the body.
func get(ts *testscript.TestScript, _ bool, args []string) {
	r, err := http.Get(args[1])
	ts.Check(err)
	defer r.Body.Close()
	if strconv.Itoa(r.StatusCode) != args[0] {
		ts.Fatalf("GET %s: status %d, want %s", args[1], r.StatusCode, args[0])
	}
	ts.Check(r.Header.Write(ts.Stdout()))
	_, err = io.Copy(ts.Stdout(), r.Body)
	ts.Check(err)
}
