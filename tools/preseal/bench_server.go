package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/tools/internal/load"
	"github.com/preseal/preseal/tools/internal/output"
)

func newBenchServer() *cobra.Command {
	seconds := 0
	c := &cobra.Command{
		Use:   "server",
		Short: "Measure the confirmation server under load",
		Long: `Server runs preseal serve as a process of its own, asks it over the loopback interface questions that were made before, and
prints for each number of slots m

  cpu-mN         processor time of the server for a question; reference: bare evaluations with proof by circl, on as many
                 processors, by turns with the server
  throughput-mN  questions a second, asked on eight connections per processor; reference: what that processor time allows
                 on the processors that other programs left
  elsewhere-mN   how many processors other programs kept busy meanwhile; reference: all processors
  p99-mN         latency that 99 % of the questions keep, asked at random times at 70 % of that throughput; reference: the
                 median. Of five rounds, that with the middle ratio

It needs Linux, which it asks for processor times.`,
		Example: `  preseal bench server
  preseal bench server --seconds 60 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if seconds < 1 || seconds > 300 {
				return output.Usage(output.Hint(fmt.Errorf("--seconds %d is not 1 to 300", seconds), "leave it out for the default"))
			}
			sizes := []int{4, 8, 16}
			results, err := load.Run(c.Context(), sizes, time.Duration(seconds)*time.Second/time.Duration(len(sizes)))
			if err != nil {
				return err
			}
			p := printer(c)
			p.Text(benchHeader, "name", "value", "unit", "reference", "ratio")
			for _, r := range results {
				name := func(what string) string { return fmt.Sprintf("%s-m%d", what, r.M) }
				benchRow(p, name("cpu"), "ms", milliseconds(r.Server), milliseconds(r.Bare))
				benchRow(p, name("throughput"), "1/s", r.Throughput, r.Allowed())
				benchRow(p, name("elsewhere"), "cores", r.Elsewhere, float64(r.Cores))
				benchRow(p, name("p99"), "ms", milliseconds(r.Worst), milliseconds(r.Median))
			}
			return p.Err()
		},
	}
	c.Flags().IntVar(&seconds, "seconds", 45, "how long to measure")
	return c
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
