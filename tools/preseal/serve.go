package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/sealed"
	"github.com/preseal/preseal/tools/internal/server"
)

func newServe() *cobra.Command {
	var dir, keyDir, address string
	var origins []string
	var maxAge time.Duration
	c := &cobra.Command{
		Use:   "serve --snapshot DIR --key DIR --listen ADDR",
		Short: "Serve a snapshot and confirm candidates",
		Long: `Serve answers GET /lists/manifest, GET /lists/<sha256>.snap, .chunks and .delta, POST /v1/evaluate and POST /v1/plain,
and prints its address as one line. Caches may keep the manifest for --max-age, and the other files forever. When the
manifest in the snapshot's folder changes, it is loaded anew. The key folder needs oprf.key and verifier.pub;
signer.key should not be on a server.

The plain confirmation lets this server see the candidates' hashes: it is for development and public lists only. Put a
TLS proxy in front of it.`,
		Example: `  preseal serve --snapshot site/lists --key keys --listen 127.0.0.1:8081
  preseal serve --snapshot site/lists --key keys --listen :8081 --origin https://chat.example.org`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for _, o := range origins {
				if u, err := url.Parse(o); err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != o {
					return output.Usage(output.Hint(fmt.Errorf("--origin %q is not an origin", o), "for example --origin https://chat.example.org"))
				}
			}
			if maxAge < 0 || maxAge > server.MaxAge {
				return output.Usage(output.Hint(fmt.Errorf("--max-age %s is not 0 to %.0fh", maxAge, server.MaxAge.Hours()), "for example --max-age 15m; 0 makes caches ask each time"))
			}
			return serve(c, dir, keyDir, address, maxAge, origins)
		},
	}
	f := c.Flags()
	f.StringVar(&dir, "snapshot", "", "folder that preseal build wrote")
	f.StringVar(&keyDir, "key", "", "folder with oprf.key and verifier.pub")
	f.StringVar(&address, "listen", "127.0.0.1:8081", "address to listen on; port 0 takes a free one")
	f.StringArrayVar(&origins, "origin", nil, "origin of web pages that may read the answers, such as https://chat.example.org (repeatable)")
	f.DurationVar(&maxAge, "max-age", time.Hour, "how long caches may keep the manifest: clients see a new version that much later")
	require(c, "snapshot", "key")
	complete(c, []string{"snapshot", "key"}, nil)
	return c
}

func serve(c *cobra.Command, dir, keyDir, address string, maxAge time.Duration, origins []string) error {
	k, err := keys.ReadServer(keyDir)
	if err != nil {
		return output.Hint(err, "--key names the folder that preseal keygen wrote")
	}
	folder, err := server.OpenFolder(dir, k, maxAge, c.ErrOrStderr())
	switch {
	case errors.Is(err, sealed.ErrWrongKey):
		return output.Hint(fmt.Errorf("%s: %w", filepath.Join(dir, sealed.Name), err), "--key must be the folder that the list was built with; if a build was interrupted, run it again")
	case errors.Is(err, fs.ErrNotExist):
		return output.Hint(err, "--snapshot names the folder that preseal build wrote, with manifest, snapshot and %s", sealed.Name)
	case err != nil:
		return output.Hint(fmt.Errorf("%s: %w", output.Name(dir), err), "%s", advice(err))
	}
	if err := folder.Manifest().CheckExpiry(time.Now()); err != nil {
		problem(c, "clients will refuse this snapshot: %v", err)
	}
	l, err := listen(address)
	if err != nil {
		return err
	}
	problem(c, "the plain confirmation is for development and public lists only: this server sees the candidates' hashes")
	p := printer(c)
	address = server.URL(l)
	p.Record(map[string]string{"url": address}, address)
	if p.Err() != nil {
		return p.Err()
	}
	return server.Run(c.Context(), l, server.Handler(folder, origins), c.ErrOrStderr())
}

func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, output.Hint(fmt.Errorf("%s is taken by another program", address), "choose another port, or --listen 127.0.0.1:0 for a free one")
	}
	if err != nil {
		return nil, output.Hint(err, "--listen takes an address like 127.0.0.1:8081")
	}
	return l, nil
}
