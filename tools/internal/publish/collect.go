package publish

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/outputs"
)

// temporary matches the names of the files of a build that was cut short.
var temporary = regexp.MustCompile(`^\.preseal-[0-9]+$`)

// keyID matches the names of folders of entries.
var keyID = regexp.MustCompile(`^[0-9a-f]{16}$`)

// A Spare is a file of a published folder that is of no use any more, or a folder of entries.
type Spare struct {
	Name  string // from the published folder
	Bytes int64  // of the file, or of all in the folder
}

// Unneeded returns the files in a published folder that its manifest does not name, neither as its own nor as the source
// of a delta, the entries of other keys than the manifest's, and what builds that were cut short have left. Clients cannot
// be in the middle of any of it: the snapshot after it was written before a moment, or it itself if there is none after
// it. It fails if the manifest cannot be read, or the snapshot that it names is not there as it was published: the folder
// may be in the middle of a change then, or something is wrong with it.
func Unneeded(dir string, before time.Time) ([]Spare, error) {
	manifest, err := ReadManifest(dir)
	if err == nil && manifest == nil {
		err = fmt.Errorf("%s: %w", filepath.Join(dir, ManifestFile), fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	m, err := snapshot.ReadManifest(manifest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, ManifestFile), err)
	}
	if _, err := readNamed(dir, m.FileName(), m.Hash); err != nil {
		return nil, err
	}
	needed := []string{m.FileName(), m.ChunksName()}
	for _, d := range m.Deltas {
		needed = append(needed, d.FileName(), snapshot.FileName(d.Source))
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var spare []fs.FileInfo
	var built []time.Time // when snapshots were written
	for _, e := range files {
		if !Named(e.Name()) && !temporary.MatchString(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(e.Name(), ".snap") {
			built = append(built, info.ModTime())
		}
		if info.Mode().IsRegular() && !slices.Contains(needed, e.Name()) {
			spare = append(spare, info)
		}
	}
	slices.SortFunc(built, time.Time.Compare)
	over := func(last time.Time) bool {
		if i := slices.IndexFunc(built, func(t time.Time) bool { return t.After(last) }); i >= 0 {
			last = built[i]
		}
		return last.Before(before)
	}
	var unneeded []Spare
	for _, info := range spare {
		if over(info.ModTime()) {
			unneeded = append(unneeded, Spare{info.Name(), info.Size()})
		}
	}
	entries, err := unneededEntries(dir, m, over)
	return append(unneeded, entries...), err
}

// unneededEntries returns the folders of entries of other keys. Publishing sets the date of the one that it publishes to.
func unneededEntries(dir string, m *snapshot.Manifest, over func(time.Time) bool) (unneeded []Spare, err error) {
	folders, err := os.ReadDir(filepath.Join(dir, outputs.EntriesDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, f := range folders {
		if !f.IsDir() || !keyID.MatchString(f.Name()) || m.OPRF != nil && f.Name() == hex.EncodeToString(m.OPRF.KeyID[:]) {
			continue
		}
		info, err := f.Info()
		if err != nil {
			return nil, err
		}
		if !over(info.ModTime()) {
			continue
		}
		s := Spare{Name: filepath.Join(outputs.EntriesDir, f.Name())}
		buckets, err := os.ReadDir(filepath.Join(dir, s.Name))
		if err != nil {
			return nil, err
		}
		for _, b := range buckets {
			if info, err := b.Info(); err == nil {
				s.Bytes += info.Size()
			}
		}
		unneeded = append(unneeded, s)
	}
	return unneeded, err
}
