package voprf

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	chacha "math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/snapshot"
)

// up is the way to the module's root.
const up = "../../.."

func testKey(t testing.TB, n byte) *PrivateKey {
	t.Helper()
	k, err := DeriveKey([32]byte{n})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func testClient(t testing.TB, k *PrivateKey) *Client {
	t.Helper()
	c, err := NewClient(k.Public(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// candidates returns n different keys, of all lanes.
func candidates(n int) []confirm.Key {
	lanes := []snapshot.Lane{snapshot.SHA256, snapshot.PHash, snapshot.PDQ}
	keys := make([]confirm.Key, n)
	for i := range keys {
		lane := lanes[i%len(lanes)]
		keys[i] = confirm.Key{Lane: lane, Bytes: bytes.Repeat([]byte{byte(i + 1)}, lane.KeySize())}
	}
	return keys
}

func ask(t testing.TB, c *Client, n int) *Question {
	t.Helper()
	q, err := c.Ask(candidates(n))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// What a client gets for a key, alone or among others, is what the builder of
// the snapshot got for it.
func TestOutputsAreTheEvaluators(t *testing.T) {
	key := testKey(t, 1)
	server, evaluator, client := NewServer(key), NewEvaluator(key), testClient(t, key)
	for n, m := range map[int]int{1: 4, 2: 4, 3: 4, 4: 4, 5: 8, 8: 8, 9: 16, 16: 16} {
		q := ask(t, client, n)
		response, status := server.Answer(q.Request())
		if status != OK || len(q.Request()) != 12+32*m || len(response) != 12+32*m+64 {
			t.Fatalf("%d keys: %s, %d bytes up, %d down", n, status, len(q.Request()), len(response))
		}
		outputs, err := q.Outputs(response)
		if err != nil || len(outputs) != n {
			t.Fatalf("%d keys: %d outputs, error %v", n, len(outputs), err)
		}
		for i, k := range candidates(n) {
			if want, err := evaluator.Output(k); err != nil || outputs[i] != want {
				t.Errorf("output %d of %d is not the evaluator's, error %v", i, n, err)
			}
		}
	}
}

func TestAskRejects(t *testing.T) {
	client := testClient(t, testKey(t, 1))
	for name, keys := range map[string][]confirm.Key{
		"no keys":    nil,
		"17 keys":    candidates(17),
		"empty key":  {{Lane: snapshot.PHash}},
		"long key":   {{Lane: snapshot.PHash, Bytes: make([]byte, 33)}},
		"large lane": {{Lane: 256, Bytes: make([]byte, 8)}},
	} {
		if _, err := client.Ask(keys); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	short := *client
	for n := range 4*4 + 3*32 + 4*64 {
		short.random = bytes.NewReader(make([]byte, n))
		if _, err := short.Ask(candidates(1)); err == nil {
			t.Fatalf("asked with %d random bytes", n)
		}
	}
}

// Nothing but the header is the same in two questions about the same keys, and
// no element is there twice.
func TestQuestionsDiffer(t *testing.T) {
	client, seen := testClient(t, testKey(t, 1)), make(map[string]bool)
	var header []byte
	const questions = 20
	for i := range questions {
		request := ask(t, client, 1+i%4).Request()
		if header == nil {
			header = request[:headerSize]
		}
		if !bytes.Equal(request[:headerSize], header) {
			t.Errorf("the header of a question about %d keys differs", 1+i%4)
		}
		for e := range slices.Chunk(request[headerSize:], elementSize) {
			seen[string(e)] = true
		}
	}
	if len(seen) != questions*4 {
		t.Errorf("%d different elements in %d questions", len(seen), questions)
	}
}

// Keys go into each slot about as often.
func TestSlotsAreShuffled(t *testing.T) {
	client := testClient(t, testKey(t, 1))
	client.random = chacha.NewChaCha8([32]byte{1})
	const rounds = 4000
	var counts [4][4]int
	for range rounds {
		order, err := client.shuffled(4)
		if err != nil {
			t.Fatal(err)
		}
		for key, slot := range order {
			counts[key][slot]++
		}
	}
	for key, slots := range counts {
		for slot, n := range slots {
			if n < rounds/4-rounds/20 || n > rounds/4+rounds/20 {
				t.Errorf("key %d went to slot %d in %d of %d questions", key, slot, n, rounds)
			}
		}
	}
}

// A server with older keys answers for them as well; one without says which it has.
func TestRotation(t *testing.T) {
	old, current := testKey(t, 1), testKey(t, 2)
	q := ask(t, testClient(t, old), 1)
	response, status := NewServer(current, old).Answer(q.Request())
	if _, err := q.Outputs(response); err != nil || status != OK {
		t.Errorf("with both keys: %s, error %v", status, err)
	}
	response, status = NewServer(current).Answer(q.Request())
	_, err := q.Outputs(response)
	var refusal *Refusal
	if status != UnknownKey || !errors.As(err, &refusal) || *refusal != (Refusal{UnknownKey, current.Public().ID()}) {
		t.Errorf("without the old key: %s, error %v", status, err)
	}
}

// A server that passes for another one, with another secret, is found out.
func TestAnotherSecret(t *testing.T) {
	key, other := testKey(t, 1), testKey(t, 2)
	q := ask(t, testClient(t, key), 3)
	response, status := NewServer(&PrivateKey{other.key, key.public}).Answer(q.Request())
	if _, err := q.Outputs(response); status != OK || !errors.Is(err, ErrBadProof) {
		t.Errorf("%s, error %v, want a bad proof", status, err)
	}
}

func TestClientRejectsPublicKeys(t *testing.T) {
	for _, e := range badElements(t) {
		if _, err := NewClient(confirm.PublicKey(e.bytes), rand.Reader); !errors.Is(err, confirm.ErrMalformed) {
			t.Errorf("%s: %v", e.name, err)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	key := testKey(t, 1)
	output, err := NewEvaluator(key).Output(candidates(1)[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		for _, v := range []any{key, *key, output, &output} {
			if got := fmt.Sprintf(verb, v); got != "voprf.PrivateKey" && got != "confirm.Output" {
				t.Errorf("%s of a %T prints more than its type", verb, v)
			}
		}
	}
}

func TestValue(t *testing.T) {
	o := confirm.Output{0xab, 0xcd, 0xef, 1, 2, 3, 4, 0x85}
	for bits, want := range map[int]uint64{1: 1, 4: 0xa, 8: 0xab, 46: 0xabcdef010203 >> 2, 63: 0xabcdef0102030485 >> 1, 64: 0xabcdef0102030485} {
		if got := o.Value(bits); got != want {
			t.Errorf("the first %d bits are %#x, want %#x", bits, got, want)
		}
	}
	for bits, want := range map[int]string{0: "0", 1: "1", 4: "a", 5: "15", 12: "abc", 14: "2af3"} {
		if got := o.Bucket(bits); got != want {
			t.Errorf("the bucket of %d bits is %s, want %s", bits, got, want)
		}
	}
	if got := (&confirm.Output{}).Bucket(13); got != "0000" {
		t.Errorf("the bucket of 13 zeros is %s", got)
	}
}

// One server, evaluator and client serve many at once.
func TestConcurrentUse(t *testing.T) {
	key := testKey(t, 1)
	server, evaluator, client := NewServer(key), NewEvaluator(key), testClient(t, key)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			k := candidates(8)[i]
			q, err := client.Ask([]confirm.Key{k})
			if err != nil {
				t.Error(err)
				return
			}
			response, _ := server.Answer(q.Request())
			outputs, err := q.Outputs(response)
			if err != nil {
				t.Error(err)
				return
			}
			if want, err := evaluator.Output(k); err != nil || outputs[0] != want {
				t.Errorf("key %d: another output than the evaluator's, error %v", i, err)
			}
		})
	}
	all.Wait()
}
