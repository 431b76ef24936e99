package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/tools/internal/client"
	"github.com/preseal/preseal/tools/internal/keys"
)

// A process is preseal serve, without a snapshot.
type process struct {
	*exec.Cmd
	url, admin string
	log        *bytes.Buffer // complete once it has ended
}

// serving starts preseal serve with a key in the environment.
func serving(t *testing.T, secret [32]byte, args ...string) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{exec.Command(program, append([]string{"serve", "--json"}, args...)...), "", "", new(bytes.Buffer)}
	p.Args[0] = "preseal"
	p.Env = append(os.Environ(), keys.Environment+"="+base64.StdEncoding.EncodeToString(secret[:]))
	p.Stderr = p.log
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.ProcessState == nil {
			p.Process.Kill()
			p.Wait()
		}
	})
	var urls struct{ URL, Admin string }
	if err := json.NewDecoder(stdout).Decode(&urls); err != nil {
		p.Wait()
		t.Fatalf("no address: %v, %s", err, p.log)
	}
	p.url, p.admin = urls.URL, urls.Admin
	return p
}

func (p *process) end(t *testing.T) {
	t.Helper()
	if err := errors.Join(p.Process.Signal(os.Interrupt), p.Wait()); err != nil {
		t.Errorf("the server ended with %v: %s", err, p.log)
	}
}

func newSecret(t *testing.T) ([32]byte, *voprf.PrivateKey) {
	t.Helper()
	var secret [32]byte
	rand.Read(secret[:])
	key, err := voprf.DeriveKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return secret, key
}

func asked(t *testing.T, key *voprf.PrivateKey) *voprf.Question {
	t.Helper()
	c, err := voprf.NewClient(key.Public(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	q, err := c.Ask([]confirm.Key{{Lane: snapshot.PHash, Bytes: make([]byte, 8)}})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func status(t *testing.T, url string) (int, string) {
	t.Helper()
	w, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.StatusCode, string(b)
}

// The server tells of its beginning and end, of requests if asked to, and never of its key or of addresses.
func TestServeLogs(t *testing.T) {
	secret, key := newSecret(t)
	p := serving(t, secret, "--listen", "127.0.0.1:0", "--admin", ":0", "--log-requests")
	c, err := client.NewConfirmer(p.url, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Evaluate(context.Background(), asked(t, key)); err != nil {
		t.Fatal(err)
	}
	if code, text := status(t, p.admin+"metrics"); code != 200 || !strings.Contains(text, `preseal_questions_total{m="4",status="ok"} 1`) || !strings.HasPrefix(p.admin, "http://127.0.0.1:") {
		t.Errorf("metrics at %s: status %d\n%s", p.admin, code, text)
	}
	if code, _ := status(t, p.url+"metrics"); code != 404 {
		t.Errorf("clients can read the metrics: status %d", code)
	}
	p.end(t)
	log := p.log.String()
	for _, want := range []string{`"msg":"serving"`, `"msg":"request","method":"POST","route":"POST /v1/evaluate","status":200`, `"m":4`, `"msg":"stopping"`, `"msg":"stopped"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %s:\n%s", want, log)
		}
	}
	for _, never := range []string{base64.StdEncoding.EncodeToString(secret[:])[:10], hex.EncodeToString(secret[:])[:10], `127.0.0.1/32`, `"client"`} {
		if strings.Contains(log, never) {
			t.Errorf("the log says %s", never)
		}
	}
}

// A server that drains says so and goes on.
func TestServeDrains(t *testing.T) {
	secret, key := newSecret(t)
	p := serving(t, secret, "--listen", "127.0.0.1:0", "--admin", ":0", "--drain", "10m")
	if code, _ := status(t, p.url+"healthz"); code != 200 {
		t.Fatalf("health: status %d", code)
	}
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{p.url, p.admin} {
		for code := 200; code != 503; code, _ = status(t, url+"healthz") {
			time.Sleep(time.Millisecond)
		}
	}
	c, err := client.NewConfirmer(p.url, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Evaluate(context.Background(), asked(t, key)); err != nil {
		t.Errorf("a question while it drains: %v", err)
	}
}

// While the server is started anew, each question has an answer or an error, and after it there are answers again.
func TestServeRestarts(t *testing.T) {
	secret, key := newSecret(t)
	limits := []string{"--rate", "0", "--ceiling", "0"}
	p := serving(t, secret, append(limits, "--listen", "127.0.0.1:0")...)
	c, err := client.NewConfirmer(p.url, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var restarted, enough atomic.Bool
	var before, after, failed atomic.Int64
	var load sync.WaitGroup
	for range 8 {
		load.Go(func() {
			for !enough.Load() && ctx.Err() == nil {
				again := restarted.Load()
				outputs, err := c.Evaluate(ctx, asked(t, key))
				var failure *client.Error
				switch {
				case err == nil && len(outputs) == 1 && again:
					if after.Add(1) >= 100 {
						enough.Store(true)
					}
				case err == nil && len(outputs) == 1:
					before.Add(1)
				case errors.As(err, &failure) && failure.Reason == client.Network && !again:
					failed.Add(1)
					time.Sleep(10 * time.Millisecond)
				default:
					t.Errorf("%d outputs, error %v", len(outputs), err)
				}
			}
		})
	}
	for before.Load() < 100 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	p.end(t)
	for failed.Load() == 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(p.url, "http://"), "/")
	p = serving(t, secret, append(limits, "--listen", host)...)
	restarted.Store(true)
	load.Wait()
	if after.Load() < 100 {
		t.Errorf("%d answers before, %d errors, %d answers after", before.Load(), failed.Load(), after.Load())
	}
	p.end(t)
}

// Ten thousand connections ask at once. Each is answered or told to come again, and then the server is as before.
func TestServeManyConnections(t *testing.T) {
	if testing.Short() {
		t.Skip("opens 10,000 connections")
	}
	n := min(10_000, openFiles()-200)
	if n < 10_000 {
		t.Logf("the limit of open files allows %d connections", n)
	}
	secret, key := newSecret(t)
	p := serving(t, secret, "--listen", "127.0.0.1:0", "--rate", "0", "--ceiling", "0")
	host := strings.TrimSuffix(strings.TrimPrefix(p.url, "http://"), "/")
	q := asked(t, key)
	question := fmt.Appendf(nil, "POST /v1/evaluate HTTP/1.1\r\nHost: test\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", confirm.ContentType, len(q.Request()), q.Request())
	statuses := make(map[int]int)
	var mu sync.Mutex
	var all, connected sync.WaitGroup
	dialling := make(chan struct{}, 256)
	connected.Add(n)
	for range n {
		all.Go(func() {
			code, err := func() (int, error) {
				ready := sync.OnceFunc(connected.Done)
				defer ready()
				dialling <- struct{}{}
				conn, err := net.Dial("tcp", host)
				<-dialling
				if err != nil {
					return 0, err
				}
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(2 * time.Minute))
				r := bufio.NewReaderSize(conn, 512)
				// Whoever has asked something before may be silent for minutes.
				for _, request := range []string{"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n", string(question)} {
					if _, err := io.WriteString(conn, request); err != nil {
						return 0, err
					}
					w, err := http.ReadResponse(r, nil)
					if err != nil {
						return 0, err
					}
					body, err := io.ReadAll(w.Body)
					if err != nil {
						return 0, err
					}
					if w.StatusCode != 200 && len(body) != 204 {
						return 0, fmt.Errorf("status %d, %d bytes", w.StatusCode, len(body))
					}
					if len(body) == 204 {
						return w.StatusCode, nil
					}
					ready()
					connected.Wait()
				}
				return 0, errors.New("the question was not answered")
			}()
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[code]++
		})
	}
	all.Wait()
	t.Logf("%d connections, by status: %v", n, statuses)
	if statuses[200] == 0 || statuses[200]+statuses[429] != n {
		t.Errorf("%d connections, by status: %v", n, statuses)
	}
	c, err := client.NewConfirmer(p.url, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Evaluate(context.Background(), asked(t, key)); err != nil {
		t.Errorf("a question after them: %v", err)
	}
	p.end(t)
}
