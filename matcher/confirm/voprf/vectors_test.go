package voprf

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"io"
	chacha "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cloudflare/circl/oprf"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/internal/vectors"
)

// exchangeVector is one question and its answer. Ranks are the random numbers
// that order the slots, fillers the inputs of unused slots, in the order of the
// ranks, and blinds the scalars of all slots.
type exchangeVector struct {
	Seed      string      `json:"seed"`
	PublicKey string      `json:"publicKey"`
	KeyID     string      `json:"keyId"`
	Keys      []keyVector `json:"keys"`
	Ranks     string      `json:"ranks"`
	Fillers   []string    `json:"fillers"`
	Blinds    []string    `json:"blinds"`
	Request   string      `json:"request"`
	Response  string      `json:"response"`
	Outputs   []string    `json:"outputs"`
}

type keyVector struct {
	Lane  string `json:"lane"`
	Key   string `json:"key"`
	Input string `json:"input"`
}

// A recorder keeps what was read through it, a piece per read.
type recorder struct {
	io.Reader
	pieces [][]byte
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.pieces = append(r.pieces, bytes.Clone(b[:n]))
	return n, err
}

func TestExchangeVectors(t *testing.T) {
	const name = "confirm/exchange.json"
	var before, all []exchangeVector
	vectors.Read(t, up, name, &before)
	for i, n := range []int{1, 3, 4, 5, 16} {
		seed := bytes.Repeat([]byte{byte(i + 1)}, 32)
		key, err := DeriveKey([32]byte(seed))
		if err != nil {
			t.Fatal(err)
		}
		random := &recorder{Reader: chacha.NewChaCha8([32]byte(seed))}
		client, err := NewClient(key.Public(), random)
		if err != nil {
			t.Fatal(err)
		}
		q := ask(t, client, n)
		response, status := NewServer(key).Answer(q.Request())
		if status != OK {
			t.Fatalf("%d keys: %s", n, status)
		}
		// Every proof is another one. The one on file has to hold for the same elements.
		if i < len(before) {
			filed := unhex(t, before[i].Response)
			if end := len(response) - proofSize; len(filed) == len(response) && bytes.Equal(filed[:end], response[:end]) {
				response = filed
			}
		}
		outputs, err := q.Outputs(response)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, exchangeVector{
			Seed:      hex.EncodeToString(seed),
			PublicKey: hexOf(key.public[:]),
			KeyID:     hexOf(client.id[:]),
			Keys:      keyVectors(t, candidates(n)),
			Ranks:     hexOf(random.pieces[0]),
			Fillers:   mapped(random.pieces[1:1+slots(n)-n], hexOf),
			Blinds: mapped(q.blinded.CopyBlinds(), func(b oprf.Blind) string {
				encoded, err := b.MarshalBinary()
				if err != nil {
					t.Fatal(err)
				}
				return hexOf(encoded)
			}),
			Request:  hexOf(q.Request()),
			Response: hexOf(response),
			Outputs:  mapped(outputs, func(o confirm.Output) string { return hexOf(o[:]) }),
		})
	}
	vectors.Check(t, up, name, all)
}

// Requests that a server refuses, with its response.
func TestRefusalVectors(t *testing.T) {
	type vector struct {
		Name     string `json:"name"`
		Status   string `json:"status"`
		Request  string `json:"request"`
		Response string `json:"response"`
	}
	key := testKey(t, 1)
	server, client := NewServer(key), testClient(t, key)
	client.random = chacha.NewChaCha8([32]byte{1})
	var all []vector
	add := func(name string, request, response []byte, status Status) {
		all = append(all, vector{name, status.String(), hexOf(request), hexOf(response)})
	}
	good := ask(t, client, 1).Request()
	for _, bad := range badRequests(t, good) {
		response, status := server.Answer(bad.bytes)
		add(bad.name, bad.bytes, response, status)
	}
	for _, n := range []int{4, 8, 16} {
		request := ask(t, client, n).Request()
		add("too many questions", request, server.Refuse(request, Busy), Busy)
		add("a failure", request, server.Refuse(request, Internal), Internal)
		request[4] ^= 1
		response, status := server.Answer(request)
		add("another key", request, response, status)
	}
	vectors.Check(t, up, "confirm/refusals.json", all)
}

// Encodings that no side takes for an element.
func TestElementVectors(t *testing.T) {
	type vector struct {
		Name    string `json:"name"`
		Element string `json:"element"`
	}
	var all []vector
	for _, e := range badElements(t) {
		if _, err := decodeElement(e.bytes); err == nil {
			t.Errorf("%s is taken for an element", e.name)
		}
		all = append(all, vector{e.name, hexOf(e.bytes)})
	}
	vectors.Check(t, up, "confirm/bad-elements.json", all)
}

// Entries of several keys in one bucket.
func TestEntryVectors(t *testing.T) {
	type entry struct {
		PDQ   *string `json:"pdq"`
		Label string  `json:"label"`
	}
	type key struct {
		Output  string   `json:"output"`
		Entries []entry  `json:"entries"`
		Records []string `json:"records"`
	}
	var file struct {
		Bucket string `json:"bucket"`
		Keys   []key  `json:"keys"`
	}
	var bucket [][]byte
	for i, entries := range bucketOf() {
		o := confirm.Output{0: 1, 63: byte(i)}
		records, err := Seal(&o, entries)
		if err != nil {
			t.Fatal(err)
		}
		k := key{Output: hexOf(o[:]), Records: mapped(records, hexOf)}
		for _, e := range entries {
			v := entry{Label: e.Label}
			if e.PDQ != nil {
				pdq := e.PDQ.String()
				v.PDQ = &pdq
			}
			k.Entries = append(k.Entries, v)
		}
		file.Keys = append(file.Keys, k)
		bucket = append(bucket, records...)
	}
	slices.SortFunc(bucket, bytes.Compare)
	file.Bucket = hexOf(slices.Concat(bucket...))
	vectors.Check(t, up, "confirm/entries.json", file)
}

// The vectors of RFC 9497, appendix A.1.2, as circl's module has them.
func TestRFC9497(t *testing.T) {
	if runtime.GOOS == "js" {
		t.Skip("needs the go command")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cloudflare/circl").Output()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), "oprf", "testdata", "rfc9497.json.gz"))
	if err != nil {
		t.Skip("circl's module has no vectors:", err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var suites []struct {
		Identifier string
		Mode       oprf.Mode
		Seed       string
		KeyInfo    string
		SkSm, PkSm string
		Vectors    []struct {
			Blind, BlindedElement, EvaluationElement, Input, Output string
			Proof                                                   struct{ Proof string }
		}
	}
	if err := json.NewDecoder(unpacked).Decode(&suites); err != nil {
		t.Fatal(err)
	}
	tested := 0
	for _, s := range suites {
		if s.Identifier != suite.Identifier() || s.Mode != oprf.VerifiableMode {
			continue
		}
		derived, err := oprf.DeriveKey(suite, oprf.VerifiableMode, unhex(t, s.Seed), unhex(t, s.KeyInfo))
		if err != nil {
			t.Fatal(err)
		}
		key, err := newPrivateKey(derived)
		if err != nil || hexOf(key.public[:]) != s.PkSm {
			t.Fatalf("public key %x, error %v, want %s", key.public, err, s.PkSm)
		}
		client, evaluator := testClient(t, key), NewEvaluator(key)
		for _, v := range s.Vectors {
			tested++
			var inputs [][]byte
			var blinds []oprf.Blind
			for i, input := range strings.Split(v.Input, ",") {
				inputs = append(inputs, unhex(t, input))
				blind := suite.Group().NewScalar()
				if err := blind.UnmarshalBinary(unhex(t, strings.Split(v.Blind, ",")[i])); err != nil {
					t.Fatal(err)
				}
				blinds = append(blinds, blind)
			}
			blinded, request, err := client.blind(inputs, blinds)
			if err != nil {
				t.Fatal(err)
			}
			if got := hexOf(request[headerSize:]); got != strings.ReplaceAll(v.BlindedElement, ",", "") {
				t.Errorf("blinded elements %s, want %s", got, v.BlindedElement)
			}
			// The length of a message allows no batches of 1 and 2: decode the parts.
			evaluated := strings.ReplaceAll(v.EvaluationElement, ",", "")
			evaluation, err := decodeEvaluation(unhex(t, evaluated+v.Proof.Proof), len(inputs))
			if err != nil {
				t.Fatal(err)
			}
			outputs, err := client.oprf.Finalize(blinded, &evaluation)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range strings.Split(v.Output, ",") {
				own, err := evaluator.output(inputs[i])
				if hexOf(outputs[i]) != want || err != nil || hexOf(own[:]) != want {
					t.Errorf("output %x, the evaluator's %x, error %v, want %s", outputs[i], own[:], err, want)
				}
			}
		}
	}
	if tested != 3 {
		t.Errorf("tested %d vectors, want 3", tested)
	}
}

func keyVectors(t *testing.T, keys []confirm.Key) []keyVector {
	return mapped(keys, func(k confirm.Key) keyVector {
		input, err := k.Input()
		if err != nil {
			t.Fatal(err)
		}
		return keyVector{k.Lane.String(), hexOf(k.Bytes), hexOf(input)}
	})
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mapped[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i := range in {
		out[i] = f(in[i])
	}
	return out
}

// In which bucket an output's entries are.
func TestBucketVectors(t *testing.T) {
	type vector struct {
		Capacity uint64 `json:"capacity"`
		Bits     int    `json:"bits"`
		Output   string `json:"output"`
		Bucket   string `json:"bucket"`
	}
	o := confirm.Output([]byte("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/"))
	var all []vector
	for _, capacity := range []uint64{1, 512, 513, 1024, 1025, 8192, 8193, 3_000_000, 1 << 32} {
		bits := confirm.BucketBits(capacity)
		if most := uint64(512) << bits; capacity > most || bits > 0 && capacity <= most/2 {
			t.Errorf("%d bits for a capacity of %d", bits, capacity)
		}
		all = append(all, vector{capacity, bits, hexOf(o[:]), o.Bucket(bits)})
	}
	vectors.Check(t, up, "confirm/buckets.json", all)
}
