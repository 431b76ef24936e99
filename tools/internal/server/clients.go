package server

import (
	"net/http"
	"net/netip"
	"strings"
)

// Clients tells from which address a request comes. The zero value takes the connection's.
type Clients struct {
	// Proxies are trusted to add the address that they were asked from to the right of Header.
	Proxies []netip.Prefix
	Header  string // such as X-Forwarded-For; "" means that there are no proxies
}

// Of returns the client's address, with IPv6 the network of 64 bits that one client has to itself; or an invalid prefix
// if there is none, as for connections without addresses, which then count as one client. It is the rightmost address
// in the header that is no trusted proxy's: what is left of it the client may have made up.
func (c Clients) Of(r *http.Request) netip.Prefix {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	client := peer.Addr().Unmap()
	if c.Header == "" {
		return network(client)
	}
	hops := strings.Split(strings.Join(r.Header.Values(c.Header), ","), ",")
	for i := len(hops) - 1; i >= 0 && c.trusts(client); i-- {
		hop, err := parseHop(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		client = hop
	}
	return network(client)
}

func (c Clients) trusts(a netip.Addr) bool {
	for _, p := range c.Proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// parseHop reads an address, which some proxies write with a port.
func parseHop(s string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone(""), nil
	}
	a, err := netip.ParseAddrPort(s)
	return a.Addr().Unmap().WithZone(""), err
}

func network(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
