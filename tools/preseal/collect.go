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
	for _, path := range o.lists {
		if err := o.readList(c, path, set); err != nil {
			return err
		}
	}
	if o.images == "" {
		return nil
	}
	if err := needFolder(o.images, "images"); err != nil {
		return err
	}
	var paths []string
	for path, err := range files([]string{o.images}) {
		if err != nil {
			o.reject(c, message(path, err))
			continue
		}
		paths = append(paths, path)
	}
	for i, path := range paths {
		o.progress.Update("images", int64(i), int64(len(paths)))
		if err := o.readImage(c, path, set); err != nil {
			return err
		}
	}
	return nil
}

// source gives a file a number for list.Place.
func (o *buildOptions) source(path string, image bool) uint32 {
	o.sources = append(o.sources, source{path, image})
	return uint32(len(o.sources)) // 0 is no place
}

// A source is a file that entries are from: a list, or an image. A list's places have lines; an image's have the number
// of the augmentation, 0 for the image as it is.
type source struct {
	path  string
	image bool
}

// place names where a hash is from.
func (o *buildOptions) place(p list.Place) string {
	if p.Source == 0 {
		return "the list"
	}
	s := o.sources[p.Source-1]
	name := output.Name(s.path)
	switch {
	case p.Line == 0:
		return name
	case s.image:
		return fmt.Sprintf("%s, %s", name, picture.Augmentations[p.Line-1].Name)
	}
	return fmt.Sprintf("%s:%d", name, p.Line)
}

func (o *buildOptions) reject(c *cobra.Command, text string) {
	o.rejected++
	fmt.Fprintln(c.ErrOrStderr(), text)
}

func (o *buildOptions) readList(c *cobra.Command, path string, set *list.Set) error {
	source := o.source(path, false)
	f, err := os.Open(path)
	if err != nil {
		return output.Hint(err, "--list names a CSV or newline-delimited JSON file")
	}
	defer f.Close()
	name := output.Name(path)
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return output.Hint(fmt.Errorf("%s is a directory", name), "a folder of images is given with --images; --list names a file")
	}
	err = list.Read(&interruptible{c, f}, list.Handler{
		Entry: func(line int, lane snapshot.Lane, hash []byte, label string) {
			if lane != snapshot.SHA256 {
				o.fromHashes++
			}
			set.AddLabelled(lane, hash, label, list.Place{Source: source, Line: uint32(line)})
			o.progress.Update(name+": line", int64(line), 0)
		},
		Reject: func(line int, reason error) {
			o.progress.Clear()
			o.reject(c, fmt.Sprintf("%s:%d: %v", name, line, reason))
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

func (o *buildOptions) readImage(c *cobra.Command, path string, set *list.Set) error {
	reject := func(format string, args ...any) {
		o.progress.Clear()
		o.reject(c, fmt.Sprintf(format, args...))
	}
	name := output.Name(path)
	p, err := picture.ReadFile(c.Context(), path)
	switch {
	case c.Context().Err() != nil:
		return c.Context().Err()
	case err != nil:
		reject("%s", message(filepath.Clean(path), err))
		return nil
	case p.Reason != "":
		reject("%s: %v", name, p.Detail)
		return nil
	}
	im, err := phash.Of(p.Planes[0])
	if err != nil {
		reject("%s: %v", name, err)
		return nil
	}
	from := list.Place{Source: o.source(path, true)}
	set.AddFrom(snapshot.SHA256, p.SHA256[:], from)
	why := picture.Featureless(im)
	if why == "" && list.Degenerate(snapshot.PDQ, im.PDQ[:]) {
		why = "its pdq is that of flat pictures"
	}
	if why != "" {
		o.digestOnly++
		reject("%s: %s: listed by its sha256 alone", name, why)
		return nil
	}
	if !set.AddPicture(im, from) {
		reject("%s: the phash %s is that of flat pictures: listed without it", name, im.PHash)
	}
	if o.augmenter != nil {
		return o.augmenter.see(p.Planes[0], from.Source)
	}
	return nil
}
