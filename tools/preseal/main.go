// Preseal makes, publishes and tests blocklists of pictures that are matched before encryption: on the operator's side
// keys, lists, snapshots and the confirmation server, on the client's side the check of files.
//
// Data goes to stdout, as one JSON object per line with --json. Problems go to stderr, each with a hint where there is
// one. The exit status is 0, 1 for an error and 2 for a mistake on the command line; preseal check has more.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/tools/internal/output"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	running := false
	root := newRoot(&running)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		err = errors.New("interrupted")
	case !running:
		err = output.Hint(output.Usage(tidy(err)), "%s --help shows what is possible", commandOf(root, args))
	}
	output.Report(stderr, err)
	return output.Status(err)
}

// newRoot returns the command tree, which sets running once the command line has been understood.
func newRoot(running *bool) *cobra.Command {
	root := &cobra.Command{
		Use:           "preseal",
		Short:         "Check pictures against a blocklist before they are encrypted",
		Long:          "Preseal builds blocklists of pictures into signed snapshots, serves them, and checks files against them.",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("preseal {{.Version}}\n")
	root.PersistentFlags().Bool("json", false, "print one JSON object per line")
	root.AddCommand(newKeygen(), newHash(), newBuild(), newInspect(), newSign(), newRotate(), newVerify(), newGC(), newCheck(), newServe(), newDemo(), newBench())
	watch(root, running)
	return root
}

// watch makes the commands below parent set running.
func watch(parent *cobra.Command, running *bool) {
	for _, c := range parent.Commands() {
		work := c.RunE
		c.RunE = func(c *cobra.Command, args []string) error {
			*running = true
			return work(c, args)
		}
		watch(c, running)
	}
}

// tidy takes the line of suggestions off cobra's message: an error is one line.
func tidy(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(line)
}

// commandOf returns the path of the command that args begin with.
func commandOf(root *cobra.Command, args []string) string {
	if c, _, err := root.Find(args); err == nil {
		return c.CommandPath()
	}
	return root.CommandPath()
}

// printer returns the Printer that the flag --json asks for.
func printer(c *cobra.Command) *output.Printer {
	if asked, _ := c.Flags().GetBool("json"); asked {
		return output.NewJSONPrinter(c.OutOrStdout())
	}
	return output.NewPrinter(c.OutOrStdout())
}

// problem reports something that does not end the command.
func problem(c *cobra.Command, format string, args ...any) {
	fmt.Fprintf(c.ErrOrStderr(), "preseal: "+format+"\n", args...)
}

// require marks flags as required; they are known, so that cobra cannot fail.
func require(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
}

// complete says what the shell should offer for flags: folders, or names of files with these extensions.
func complete(c *cobra.Command, folders, files []string, extensions ...string) {
	for _, name := range folders {
		if err := c.MarkFlagDirname(name); err != nil {
			panic(err)
		}
	}
	for _, name := range files {
		if err := c.MarkFlagFilename(name, extensions...); err != nil {
			panic(err)
		}
	}
}
