package confirm_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/internal/vectors"
	"github.com/preseal/preseal/matcher/phash"
	"github.com/preseal/preseal/matcher/snapshot"
)

func key(lane snapshot.Lane, n byte) confirm.Key {
	return confirm.Key{Lane: lane, Bytes: bytes.Repeat([]byte{n}, lane.KeySize())}
}

// odd lists the keys whose first byte is odd: digests without a second hash,
// others with as many as their first byte has fives.
var odd = confirm.NewPlainServer(func(k confirm.Key) confirm.Answer {
	a := confirm.Answer{Listed: k.Bytes[0]%2 == 1}
	if a.Listed && k.Lane != snapshot.SHA256 {
		for i := range k.Bytes[0] / 5 {
			a.Hashes = append(a.Hashes, phash.PDQ{0: i, 31: k.Bytes[0]})
		}
	}
	return a
})

func TestPlainRoundTrip(t *testing.T) {
	type vector struct {
		Keys []struct {
			Lane string `json:"lane"`
			Key  string `json:"key"`
		} `json:"keys"`
		Request  string     `json:"request"`
		Response string     `json:"response"`
		Listed   []bool     `json:"listed"`
		Hashes   [][]string `json:"hashes"`
	}
	var all []vector
	for n := 1; n <= confirm.MaxKeys; n += 5 {
		var keys []confirm.Key
		for i := range n {
			keys = append(keys, key([]snapshot.Lane{snapshot.SHA256, snapshot.PHash, snapshot.PDQ}[i%3], byte(i+i/2)))
		}
		q, err := confirm.PlainClient{}.Ask(keys)
		if err != nil {
			t.Fatal(err)
		}
		if len(q.Request()) > confirm.MaxRequest {
			t.Errorf("a request has %d bytes", len(q.Request()))
		}
		response, err := odd.Answer(q.Request())
		if err != nil {
			t.Fatal(err)
		}
		answers, err := q.Answers(response)
		if err != nil || len(answers) != n {
			t.Fatalf("%d answers, %v; want %d", len(answers), err, n)
		}
		v := vector{Request: hex.EncodeToString(q.Request()), Response: hex.EncodeToString(response)}
		for i, a := range answers {
			if a.Listed != (keys[i].Bytes[0]%2 == 1) {
				t.Errorf("answer %d of %d is %v", i, n, a.Listed)
			}
			v.Listed = append(v.Listed, a.Listed)
			hashes := []string{}
			for _, h := range a.Hashes {
				hashes = append(hashes, h.String())
			}
			v.Hashes = append(v.Hashes, hashes)
			v.Keys = append(v.Keys, struct {
				Lane string `json:"lane"`
				Key  string `json:"key"`
			}{keys[i].Lane.String(), hex.EncodeToString(keys[i].Bytes)})
		}
		all = append(all, v)
	}
	vectors.Check(t, "../..", "confirm/plain.json", all)
}

func TestPlainRejects(t *testing.T) {
	client := confirm.PlainClient{}
	for name, keys := range map[string][]confirm.Key{
		"no keys":    nil,
		"17 keys":    make([]confirm.Key, 17),
		"empty key":  {{Lane: snapshot.PHash}},
		"long key":   {{Lane: snapshot.PHash, Bytes: make([]byte, 33)}},
		"large lane": {{Lane: 256, Bytes: make([]byte, 8)}},
	} {
		if _, err := client.Ask(keys); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	q, err := client.Ask([]confirm.Key{key(snapshot.SHA256, 1), key(snapshot.PHash, 2)})
	if err != nil {
		t.Fatal(err)
	}
	request := q.Request()
	for i := range request {
		if _, err := odd.Answer(request[:i]); !errors.Is(err, confirm.ErrMalformed) {
			t.Errorf("request cut at %d: %v", i, err)
		}
	}
	if _, err := odd.Answer(append(bytes.Clone(request), 0)); !errors.Is(err, confirm.ErrMalformed) {
		t.Errorf("request with a byte too many: %v", err)
	}
	for _, at := range []int{0, 1, 2, 4} {
		bad := bytes.Clone(request)
		bad[at] = 0xff
		if _, err := odd.Answer(bad); !errors.Is(err, confirm.ErrMalformed) {
			t.Errorf("request byte %d: %v", at, err)
		}
	}
	for _, bad := range []string{"", "02", "020002", "02000201", "0200020100ff", "020002ff00ff", "020002ff09", "020002fffe", "020002ff01", "010002ff00", "020102ff00", "020001ff00", "02000100", "02000201" + strings.Repeat("00", 31) + "00"} {
		b, err := hex.DecodeString(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := q.Answers(b); !errors.Is(err, confirm.ErrMalformed) {
			t.Errorf("response %s: %v", bad, err)
		}
	}
}

func FuzzPlainServer(f *testing.F) {
	f.Add([]byte{1, 0, 1, 3, 1, 7})
	f.Fuzz(func(t *testing.T, request []byte) {
		response, err := odd.Answer(request)
		if err == nil && len(response) > confirm.MaxResponse {
			t.Errorf("a response has %d bytes", len(response))
		}
	})
}

func FuzzPlainAnswers(f *testing.F) {
	q, err := confirm.PlainClient{}.Ask([]confirm.Key{key(snapshot.SHA256, 1), key(snapshot.PHash, 2)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{2, 0, 2, 255, 0})
	f.Fuzz(func(t *testing.T, response []byte) {
		if answers, err := q.Answers(response); err == nil && len(answers) != 2 {
			t.Errorf("%d answers", len(answers))
		}
	})
}
