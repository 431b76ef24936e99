package load

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"math"
	chacha "math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/snapshot"
)

const (
	rounds    = 5  // of bare evaluations and of the server, by turns
	questions = 64 // different ones of a size
	// Share is the part of the server's throughput at which its latency is measured.
	Share = 0.7
)

// A Result is what was measured of questions of one size.
type Result struct {
	M            int
	Server, Bare time.Duration // processor time of one question: the server's, and circl's for evaluation and proof
	Throughput   float64       // questions a second, with more clients than processors
	Cores        int
	Elsewhere    float64 // processors that other programs than the server and its clients kept busy meanwhile
	Latency              // at Share of that throughput: of the round whose ratio is in the middle
}

// A Latency is the time that 50 % and 99 % of the questions took at most.
type Latency struct{ Median, Worst time.Duration }

func (l Latency) ratio() float64 { return float64(l.Worst) / float64(l.Median) }

// Allowed is the throughput that the server's processor time allows on the processors that other programs left.
func (r *Result) Allowed() float64 { return (float64(r.Cores) - r.Elsewhere) / r.Server.Seconds() }

// Run measures each size for so long.
func Run(ctx context.Context, sizes []int, each time.Duration) ([]Result, error) {
	ctx, stop := context.WithCancel(ctx)
	s, err := start(ctx)
	if err != nil {
		stop()
		return nil, err
	}
	defer func() {
		stop()
		s.cmd.Wait()
	}()
	var results []Result
	for _, m := range sizes {
		r, err := s.measure(ctx, m, each)
		if err != nil {
			return nil, fmt.Errorf("m = %d: %w", m, err)
		}
		results = append(results, *r)
	}
	return results, ctx.Err()
}

func (s *server) measure(ctx context.Context, m int, each time.Duration) (*Result, error) {
	cores := runtime.GOMAXPROCS(0)
	c, err := newClients(s, m, 8*cores)
	if err != nil {
		return nil, err
	}
	defer c.close()
	bare, err := newBare(m)
	if err != nil {
		return nil, err
	}
	r := &Result{M: m, Cores: cores}
	var asked, evaluated int64
	var serverTime, bareTime, others, wall time.Duration
	var latencies []Latency
	for range rounds {
		part := each / rounds / 8
		n, t, err := cost("self", func() (int64, error) { return bare(ctx, cores, 2*part) })
		if err != nil {
			return nil, err
		}
		evaluated, bareTime = evaluated+n, bareTime+t
		before, err := busy()
		if err != nil {
			return nil, err
		}
		began := time.Now()
		var own time.Duration
		n, t, err = cost(s.process(), func() (n int64, err error) {
			n, own, err = cost("self", func() (int64, error) { return c.saturate(ctx, 3*part) })
			return n, err
		})
		if err != nil {
			return nil, err
		}
		took := time.Since(began)
		after, err := busy()
		if err != nil {
			return nil, err
		}
		asked, serverTime, others, wall = asked+n, serverTime+t, others+after-before-t-own, wall+took
		l, err := c.latency(ctx, Share*float64(n)/took.Seconds(), 3*part)
		if err != nil {
			return nil, err
		}
		latencies = append(latencies, l)
	}
	if asked == 0 || evaluated == 0 {
		return nil, fmt.Errorf("nothing was measured within %s", each)
	}
	r.Server, r.Bare = serverTime/time.Duration(asked), bareTime/time.Duration(evaluated)
	r.Throughput, r.Elsewhere = float64(asked)/wall.Seconds(), max(0, others.Seconds()/wall.Seconds())
	slices.SortFunc(latencies, func(a, b Latency) int { return cmp.Compare(a.ratio(), b.ratio()) })
	r.Latency = latencies[rounds/2]
	return r, nil
}

// cost returns what f does, and the processor time that a process took for it.
func cost(process string, f func() (int64, error)) (int64, time.Duration, error) {
	before, err := used(process)
	if err != nil {
		return 0, 0, err
	}
	n, err := f()
	if err != nil {
		return 0, 0, err
	}
	after, err := used(process)
	return n, after - before, err
}

// newBare returns a function that evaluates and proves as many elements as a question has, on all processors.
func newBare(m int) (func(context.Context, int, time.Duration) (int64, error), error) {
	suite := oprf.SuiteRistretto255
	key, err := oprf.GenerateKey(suite, rand.Reader)
	if err != nil {
		return nil, err
	}
	key.Public() // computed once, which is not safe for several at once
	elements := make([]group.Element, m)
	for i := range elements {
		elements[i] = suite.Group().RandomElement(rand.Reader)
	}
	evaluator := oprf.NewVerifiableServer(suite, key)
	return func(ctx context.Context, cores int, d time.Duration) (int64, error) {
		return together(ctx, cores, d, func(int) error {
			_, err := evaluator.Evaluate(&oprf.EvaluationRequest{Elements: elements})
			return err
		})
	}, nil
}

// together has n at work for so long, and returns how often they did f.
func together(ctx context.Context, n int, d time.Duration, f func(worker int) error) (int64, error) {
	var all sync.WaitGroup
	var done atomic.Int64
	errs := make([]error, n)
	end := time.Now().Add(d)
	for i := range n {
		all.Go(func() {
			for time.Now().Before(end) && errs[i] == nil && ctx.Err() == nil {
				errs[i] = f(i)
				done.Add(1)
			}
		})
	}
	all.Wait()
	for _, err := range append(errs, ctx.Err()) {
		if err != nil {
			return 0, err
		}
	}
	return done.Load(), nil
}

// clients are connections, and questions that were made before.
type clients struct {
	connections []*connection
	requests    [][]byte
}

func newClients(s *server, m, n int) (*clients, error) {
	asker, err := voprf.NewClient(s.key.Public(), rand.Reader)
	if err != nil {
		return nil, err
	}
	keys := make([]confirm.Key, m)
	for i := range keys {
		keys[i] = confirm.Key{Lane: snapshot.PHash, Bytes: []byte{byte(i), 0, 0, 0, 0, 0, 0, 0}}
	}
	c := &clients{}
	var q *voprf.Question
	for range questions {
		if q, err = asker.Ask(keys); err != nil {
			return nil, err
		}
		c.requests = append(c.requests, message(s.host, q))
	}
	for range n {
		conn, err := dial(s.host, q)
		if err != nil {
			c.close()
			return nil, err
		}
		c.connections = append(c.connections, conn)
	}
	return c, nil
}

func (c *clients) close() {
	for _, conn := range c.connections {
		conn.Close()
	}
}

// saturate asks on all connections, the next question after each answer.
func (c *clients) saturate(ctx context.Context, d time.Duration) (int64, error) {
	next := make([]int, len(c.connections))
	return together(ctx, len(c.connections), d, func(i int) error {
		next[i]++
		return c.connections[i].ask(c.requests[(i+next[i])%questions])
	})
}

// latency asks at random times (a Poisson process), whether or not there are answers yet. It counts from when a
// question was due: one that had to wait for a connection has waited.
func (c *clients) latency(ctx context.Context, perSecond float64, d time.Duration) (Latency, error) {
	due := make(chan time.Time, math.MaxInt16)
	times := make([][]time.Duration, len(c.connections))
	errs := make([]error, len(c.connections))
	var all sync.WaitGroup
	for i, conn := range c.connections {
		all.Go(func() {
			for at := range due {
				if errs[i] == nil {
					errs[i] = conn.ask(c.requests[len(times[i])%questions])
					times[i] = append(times[i], time.Since(at))
				}
			}
		})
	}
	random := chacha.New(chacha.NewPCG(1, 2))
	for at, end := time.Now(), time.Now().Add(d); at.Before(end) && ctx.Err() == nil; {
		time.Sleep(time.Until(at))
		due <- at
		at = at.Add(time.Duration(random.ExpFloat64() / perSecond * float64(time.Second)))
	}
	close(due)
	all.Wait()
	for _, err := range append(errs, ctx.Err()) {
		if err != nil {
			return Latency{}, err
		}
	}
	measured := slices.Concat(times...) // at least the first, which is due at once
	slices.Sort(measured)
	return Latency{measured[len(measured)/2], measured[len(measured)*99/100]}, nil
}
