package corpus

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Fetch downloads the packages that are not there yet, with the machine's own
// apt, and prepares their pictures. It needs no privileges. A package that
// cannot be had is named on log and left out: the manifest tells what there is.
func Fetch(ctx context.Context, dir string, log io.Writer) (*Corpus, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	c := &Corpus{Dir: dir}
	for _, w := range wishes() {
		p, err := c.fetch(ctx, w.name)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(log, "left out %s: %v\n", w.name, err)
			continue
		}
		c.Packages = append(c.Packages, p)
		files, err := w.files(filepath.Join(dir, "packages", w.name))
		if err != nil {
			return nil, err
		}
		before := len(c.Pictures)
		for _, file := range files {
			pictures, err := c.prepare(w.name, file)
			if err != nil {
				return nil, fmt.Errorf("prepare %s: %w", file, err)
			}
			c.Pictures = append(c.Pictures, pictures...)
		}
		fmt.Fprintf(log, "%s %s: %d pictures\n", p.Name, p.Version, len(c.Pictures)-before)
	}
	if len(c.Pictures) == 0 {
		return nil, ErrNone
	}
	return c, c.write()
}

// fetch downloads and unpacks one package, unless that has been done.
func (c *Corpus) fetch(ctx context.Context, name string) (Package, error) {
	debs, target := filepath.Join(c.Dir, "debs"), filepath.Join(c.Dir, "packages", name)
	for _, dir := range []string{debs, filepath.Dir(target)} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return Package{}, err
		}
	}
	deb := func() string {
		found, _ := filepath.Glob(filepath.Join(debs, name+"_*.deb"))
		if len(found) == 0 {
			return ""
		}
		return found[0]
	}
	if deb() == "" {
		if err := c.download(ctx, debs, name); err != nil {
			return Package{}, err
		}
	}
	file := deb()
	if _, err := os.Stat(target); err != nil {
		// A half unpacked package must not look like a whole one.
		if _, err := run(ctx, "", "dpkg-deb", "-x", file, target+".part"); err != nil {
			return Package{}, err
		}
		if err := os.Rename(target+".part", target); err != nil {
			return Package{}, err
		}
	}
	version, err := run(ctx, "", "dpkg-deb", "-f", file, "Version")
	if err != nil {
		return Package{}, err
	}
	f, err := os.Open(file)
	if err != nil {
		return Package{}, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return Package{}, err
	}
	return Package{name, strings.TrimSpace(version), fmt.Sprintf("%x", h.Sum(nil))}, nil
}

// download asks the machine's package lists, and if they don't know the
// package, lists of its own: those can be renewed without being root.
func (c *Corpus) download(ctx context.Context, debs, name string) error {
	if _, err := run(ctx, debs, "apt-get", "download", name); err == nil {
		return nil
	}
	lists := filepath.Join(c.Dir, "lists")
	own := []string{"-o", "Dir::State::lists=" + lists, "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="}
	if _, err := os.Stat(lists); err != nil {
		if err := os.MkdirAll(filepath.Join(lists, "partial"), 0o777); err != nil {
			return err
		}
		if _, err := run(ctx, debs, "apt-get", append(own, "update")...); err != nil {
			return err
		}
	}
	_, err := run(ctx, debs, "apt-get", append(own, "download", name)...)
	return err
}

func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		last := stderr.String()
		if lines := strings.Split(strings.TrimSpace(last), "\n"); len(lines) > 0 {
			last = lines[len(lines)-1]
		}
		return "", fmt.Errorf("%s %s: %w: %.200s", name, args[0], err, last)
	}
	return string(out), nil
}
