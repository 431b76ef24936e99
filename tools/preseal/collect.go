package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/picture"
)

// collect reads the lists and images into set. What is rejected is reported and counted; the error is about what cannot
// be read at all.
func (o *buildOptions) collect(c *cobra.Command, set *list.Set) error {
	progress := output.NewProgress(c.ErrOrStderr())
	defer progress.Clear()
	for _, path := range o.lists {
		if err := o.readList(c, progress, path, set); err != nil {
			return err
		}
	}
	if o.images == "" {
		return nil
	}
	if info, err := os.Stat(o.images); err != nil || !info.IsDir() {
		if err == nil {
			err = fmt.Errorf("%s is not a folder", o.images)
		}
		return output.Hint(err, "--images names a folder; list files are given with --list")
	}
	var paths []string
	for path, err := range files([]string{o.images}) {
		if err != nil {
			o.reject(c, progress, message(path, err))
			continue
		}
		paths = append(paths, path)
	}
	for i, path := range paths {
		progress.Update("images", int64(i), int64(len(paths)))
		if err := o.readImage(c, progress, path, set); err != nil {
			return err
		}
	}
	return nil
}

func (o *buildOptions) reject(c *cobra.Command, progress *output.Progress, text string) {
	o.rejected++
	progress.Clear()
	fmt.Fprintln(c.ErrOrStderr(), text)
}

func (o *buildOptions) readList(c *cobra.Command, progress *output.Progress, path string, set *list.Set) error {
	f, err := os.Open(path)
	if err != nil {
		return output.Hint(err, "--list names a CSV or newline-delimited JSON file")
	}
	defer f.Close()
	name := output.Name(path)
	err = list.Read(&interruptible{c, f}, list.Handler{
		Entry: func(line int, lane snapshot.Lane, key []byte) {
			set.Add(lane, key)
			progress.Update(name+": line", int64(line), 0)
		},
		Reject: func(line int, reason error) {
			o.reject(c, progress, fmt.Sprintf("%s:%d: %v", name, line, reason))
		},
	})
	if errors.Is(err, list.ErrNoHeader) {
		return output.Hint(fmt.Errorf("%s is %w", name, err), "the first line of a CSV list is: algorithm,hash,label")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// interruptible ends reading when the command is interrupted.
type interruptible struct {
	c *cobra.Command
	r io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.c.Context().Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

func (o *buildOptions) readImage(c *cobra.Command, progress *output.Progress, path string, set *list.Set) error {
	name := output.Name(path)
	p, err := picture.ReadFile(c.Context(), path)
	switch {
	case c.Context().Err() != nil:
		return c.Context().Err()
	case err != nil:
		o.reject(c, progress, message(filepath.Clean(path), err))
		return nil
	case p.Reason != "":
		o.reject(c, progress, fmt.Sprintf("%s: %v", name, p.Detail))
		return nil
	}
	im, err := phash.Of(p.Planes[0])
	if err != nil {
		o.reject(c, progress, fmt.Sprintf("%s: %v", name, err))
		return nil
	}
	set.Add(snapshot.SHA256, p.SHA256[:])
	if im.Featureless() || list.Degenerate(im.PHash) {
		o.digestOnly++
		o.reject(c, progress, fmt.Sprintf("%s: too little structure for a phash (quality %d, at least %d): listed by its sha256 alone",
			name, im.Quality, phash.MinQuality))
		return nil
	}
	set.Add(snapshot.PHash, list.PHashKey(im.PHash))
	return nil
}
