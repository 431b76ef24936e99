package publish

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/preseal/preseal/matcher/snapshot"
)

// temporary matches the names of the files of a build that was cut short.
var temporary = regexp.MustCompile(`^\.preseal-[0-9]+$`)

// Unneeded returns the files in a published folder that its manifest does not name, neither as its own nor as the source
// of a delta, and that clients cannot be in the middle of any more: the snapshot after them was written before a moment,
// or they themselves if there is none after them. It fails if the manifest cannot be read, or the snapshot that it names
// is not there as it was published: the folder may be in the middle of a change then, or something is wrong with it.
func Unneeded(dir string, before time.Time) ([]fs.FileInfo, error) {
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
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var spare []fs.FileInfo
	var built []time.Time // when snapshots were written
	for _, e := range entries {
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
	return slices.DeleteFunc(spare, func(info fs.FileInfo) bool {
		replaced := info.ModTime()
		if i := slices.IndexFunc(built, func(t time.Time) bool { return t.After(replaced) }); i >= 0 {
			replaced = built[i]
		}
		return !replaced.Before(before)
	}), nil
}
