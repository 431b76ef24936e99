package client

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher"
	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/media"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/testdata/pictures"
	"github.com/preseal/preseal/tools/internal/keys"
	"github.com/preseal/preseal/tools/internal/list"
	"github.com/preseal/preseal/tools/internal/picture"
	"github.com/preseal/preseal/tools/internal/publish"
)

func readPicture(t *testing.T, file []byte) (*picture.Picture, *phash.Image) {
	t.Helper()
	p, err := picture.Read(context.Background(), bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	im, err := phash.Of(p.Planes[0])
	if err != nil {
		t.Fatal(err)
	}
	return p, im
}

// Whatever a server says, a second hash decides where the manifest promises one.
func TestSecondHash(t *testing.T) {
	photo := pictures.Photo(5, 640, 480)
	_, listed := readPicture(t, pictures.JPEG(photo, 90))
	query, own := readPicture(t, pictures.JPEG(photo, 60))
	far := own.PDQ
	for i := range 5 {
		far[i] ^= 0xff
	}
	both, single := new(list.Set), new(list.Set)
	both.AddPicture(listed, list.Place{})
	single.Add(snapshot.PHash, list.PHashKey(listed.PHash))
	near := []phash.PDQ{listed.PDQ}

	for _, tc := range []struct {
		name         string
		set          *list.Set
		answer       map[snapshot.Lane]confirm.Answer
		kind, reason string
		lane         string
		compared     bool
	}{
		{"as it is", both, nil, Match, "", "pdq", true},
		{"another picture", both, map[snapshot.Lane]confirm.Answer{
			snapshot.PDQ: {Listed: true, Hashes: []phash.PDQ{far}}, snapshot.PHash: {Listed: true, Hashes: []phash.PDQ{far}},
		}, Cleared, "", "pdq", true},
		{"another picture and this", both, map[snapshot.Lane]confirm.Answer{
			snapshot.PDQ: {Listed: true, Hashes: []phash.PDQ{far, listed.PDQ}},
		}, Match, "", "pdq", true},
		{"not listed", both, map[snapshot.Lane]confirm.Answer{}, Cleared, "", "pdq", false},
		{"no second hash", both, map[snapshot.Lane]confirm.Answer{
			snapshot.PDQ: {Listed: true}, snapshot.PHash: {},
		}, Unavailable, BadAnswer, "pdq", false},
		{"as many as fit, all far", both, map[snapshot.Lane]confirm.Answer{
			snapshot.PDQ: {Listed: true, Hashes: slices.Repeat([]phash.PDQ{far}, confirm.MaxHashes)}, snapshot.PHash: {},
		}, Unavailable, Overflow, "pdq", true},
		{"one second hash", both, map[snapshot.Lane]confirm.Answer{
			snapshot.PDQ: {Listed: true}, snapshot.PHash: {Listed: true, Hashes: near},
		}, Match, "", "phash", true},
		{"single hash", single, nil, Match, "", "phash", false},
		{"single hash, but far", single, map[snapshot.Lane]confirm.Answer{
			snapshot.PHash: {Listed: true, Hashes: []phash.PDQ{far}},
		}, Cleared, "", "phash", true},
	} {
		tc.set.Sort()
		k, err := keys.Generate("test")
		if err != nil {
			t.Fatal(err)
		}
		files, err := (&publish.Build{Keys: k, List: tc.set, Now: time.Now(), Life: time.Hour}).Make()
		if err != nil {
			t.Fatal(err)
		}
		answer := list.NewIndex(tc.set, files.Opened.KeyBits(snapshot.PDQ)).Answer
		if tc.answer != nil {
			answer = func(k confirm.Key) confirm.Answer { return tc.answer[k.Lane] }
		}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			request, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			response, err := confirm.NewPlainServer(answer).Answer(request)
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", confirm.ContentType)
			w.Write(response)
		}))
		confirmer, err := NewConfirmer(s.URL, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		c := &Checker{Matcher: matcher.New(files.Opened), Confirmer: confirmer, Plain: true}
		v, err := c.Check(context.Background(), query, time.Now())
		s.Close()
		if err != nil || v.Kind != tc.kind || v.Reason != tc.reason || v.Lane != tc.lane || (v.SecondHash != nil) != tc.compared {
			t.Errorf("%s: %+v, error %v", tc.name, v, err)
		}
		if v.Probe == nil || *v.Probe < 1 || *v.Window != 0 || *v.Orientation != 0 || v.Requests != 1 {
			t.Errorf("%s: %+v", tc.name, v)
		}
		if v.SecondHash != nil && (*v.SecondHash <= files.Opened.Manifest().Distance) != (v.Kind == Match) {
			t.Errorf("%s: %s at a distance of %d", tc.name, v.Kind, *v.SecondHash)
		}
	}
}

// A malformed picture is not checked, but its digest is.
func TestMalformedPicture(t *testing.T) {
	set := new(list.Set)
	listed := [32]byte{1}
	set.Add(snapshot.SHA256, listed[:])
	set.Sort()
	k, err := keys.Generate("test")
	if err != nil {
		t.Fatal(err)
	}
	files, err := (&publish.Build{Keys: k, List: set, Now: time.Now(), Life: time.Hour}).Make()
	if err != nil {
		t.Fatal(err)
	}
	c := &Checker{Matcher: matcher.New(files.Opened)}
	malformed := []phash.Luma{{W: 1, H: 1}}
	for _, tc := range []struct {
		digest       [32]byte
		kind, reason string
	}{
		{listed, Unavailable, NoConfirmation},
		{[32]byte{2}, Unsupported, media.Undecodable},
	} {
		v, err := c.Check(context.Background(), &picture.Picture{SHA256: tc.digest, Planes: malformed}, time.Now())
		if err != nil || v.Kind != tc.kind || v.Reason != tc.reason || v.Detail == nil {
			t.Errorf("%+v, error %v, want %s, %s", v, err, tc.kind, tc.reason)
		}
	}
}
