package server

import (
	"encoding/binary"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

func addressed(n uint32) netip.Prefix {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], n)
	return network(netip.AddrFrom4(a))
}

func TestLimiter(t *testing.T) {
	start := time.Unix(1e9, 0)
	l := NewLimiter(Rate{PerSecond: 2, Burst: 3}, Rate{PerSecond: 10, Burst: 5})
	for i, step := range []struct {
		client uint32
		at     time.Duration
		wait   time.Duration
	}{
		{1, 0, 0},
		{1, 0, 0},
		{1, 0, 0},
		{1, 0, 500 * time.Millisecond}, // its burst is over
		{1, 400 * time.Millisecond, 100 * time.Millisecond},
		{1, 500 * time.Millisecond, 0},
		{1, 500 * time.Millisecond, 500 * time.Millisecond},
		{2, 500 * time.Millisecond, 0}, // others have their own
		{3, 500 * time.Millisecond, 0},
		{4, 500 * time.Millisecond, 0},
		{5, 500 * time.Millisecond, 0},
		{6, 500 * time.Millisecond, 100 * time.Millisecond}, // together they were too many
		{6, 600 * time.Millisecond, 0},
		{1, time.Hour, 0}, // nobody saves up more than a burst
		{1, time.Hour, 0},
		{1, time.Hour, 0},
		{1, time.Hour, 500 * time.Millisecond},
	} {
		if wait := l.Take(addressed(step.client), start.Add(step.at)); wait != step.wait {
			t.Errorf("step %d: client %d after %s waits %s, want %s", i, step.client, step.at, wait, step.wait)
		}
	}
}

func TestNoLimit(t *testing.T) {
	l, now := NewLimiter(Rate{}, Rate{}), time.Now()
	for range 1000 {
		if wait := l.Take(addressed(1), now); wait > 0 {
			t.Fatalf("wait %s without a limit", wait)
		}
	}
	if len(l.recent) > 0 {
		t.Error("clients are remembered without a limit")
	}
}

// However many clients ask, few are remembered, and those that asked last.
func TestLimiterIsBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := NewLimiter(Rate{PerSecond: 1, Burst: 1}, Rate{})
	const n = 3 * maxClients
	for i := range uint32(n) {
		if wait := l.Take(addressed(i), now); wait > 0 {
			t.Fatalf("client %d waits %s", i, wait)
		}
		if known := len(l.recent) + len(l.before); known > maxClients {
			t.Fatalf("%d clients are remembered", known)
		}
	}
	for _, i := range []uint32{n - 1, n - maxClients/2} {
		if l.Take(addressed(i), now) == 0 {
			t.Errorf("client %d was forgotten", i)
		}
	}
	// After their bursts are paid for, nobody is of interest.
	for range 2 {
		now = now.Add(2 * time.Second)
		l.Take(addressed(0), now)
	}
	if known := len(l.recent) + len(l.before); known > 2 {
		t.Errorf("%d clients are remembered for longer than needed", known)
	}
}

func TestClients(t *testing.T) {
	behind := Clients{Header: "X-Forwarded-For", Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}}
	for _, tc := range []struct {
		name, peer string
		header     []string
		clients    Clients
		want       string
	}{
		{"no proxy", "192.0.2.1:1234", nil, Clients{}, "192.0.2.1/32"},
		{"no proxy, and a header", "192.0.2.1:1234", []string{"198.51.100.7"}, Clients{}, "192.0.2.1/32"},
		{"a network of IPv6", "[2001:db8:a:b:c:d:e:f]:1234", nil, Clients{}, "2001:db8:a:b::/64"},
		{"a zone", "[fe80::1%eth0]:1234", nil, Clients{}, "fe80::/64"},
		{"IPv4 in IPv6", "[::ffff:192.0.2.1]:1234", nil, Clients{}, "192.0.2.1/32"},
		{"no trusted proxy", "192.0.2.1:1234", []string{"198.51.100.7"}, behind, "192.0.2.1/32"},
		{"a proxy", "10.0.0.1:1234", []string{"198.51.100.7"}, behind, "198.51.100.7/32"},
		{"made up by the client", "10.0.0.1:1234", []string{"203.0.113.9, 198.51.100.7"}, behind, "198.51.100.7/32"},
		{"made up as a proxy", "10.0.0.1:1234", []string{"10.9.9.9, 198.51.100.7"}, behind, "198.51.100.7/32"},
		{"two proxies", "10.0.0.1:1234", []string{"203.0.113.9, 198.51.100.7,10.0.0.2"}, behind, "198.51.100.7/32"},
		{"two headers", "10.0.0.1:1234", []string{"203.0.113.9", "198.51.100.7", "10.0.0.2"}, behind, "198.51.100.7/32"},
		{"with a port", "10.0.0.1:1234", []string{"198.51.100.7:99"}, behind, "198.51.100.7/32"},
		{"IPv6 with a port", "[2001:db8:1::1]:1234", []string{"[2001:db8:a:b::1]:99"}, behind, "2001:db8:a:b::/64"},
		{"IPv6 in brackets", "10.0.0.1:1234", []string{"[2001:db8:a:b::1]"}, behind, "2001:db8:a:b::/64"},
		{"no header", "10.0.0.1:1234", nil, behind, "10.0.0.1/32"},
		{"garbage", "10.0.0.1:1234", []string{"198.51.100.7, unknown"}, behind, "10.0.0.1/32"},
		{"garbage beyond a proxy", "10.0.0.1:1234", []string{"unknown, 10.0.0.2"}, behind, "10.0.0.2/32"},
		{"nothing but proxies", "10.0.0.1:1234", []string{"10.0.0.3, 10.0.0.2"}, behind, "10.0.0.3/32"},
		{"no address", "@", nil, Clients{}, "invalid Prefix"},
	} {
		r := httptest.NewRequest("POST", "/v1/evaluate", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = tc.peer, tc.header
		if got := tc.clients.Of(r).String(); got != tc.want {
			t.Errorf("%s: client %s, want %s", tc.name, got, tc.want)
		}
	}
}

func FuzzClients(f *testing.F) {
	f.Add("10.0.0.1:80", "198.51.100.7, 10.0.0.2")
	f.Add("[fe80::1%eth0]:80", "[2001:db8::1]:99,unknown")
	f.Add("", ",,")
	clients := Clients{Header: "X-Forwarded-For", Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::/1")}}
	f.Fuzz(func(t *testing.T, peer, header string) {
		r := httptest.NewRequest("POST", "/v1/evaluate", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = peer, []string{header}
		p := clients.Of(r)
		if want := map[bool]int{true: 32, false: 64}[p.Addr().Is4()]; p.IsValid() && p.Bits() != want || p.Addr().Zone() != "" {
			t.Errorf("client %s of %q, %q", p, peer, header)
		}
	})
}
