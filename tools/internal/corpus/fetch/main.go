// Fetch puts the photographs for preseal bench recall into a folder.
//
//	go run ./tools/internal/corpus/fetch corpus
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/preseal/preseal/tools/internal/corpus"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: fetch DIR")
		os.Exit(2)
	}
	c, err := corpus.Fetch(ctx, os.Args[1], os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
	fmt.Printf("%d pictures of %d packages in %s\n", len(c.Pictures), len(c.Packages), os.Args[1])
}
