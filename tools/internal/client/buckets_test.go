package client

import (
	"net/http"
	"os"
	"testing"

	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/probe"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/list"
)

// Of the buckets of one file's candidates each is fetched once, and none after one that is missing or does not open: a
// server could learn several keys of one picture by it.
func TestBucketsAreFetchedInTurn(t *testing.T) {
	listed, im := photo(t, 5)
	const candidates = 8
	made := func(near int) *testServer {
		set, n := new(list.Set), 0
		for mask := range probe.Likeliest(im.Margins[:], candidates) {
			hash, pdq := list.PHashKey(im.PHash^phash.PHash(mask)), im.PDQ
			if n != near {
				for i := range 5 {
					pdq[i] ^= 0xff
				}
			}
			set.Add(snapshot.PHash, hash)
			set.AddPair(append(hash, pdq[:]...))
			n++
		}
		s := newTestServer(t, set)
		s.build.Capacity = map[snapshot.Lane]uint64{snapshot.PHash: 1 << 16} // 2^8 buckets
		s.build.Keys.OPRF = [32]byte{1}                                      // under this key each is in another one
		return s
	}
	status := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code) }
	}
	const all, some = candidates, 2
	for _, tc := range []struct {
		name   string
		near   int // the candidate that is a match, if there is one
		from   int // the first bucket that fails
		fail   func(w http.ResponseWriter)
		kind   string
		reason string
		want   int // buckets that are asked for
	}{
		{"none is near", -1, all + 1, nil, Cleared, "", all},
		{"the last is near", all - 1, all + 1, nil, Match, "", all},
		{"the first is empty", all - 1, 1, status(200), Unavailable, BadAnswer, 1},
		{"the first is not there", all - 1, 1, status(404), Unavailable, Server, 1},
		{"the first is no bucket", all - 1, 1, func(w http.ResponseWriter) { w.Write([]byte("nothing")) }, Unavailable, BadAnswer, 1},
		{"the second is empty", -1, 2, status(200), Unavailable, BadAnswer, 2},
		{"the second is not there", -1, 2, status(404), Unavailable, Server, 2},
		{"a match before", some - 1, some + 1, status(200), Match, "", some},
	} {
		s := made(tc.near)
		opened := s.publish()
		s.on(func(n int, w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || n-1 < tc.from {
				return false
			}
			tc.fail(w)
			return true
		})
		v := s.check(s.checker(opened), listed)
		asked := make(map[string]int)
		for _, request := range s.seen[1:] {
			asked[request]++
		}
		if v.Kind != tc.kind || v.Reason != tc.reason || len(asked) != tc.want || len(s.seen) != 1+tc.want {
			t.Errorf("%s: %+v, requests %q", tc.name, v, s.seen)
		}
	}
}

// What was fetched is opened even if no further bucket may be.
func TestBuckets(t *testing.T) {
	fetched := 0
	b := buckets{have: make(map[string][]byte), fetch: func(name string) ([]byte, error) {
		if fetched++; name == "bad" {
			return nil, &Error{Server, os.ErrNotExist}
		}
		return []byte(name), nil
	}}
	for _, tc := range []struct {
		name, reason string
		fetched      int
	}{
		{"a", "", 1}, {"a", "", 1}, {"bad", Server, 2}, {"bad", Server, 2}, {"b", Server, 2}, {"a", "", 2},
	} {
		bucket, err := b.get(tc.name)
		if Reason(err) != tc.reason || err == nil && string(bucket) != tc.name || fetched != tc.fetched {
			t.Errorf("%s: %q, error %v, %d fetched", tc.name, bucket, err, fetched)
		}
	}
}
