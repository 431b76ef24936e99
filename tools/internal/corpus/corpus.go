// Package corpus fetches and opens the photographs with which recall is
// measured. They come from Debian packages, are unpacked into a folder that is
// no part of the repository, and are installed nowhere.
//
// The folder holds packages/NAME, a package's files; pictures, what was made
// smaller or cut out of them; and MANIFEST, a line for each package with its
// version and digest and a line for each picture.
package corpus

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

//go:embed packages.txt
var packages string

// The sets of pictures.
const (
	Whole = "whole" // photographs as they are
	Crops = "crops" // disjoint parts of large photographs, at full size
)

// A Picture is one base image.
type Picture struct {
	Name  string // unique, fit for a file name
	Set   string // Whole or Crops
	Photo string // what it was made from: pictures of one photo are related
	File  string
}

// A Package is where pictures came from.
type Package struct{ Name, Version, SHA256 string }

// A Corpus is what a folder holds.
type Corpus struct {
	Dir      string
	Packages []Package
	Pictures []Picture
}

// ErrNone says that there is no corpus in the folder.
var ErrNone = errors.New("no photographs")

// Open reads the folder's manifest.
func Open(dir string) (*Corpus, error) {
	f, err := os.Open(filepath.Join(dir, "MANIFEST"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNone, dir)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.FieldsPerRecord = '\t', -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the manifest of %s: %w", dir, err)
	}
	c := &Corpus{Dir: dir}
	for _, row := range rows {
		switch {
		case len(row) == 4 && row[0] == "package":
			c.Packages = append(c.Packages, Package{row[1], row[2], row[3]})
		case len(row) == 5 && row[0] == "picture":
			c.Pictures = append(c.Pictures, Picture{row[1], row[2], row[3], filepath.Join(dir, row[4])})
		default:
			return nil, fmt.Errorf("read the manifest of %s: %q is neither a package nor a picture", dir, row)
		}
	}
	return c, nil
}

func (c *Corpus) write() error {
	f, err := os.Create(filepath.Join(c.Dir, "MANIFEST"))
	if err != nil {
		return err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	w.Comma = '\t'
	for _, p := range c.Packages {
		w.Write([]string{"package", p.Name, p.Version, p.SHA256})
	}
	for _, p := range c.Pictures {
		file, err := filepath.Rel(c.Dir, p.File)
		if err != nil {
			return err
		}
		w.Write([]string{"picture", p.Name, p.Set, p.Photo, filepath.ToSlash(file)})
	}
	w.Flush()
	return errors.Join(w.Error(), f.Close())
}

// Program returns the path of a program that prints its -version: the one that
// was unpacked, if the machine has the libraries it needs, or the machine's
// own. It is "" if there is none.
func (c *Corpus) Program(name string) string {
	found, _ := filepath.Glob(filepath.Join(c.Dir, "packages", "*", "usr", "bin", name))
	if own, err := exec.LookPath(name); err == nil {
		found = append(found, own)
	}
	for _, file := range found {
		if exec.Command(file, "-version").Run() == nil {
			return file
		}
	}
	return ""
}

// A wish is a line of packages.txt.
type wish struct {
	name     string
	patterns []string
	without  []string
}

func wishes() (out []wish) {
	for line := range strings.Lines(packages) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		w := wish{name: words[0]}
		for _, word := range words[1:] {
			if name, not := strings.CutPrefix(word, "!"); not {
				w.without = append(w.without, name)
			} else {
				w.patterns = append(w.patterns, word)
			}
		}
		out = append(out, w)
	}
	return out
}

// files lists the pictures that the unpacked package gives.
func (w wish) files(root string) (out []string, err error) {
	for _, pattern := range w.patterns {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
	next:
		for _, file := range found {
			for _, name := range w.without {
				if no, _ := path.Match(name, filepath.Base(file)); no {
					continue next
				}
			}
			out = append(out, file)
		}
	}
	return out, nil
}
