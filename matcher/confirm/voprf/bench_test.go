package voprf

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/cloudflare/circl/oprf"
)

// ratio runs both in turn and reports how much longer own takes than bare.
func ratio(b *testing.B, own, bare func()) {
	var spent [2]time.Duration
	for b.Loop() {
		for i, f := range []func(){own, bare} {
			start := time.Now()
			f()
			spent[i] += time.Since(start)
		}
	}
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "×bare")
	b.ReportMetric(float64(spent[0].Microseconds())/float64(b.N), "own-µs")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAnswer compares the server's whole work on a request with circl's
// evaluation and proof of as many elements.
func BenchmarkAnswer(b *testing.B) {
	key := testKey(b, 1)
	server, bare, client := NewServer(key), oprf.NewVerifiableServer(suite, key.key), testClient(b, key)
	for _, m := range sizes {
		b.Run(fmt.Sprint("m=", m), func(b *testing.B) {
			request := ask(b, client, m).Request()
			decoded, err := decodeRequest(request)
			if err != nil {
				b.Fatal(err)
			}
			ratio(b, func() { server.Answer(request) }, func() {
				if _, err := bare.Evaluate(&oprf.EvaluationRequest{Elements: decoded.elements}); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkOutput compares the builder's work on a key with circl's.
func BenchmarkOutput(b *testing.B) {
	key := testKey(b, 1)
	evaluator, bare, asked := NewEvaluator(key), oprf.NewVerifiableServer(suite, key.key), candidates(1)[0]
	input, err := asked.Input()
	if err != nil {
		b.Fatal(err)
	}
	ratio(b, func() { _, err = evaluator.Output(asked) }, func() { _, err = bare.FullEvaluate(input) })
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkQuestion is the client's work: to ask, and to read the answer.
func BenchmarkQuestion(b *testing.B) {
	key := testKey(b, 1)
	server, client := NewServer(key), testClient(b, key)
	client.random = rand.Reader
	for _, m := range sizes {
		q := ask(b, client, m)
		response, _ := server.Answer(q.Request())
		b.Run(fmt.Sprint("ask/m=", m), func(b *testing.B) {
			for b.Loop() {
				ask(b, client, m)
			}
		})
		b.Run(fmt.Sprint("outputs/m=", m), func(b *testing.B) {
			for b.Loop() {
				if _, err := q.Outputs(response); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
