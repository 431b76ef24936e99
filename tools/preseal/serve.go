package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
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
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve [--snapshot DIR] --key DIR --listen ADDR",
		Short: "Answer questions about candidates, and serve a snapshot",
		Long: `Serve answers POST /v1/evaluate, the private confirmation. With --snapshot it also serves the folder that preseal build
wrote, GET /lists/… and GET /v1/entries/…; when the manifest there changes, it is loaded anew. Caches may keep the
manifest for --max-age, entries for five minutes, and the other files forever. It prints its address as one line, and
logs to stderr, one JSON object per line. Put a TLS proxy in front of it.

Keys: --key names a folder with oprf.key, with oprf.key.old for clients whose snapshot is of an older key, and, for
--snapshot, with verifier.pub. In place of the first two, the variable ` + keys.Environment + ` may hold what is in them: the
current key, then older ones. signer.key should not be on a server.

Limits: a client, which is an IPv4 address or an IPv6 network of 64 bits, may ask --burst questions at once and --rate
questions a second in the long run; all together may ask --ceiling a second, and twice as many at once. One innocent
file in a hundred, or fewer, asks a question: the default rate suffices for 10,000 people behind one address who check
30 files an hour each, and is slow for whoever wants to try many keys, of which a question holds 16; the default
ceiling suffices for 20,000 files a second, a fifth of a processor's time. Beyond the limits, and while 64 questions
wait for each processor, clients are told to come again (429). Name your proxy with --trusted-proxy, or everybody
behind it is one client. Name no network that clients are in: from there they can invent addresses, a new one for each
question.

Operation: GET /healthz answers 200, or 503 when the snapshot has expired or the server shuts down. --admin opens a
second listener, for /healthz and GET /metrics in Prometheus's format. SIGTERM lets requests finish, for ten seconds at
most; with --drain the server first goes on for so long, to let a load balancer see the 503.

With --plain it answers POST /v1/plain as well, for which it opens the sealed list. It then sees the candidates' hashes:
that is for development and public lists only.`,
		Example: `  preseal serve --snapshot site/lists --key keys --listen 127.0.0.1:8081 --origin https://chat.example.org \
                --trusted-proxy 127.0.0.1 --admin :9090
  ` + keys.Environment + `=… preseal serve --listen 10.0.0.5:8081 --trusted-proxy 10.0.0.0/24 --drain 10s`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return serve(c, &o)
		},
	}
	o.flags(c)
	return c
}

func serve(c *cobra.Command, o *serveOptions) error {
	log := slog.New(slog.NewJSONHandler(c.ErrOrStderr(), nil))
	k, err := o.readKeys()
	if err != nil {
		return err
	}
	private, err := server.NewPrivate(k)
	if err != nil {
		return err
	}
	s := server.NewService(private)
	s.Log, s.LogRequests, s.LogAddresses, s.Drain = log, o.logRequests, o.logAddresses, o.drain
	s.Origins, s.Clients = o.origins, o.clients()
	s.Limits = server.NewLimiter(server.Rate{PerSecond: o.rate, Burst: o.burst}, server.Rate{PerSecond: o.ceiling, Burst: max(1, int(2*o.ceiling))})
	if o.dir != "" {
		if s.Folder, err = openFolder(o, k, log); err != nil {
			return err
		}
	}
	l, err := listen(o.address)
	if err != nil {
		return err
	}
	defer l.Close()
	var admin net.Listener
	if o.admin != "" {
		if admin, err = listen(loopback(o.admin)); err != nil {
			return err
		}
		defer admin.Close()
	}
	for _, path := range keys.Exposed(o.keyDir) {
		log.Warn("others than its owner can read a secret file", "file", path)
	}
	if o.plain {
		log.Warn("the plain confirmation is for development and public lists only: this server sees the candidates' hashes")
	}
	p := printer(c)
	urls := map[string]string{"url": server.URL(l)}
	if admin != nil {
		urls["admin"] = server.URL(admin)
	}
	p.Record(urls, urls["url"])
	if p.Err() != nil {
		return p.Err()
	}
	id := private.Current()
	fields := []any{"url", urls["url"], "key", hex.EncodeToString(id[:]), "older", len(k.Older)}
	if admin != nil {
		fields = append(fields, "admin", urls["admin"])
	}
	if s.Folder != nil {
		fields = append(fields, "version", s.Folder.Manifest().Version)
	}
	log.Info("serving", fields...)
	return s.Run(c.Context(), l, admin)
}

func openFolder(o *serveOptions, k *keys.Set, log *slog.Logger) (*server.Folder, error) {
	open := server.OpenPublic
	if o.plain {
		open = server.OpenFolder
	}
	folder, err := open(o.dir, k, o.maxAge, server.Problems(log, o.logAddresses))
	switch {
	case errors.Is(err, sealed.ErrWrongKey):
		return nil, output.Hint(fmt.Errorf("%s: %w", filepath.Join(o.dir, sealed.Name), err), "--key must be the folder that the list was built with; if a build was interrupted, run it again")
	case errors.Is(err, server.ErrOtherKey):
		return nil, output.Hint(fmt.Errorf("%s: %w", output.Name(o.dir), err), "--key must be the folder that the list was built with; %s holds older keys", keys.OldOPRFFile)
	case errors.Is(err, fs.ErrNotExist):
		return nil, output.Hint(err, "--snapshot names the folder that preseal build wrote")
	case err != nil:
		return nil, output.Hint(fmt.Errorf("%s: %w", output.Name(o.dir), err), "%s", advice(err))
	}
	if err := folder.Manifest().CheckExpiry(time.Now()); err != nil {
		log.Warn("clients will refuse this snapshot", "error", err.Error())
	}
	return folder, nil
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
