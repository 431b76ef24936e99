package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/tools/internal/demo"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/server"
)

func newDemo() *cobra.Command {
	var address, root, samples string
	var count int
	c := &cobra.Command{
		Use:   "demo",
		Short: "Serve the demo page with a small list of its own",
		Long: `Demo generates sample pictures and new keys, builds a list of some of the pictures and 5,000 other entries per lane,
and serves it with the demo page, a relay for ciphertext and, below /faults/, broken variants of everything. Two keys sign
the list, as its authority and its auditor; the page can have further samples added to it, each in a version of its own. It
prints the page's address as one line. Nothing of it is kept when it ends.

With --samples it only writes the sample pictures to a folder, or with --count that many generated photographs.`,
		Example: `  preseal demo
  preseal demo --listen 127.0.0.1:0 --root ~/preseal
  preseal demo --samples pictures --count 100`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case count < 0 || count > 10_000:
				return output.Usage(output.Hint(fmt.Errorf("--count %d is not 1 to 10,000", count), "for example --samples pictures --count 100"))
			case count > 0 && samples == "":
				return output.Usage(output.Hint(errors.New("--count needs --samples"), "for example --samples pictures --count 100"))
			case samples != "":
				return writeSamples(c, samples, count)
			}
			return serveDemo(c, address, root)
		},
	}
	f := c.Flags()
	f.StringVar(&address, "listen", "127.0.0.1:8080", "address to listen on; port 0 takes a free one")
	f.StringVar(&root, "root", ".", "folder with index.html and the built js/dist")
	f.StringVar(&samples, "samples", "", "write the sample pictures to this folder and exit")
	f.IntVar(&count, "count", 0, "write this many generated photographs instead of the samples")
	complete(c, []string{"root", "samples"}, nil)
	return c
}

func serveDemo(c *cobra.Command, address, rootDir string) error {
	// First what may be wrong, then what takes time.
	l, err := listen(address)
	if err != nil {
		return err
	}
	defer l.Close()
	root, err := os.OpenRoot(rootDir)
	if err != nil {
		return output.Hint(err, "--root names the folder of the project")
	}
	defer root.Close()
	dir, err := os.MkdirTemp("", "preseal-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	problem(c, "drawing pictures and building their list…")
	h, err := demo.Handler(c.Context(), root, dir, c.ErrOrStderr(), time.Now())
	if errors.Is(err, demo.ErrNotBuilt) {
		return output.Hint(err, "run make demo in the folder of the project, or name that folder with --root")
	}
	if err != nil {
		return err
	}
	p := printer(c)
	p.Record(map[string]string{"url": server.URL(l)}, server.URL(l))
	if p.Err() != nil {
		return p.Err()
	}
	return server.Run(c.Context(), l, h, c.ErrOrStderr())
}

func writeSamples(c *cobra.Command, dir string, count int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	p, progress := printer(c), output.NewProgress(c.ErrOrStderr())
	defer progress.Clear()
	done := 0
	write := func(name string, file []byte) error {
		if err := c.Context().Err(); err != nil {
			return err
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, file, 0o644); err != nil {
			return err
		}
		done++
		progress.Update("pictures", int64(done), int64(count))
		p.Record(map[string]string{"file": path}, path)
		return p.Err()
	}
	if count > 0 {
		return demo.Photographs(count, write)
	}
	for _, s := range demo.Samples() {
		if err := write(s.File, s.Bytes); err != nil {
			return err
		}
	}
	return nil
}
