package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/preseal/preseal/matcher/confirm"
	"github.com/preseal/preseal/matcher/confirm/voprf"
)

// exchange writes bytes to a new connection, ends its sending side if shut, and returns the response, nil if the
// server closes without one. The server may take what its time-outs allow.
func exchange(t *testing.T, address, sent string, shut bool) (*http.Response, []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(conn, sent) // may fail: the server need not read it all
	if shut {
		conn.(*net.TCPConn).CloseWrite()
	}
	w, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the server keeps the connection open")
	}
	if err != nil {
		return nil, nil
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w, body
}

func posted(length int, body []byte, header ...string) string {
	return fmt.Sprintf("POST /v1/evaluate HTTP/1.1\r\nHost: test\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s", confirm.ContentType, length, strings.Join(header, ""), body)
}

// Every byte of a question's header, and every element, is tried with values out of range. All that is answered has the
// length of an answer, and the server goes on.
func TestHostileQuestions(t *testing.T) {
	r := newRunning(t, nil)
	q := privately(t, r.key.Public(), listedKey)
	good := q.Request()
	change := func(at int, value ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], value)
		return b
	}
	type hostile struct {
		name string
		body []byte
		want voprf.Status
	}
	cases := []hostile{{"good", good, voprf.OK}, {"empty", nil, voprf.Malformed}}
	for at, field := range []string{"type", "version", "suite", "m"} {
		for value := range 256 {
			if byte(value) != good[at] {
				cases = append(cases, hostile{fmt.Sprint(field, " ", value), change(at, byte(value)), voprf.Malformed})
			}
		}
	}
	for at := 4; at < 12; at++ {
		cases = append(cases, hostile{fmt.Sprint("key id, byte ", at), change(at, ^good[at]), voprf.UnknownKey})
	}
	high := bytes.Repeat([]byte{0xff}, 32)
	for i := range 4 {
		at := 12 + 32*i
		cases = append(cases, hostile{fmt.Sprint("element ", i, " is the identity"), change(at, make([]byte, 32)...), voprf.Malformed},
			hostile{fmt.Sprint("element ", i, " is not canonical"), change(at, high...), voprf.Malformed},
			hostile{fmt.Sprint("element ", i, " is negative"), change(at, good[at]|1), voprf.Malformed})
	}
	for n := range good {
		cases = append(cases, hostile{fmt.Sprint(n, " bytes"), good[:n], voprf.Malformed})
	}
	for _, n := range []int{1, 32, voprf.MaxRequest - len(good)} {
		cases = append(cases, hostile{fmt.Sprint(n, " bytes more"), append(bytes.Clone(good), make([]byte, n)...), voprf.Malformed})
	}
	for _, tc := range cases {
		w, err := http.Post("http://"+r.address+"/v1/evaluate", confirm.ContentType, bytes.NewReader(tc.body))
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		answer, err := io.ReadAll(w.Body)
		w.Body.Close()
		if err != nil || w.StatusCode != httpStatus(tc.want) || len(answer) != 204 || voprf.Status(answer[2]) != tc.want {
			t.Errorf("%s: status %d, %d bytes, error %v, want %s", tc.name, w.StatusCode, len(answer), err, tc.want)
		}
	}
}

// What is not even a request ends in a refusal or a closed connection.
func TestHostileRequests(t *testing.T) {
	r := newRunning(t, nil)
	good := privately(t, r.key.Public(), listedKey).Request()
	for _, tc := range []struct {
		name, sent string
		want       int // 0: none or any refusal
	}{
		{"good", posted(140, good, "Connection: close\r\n"), 200},
		{"truncated", posted(140, good[:100]), 400},
		{"too long", posted(voprf.MaxRequest+1, make([]byte, voprf.MaxRequest+1)), 413},
		{"too long, it says", posted(1<<40, good), 413},
		{"negative length", posted(-1, good), 400},
		{"two lengths", posted(140, good, "Content-Length: 141\r\n"), 400},
		{"length and chunks", posted(140, good, "Transfer-Encoding: chunked\r\n"), 0},
		{"endless chunks", fmt.Sprintf("POST /v1/evaluate HTTP/1.1\r\nHost: test\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n", confirm.ContentType) + strings.Repeat("80\r\n"+strings.Repeat("x", 128)+"\r\n", 100), 413},
		{"a broken chunk", fmt.Sprintf("POST /v1/evaluate HTTP/1.1\r\nHost: test\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", confirm.ContentType), 400},
		{"a large header", posted(140, good, "X: "+strings.Repeat("x", 64<<10)+"\r\n"), 431},
		{"many headers", posted(140, good, strings.Repeat("X: x\r\n", 10_000)), 431},
		{"no host", "GET /healthz HTTP/1.1\r\n\r\n", 400},
		{"another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400},
		{"zeros", strings.Repeat("\x00", 1000), 400},
		{"nothing", "", 0},
	} {
		w, body := exchange(t, r.address, tc.sent, true)
		switch {
		case w == nil && tc.want != 0:
			t.Errorf("%s: no response, want status %d", tc.name, tc.want)
		case w != nil && w.StatusCode != tc.want && (tc.want != 0 || w.StatusCode < 400):
			t.Errorf("%s: status %d, want %d", tc.name, w.StatusCode, tc.want)
		case w != nil && len(body) > 1024:
			t.Errorf("%s: a response of %d bytes", tc.name, len(body))
		}
	}
}

// Connections that send slowly or not at all, or do not read, end by themselves; others are served meanwhile.
func TestSlowConnections(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the server's time-outs")
	}
	r := newRunning(t, nil)
	good := posted(140, privately(t, r.key.Public(), listedKey).Request())
	var slow sync.WaitGroup
	for name, sent := range map[string]string{
		"nothing": "", "a part of the header": good[:40], "no body": good[:len(good)-140], "a part of the body": good[:len(good)-1],
	} {
		for _, dripping := range []bool{false, true} {
			slow.Go(func() {
				conn, err := net.Dial("tcp", r.address)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(time.Minute))
				io.WriteString(conn, sent)
				if dripping { // a byte now and then does not help: the whole has its time
					ended := make(chan struct{})
					defer close(ended)
					go func() {
						for i := 0; ; i++ {
							select {
							case <-ended:
								return
							case <-time.After(time.Second):
								io.WriteString(conn, "x")
							}
						}
					}()
				}
				if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s, dripping %t: the server keeps the connection open", name, dripping)
				}
			})
		}
	}
	for range 100 {
		if w, body := exchange(t, r.address, strings.Replace(good, "Host", "Connection: close\r\nHost", 1), false); w == nil || w.StatusCode != 200 || len(body) != 204 {
			t.Fatalf("no answer meanwhile: %v", w)
		}
	}
	slow.Wait()
	r.stop()
	if n := r.Metrics.connections.Load(); n != 0 {
		t.Errorf("%d connections are open at the end", n)
	}
}
