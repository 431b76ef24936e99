package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/tools/internal/corpus"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/recall"
)

func newBenchRecall() *cobra.Command {
	var dir, markdown, svg string
	var o recall.Options
	quick := false
	c := &cobra.Command{
		Use:   "recall",
		Short: "Measure how many changed copies of photographs a list finds",
		Long: `Recall changes the photographs that make corpus has fetched as messengers and people do, and measures what share of
the copies each lane finds with 1,024 to 262,144 probes; beside it, what comparing all hashes finds (goimagehash at a
distance of 4 and 10, PDQ at 31 in all orientations). It then tests the photographs, and drawings of text, chats and
slides, against a list of 3 million entries made from the other photographs.

Hashes are kept in the folder's cache: a second run takes seconds, until the code that hashes changes.`,
		Example: `  make corpus && preseal bench recall
  preseal bench recall --group frame --copies
  preseal bench recall --markdown recall.md --svg .`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			photographs, err := corpus.Open(dir)
			if err != nil {
				if errors.Is(err, corpus.ErrNone) {
					return output.Hint(err, "fetch them with: make corpus")
				}
				return err
			}
			if quick && o.Images == 0 {
				o.Images = 100
			}
			progress := output.NewProgress(c.ErrOrStderr())
			o.Progress = progress.Update
			r, err := recall.Run(c.Context(), photographs, o)
			progress.Clear()
			if err != nil {
				return err
			}
			if err := writeRecall(r, markdown, svg); err != nil {
				return err
			}
			p := printer(c)
			if !p.JSON() {
				return r.Text(c.OutOrStdout())
			}
			for _, rec := range r.Records() {
				p.Record(rec, "")
			}
			return p.Err()
		},
	}
	f := c.Flags()
	f.StringVar(&dir, "corpus", "corpus", "the folder that make corpus has filled")
	f.IntVar(&o.Images, "images", 0, "photographs at most (0: all)")
	f.BoolVar(&quick, "quick", false, "100 photographs")
	f.StringVar(&o.Group, "group", "", fmt.Sprintf("one group of changes only: %s", recall.Groups))
	f.BoolVar(&o.Copies, "copies", false, "leave the innocent pictures out")
	f.StringVar(&markdown, "markdown", "", "write the README's tables to this `file`")
	f.StringVar(&svg, "svg", "", "write recall-probes.svg and recall-bytes.svg to this `folder`")
	return c
}

// writeRecall writes the tables and the plots, each if it is asked for.
func writeRecall(r *recall.Result, markdown, svg string) error {
	if markdown != "" {
		if err := os.WriteFile(markdown, []byte(r.Markdown(time.Now())), 0o666); err != nil {
			return err
		}
	}
	if svg == "" {
		return nil
	}
	for name, plot := range r.Plots() {
		if err := os.WriteFile(filepath.Join(svg, name), []byte(plot), 0o666); err != nil {
			return err
		}
	}
	return nil
}
