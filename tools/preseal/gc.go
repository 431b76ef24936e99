package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/publish"
)

// removalRecord is one line of preseal gc --json.
type removalRecord struct {
	File    string `json:"file"`
	Bytes   int64  `json:"bytes"`
	Removed bool   `json:"removed"` // false with --dry-run
}

func newGC() *cobra.Command {
	var grace time.Duration
	var dry bool
	c := &cobra.Command{
		Use:   "gc DIR",
		Short: "Remove what the manifest of a snapshot no longer names",
		Long: `Gc removes the snapshots, chunks and deltas from a folder that its manifest names neither as its own nor as the source
of a delta, the entries of OPRF keys before the manifest's, and what a build that was cut short left there. It prints
what it removes.

Clients may be in the middle of a file when the next version is published. So files stay until a later snapshot is as old
as --grace, which should be more than what caches keep a manifest for (preseal serve --max-age), and, after preseal
rotate, than the time for which servers keep the older key. Other files are never touched, and nothing is if the
manifest or its snapshot cannot be read.`,
		Example: `  preseal gc site/lists
  preseal gc site/lists --grace 48h --dry-run`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if grace < 0 {
				return output.Usage(output.Hint(fmt.Errorf("--grace %s is less than nothing", grace), "for example --grace 24h"))
			}
			return collectGarbage(c, args[0], grace, dry)
		},
	}
	c.Flags().DurationVar(&grace, "grace", 24*time.Hour, "how long files stay after the version that replaces them")
	c.Flags().BoolVar(&dry, "dry-run", false, "only print what would be removed")
	return c
}

func collectGarbage(c *cobra.Command, dir string, grace time.Duration, dry bool) error {
	release, err := lockList(dir)
	if err != nil {
		return err
	}
	defer release()
	spare, err := publish.Unneeded(dir, time.Now().Add(-grace))
	if err != nil {
		return output.Hint(fmt.Errorf("nothing is removed: %w", err), "gc needs the folder that preseal build wrote, with its manifest and snapshot")
	}
	p, total := printer(c), int64(0)
	verb := "removed"
	if dry {
		verb = "would remove"
	}
	for _, s := range spare {
		if err := c.Context().Err(); err != nil {
			return err
		}
		path := filepath.Join(dir, s.Name)
		if !dry {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
		total += s.Bytes
		p.Record(removalRecord{path, s.Bytes, !dry}, fmt.Sprintf("%s %s, %s", verb, output.Name(path), things(int(s.Bytes), "byte", "bytes")))
	}
	p.Text("%s %s, %s", verb, things(len(spare), "file", "files"), things(int(total), "byte", "bytes"))
	return p.Err()
}
