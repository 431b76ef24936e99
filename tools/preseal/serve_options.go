package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/output"
	"github.com/preseal/preseal/tools/internal/server"
)

// serveOptions are the flags of preseal serve.
type serveOptions struct {
	dir, keyDir, address, admin string
	plain                       bool
	origins                     []string
	rate, ceiling               float64
	burst                       int
	proxyNames                  []string
	proxies                     []netip.Prefix // what proxyNames mean
	header                      string
	logRequests, logAddresses   bool
	drain, maxAge               time.Duration
}

func (o *serveOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.dir, "snapshot", "", "folder that preseal build wrote; without it, questions alone are answered")
	f.StringVar(&o.keyDir, "key", "", "folder with oprf.key and verifier.pub")
	f.StringVar(&o.address, "listen", "127.0.0.1:8081", "address to listen on; port 0 takes a free one")
	f.StringVar(&o.admin, "admin", "", "address for /metrics, such as :9090, which is loopback only if it names no host")
	f.BoolVar(&o.plain, "plain", false, "answer plain questions, too")
	f.StringArrayVar(&o.origins, "origin", nil, "origin of web pages that may read the answers, such as https://chat.example.org (repeatable)")
	f.Float64Var(&o.rate, "rate", 1, "questions a second that a client may ask in the long run (0: no limit)")
	f.IntVar(&o.burst, "burst", 60, "questions that a client may ask at once")
	f.Float64Var(&o.ceiling, "ceiling", 200, "questions a second that all clients may ask together (0: no limit)")
	f.StringArrayVar(&o.proxyNames, "trusted-proxy", nil, "address or network of a proxy whose header names the client (repeatable)")
	f.StringVar(&o.header, "client-header", "X-Forwarded-For", "header in which trusted proxies name the client")
	f.BoolVar(&o.logRequests, "log-requests", false, "log each request: method, route, status, slots, duration")
	f.BoolVar(&o.logAddresses, "log-addresses", false, "do not leave clients' addresses out of the log")
	f.DurationVar(&o.maxAge, "max-age", time.Hour, "how long caches may keep the manifest: clients see a new version that much later")
	f.DurationVar(&o.drain, "drain", 0, "how long to go on after SIGTERM, with /healthz at 503")
	complete(c, []string{"snapshot", "key"}, nil)
}

// Rates outside of these make no sense, and the limiter's times would overflow in the end.
const (
	leastPerSecond = 1e-3
	mostPerSecond  = 1e6
	longestBurst   = 24 * time.Hour // that paying for one may take
	longestDrain   = 10 * time.Minute
)

// check finds mistakes on the command line.
func (o *serveOptions) check() error {
	wrong := func(hint, format string, args ...any) error {
		return output.Usage(output.Hint(fmt.Errorf(format, args...), "%s", hint))
	}
	for _, origin := range o.origins {
		if u, err := url.Parse(origin); err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return wrong("for example --origin https://chat.example.org", "--origin %q is not an origin", origin)
		}
	}
	for _, name := range o.proxyNames {
		p, err := proxy(name)
		if err != nil {
			return wrong("for example --trusted-proxy 10.0.0.0/24", "--trusted-proxy %q is neither an address nor a network", name)
		}
		if p.Bits() == 0 {
			return wrong("name the networks that your proxies are in", "--trusted-proxy %q is everybody, and clients could name themselves", name)
		}
		o.proxies = append(o.proxies, p)
	}
	switch secret := os.Getenv(keys.Environment); {
	case o.keyDir == "" && (secret == "" || o.dir != ""):
		return wrong("--key names the folder that preseal keygen wrote; without --snapshot, "+keys.Environment+" may hold the key", "--key is missing")
	case o.plain && o.dir == "":
		return wrong("--snapshot names the folder that preseal build wrote", "--plain needs --snapshot")
	case !validRate(o.rate) || !validRate(o.ceiling):
		return wrong("for example --rate 0.5 --ceiling 1000", "--rate and --ceiling are 0, or %g to %.0f a second", leastPerSecond, mostPerSecond)
	case o.burst < 1 || o.burst > mostPerSecond:
		return wrong("for example --burst 100", "--burst %d is not 1 to %.0f", o.burst, float64(mostPerSecond))
	case o.rate > 0 && float64(o.burst)/o.rate > longestBurst.Seconds():
		return wrong("choose a smaller --burst or a larger --rate", "--burst %d at --rate %g lasts for more than %.0f hours", o.burst, o.rate, longestBurst.Hours())
	case o.maxAge < 0 || o.maxAge > server.MaxAge:
		return wrong("for example --max-age 15m; 0 makes caches ask each time", "--max-age %s is not 0 to %.0fh", o.maxAge, server.MaxAge.Hours())
	case o.drain < 0 || o.drain > longestDrain:
		return wrong("for example --drain 10s", "--drain %s is not 0 to %s", o.drain, longestDrain)
	case !validHeader(o.header):
		return wrong("for example --client-header X-Real-IP", "--client-header %q is not the name of a header", o.header)
	}
	return nil
}

func validRate(r float64) bool { return r == 0 || r >= leastPerSecond && r <= mostPerSecond }

// proxy reads a network, or an address as the network of it alone.
func proxy(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

func validHeader(s string) bool {
	for _, r := range s {
		if r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return s != ""
}

// clients says where to look for a client's address.
func (o *serveOptions) clients() server.Clients {
	if len(o.proxies) == 0 {
		return server.Clients{}
	}
	return server.Clients{Proxies: o.proxies, Header: o.header}
}

func (o *serveOptions) readKeys() (*keys.Set, error) {
	secret := os.Getenv(keys.Environment)
	k, err := keys.ReadServer(o.keyDir, secret)
	if err != nil && secret != "" {
		return nil, output.Hint(err, "%s holds what is in %s", keys.Environment, keys.OPRFFile)
	}
	if err == nil && o.dir != "" {
		err = k.ReadVerifier(o.keyDir)
	}
	return k, output.Hint(err, "--key names the folder that preseal keygen wrote")
}

// loopback adds the host to an address without one.
func loopback(address string) string {
	if host, port, err := net.SplitHostPort(address); err == nil && host == "" {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}
