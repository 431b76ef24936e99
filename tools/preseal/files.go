package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/tools/internal/output"
)

// walk calls do for every file that args name, and for every regular file in the folders among them, in order. What
// cannot be read is reported; then the error, which says nothing more, sets the exit status 1. It ends early if p cannot
// be written to.
func walk(c *cobra.Command, p *output.Printer, args []string, do func(path string) error) error {
	failed := false
	for path, err := range files(args) {
		if err == nil {
			err = do(path)
		}
		if err := c.Context().Err(); err != nil {
			return err
		}
		if err != nil {
			failed = true
			c.PrintErrln("preseal:", message(path, err))
			if errors.Is(err, fs.ErrNotExist) {
				c.PrintErrln("preseal: hint: check the spelling, and quote names with spaces")
			}
		}
		if p.Err() != nil {
			return p.Err()
		}
	}
	if failed {
		return output.Exit(output.StatusError)
	}
	return nil
}

// needFolder fails unless path is a folder.
func needFolder(path, flag string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", output.Name(path))
	}
	return output.Hint(err, "--%s names a folder; list files are given with --list", flag)
}

// needOut fails if path, which --out names, is there and no folder.
func needOut(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", output.Name(path))
	}
	return output.Hint(err, "--out names a folder, which is made if it is not there")
}

// message says what is wrong with a file, once by its name.
func message(path string, err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Sprintf("%s: %v", output.Name(path), err)
}

// files yields the files that args name and those in the folders among them. Symbolic links within a folder are followed
// to files, not to folders.
func files(args []string) func(yield func(string, error) bool) {
	return func(yield func(string, error) bool) {
		for _, arg := range args {
			info, err := os.Stat(arg)
			if err != nil || !info.IsDir() {
				if !yield(arg, err) {
					return
				}
				continue
			}
			err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
				switch {
				case err == nil && d.IsDir():
					return nil
				case err == nil && d.Type()&fs.ModeSymlink != 0:
					var target fs.FileInfo
					if target, err = os.Stat(path); err == nil && target.IsDir() {
						err = errors.New("a link to a folder is not followed")
					}
				}
				if !yield(path, err) {
					return context.Canceled
				}
				return nil
			})
			if err != nil {
				return
			}
		}
	}
}
