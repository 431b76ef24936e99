// Package server answers over HTTP: the static files of a snapshot, the confirmation, and the demo's relay. No handler
// logs what it is sent.
package server

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// Run serves until ctx ends, then lets requests finish for a moment. The contexts of requests end with ctx.
func Run(ctx context.Context, l net.Listener, h http.Handler, problems io.Writer) error {
	s := newServer(h, problems)
	s.ReadTimeout, s.WriteTimeout = time.Minute, time.Minute
	return run(ctx, l, s, 3*time.Second)
}

// newServer returns a server for small requests.
func newServer(h http.Handler, problems io.Writer) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second, // of a whole request
		WriteTimeout:      30 * time.Second, // from its header to the end of the response; see allow
		IdleTimeout:       2 * time.Minute,  // longer than proxies keep connections for, which is a minute often
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(problems, "preseal: ", 0),
	}
}

// run serves until ctx ends, then lets requests finish for as long as grace.
func run(ctx context.Context, l net.Listener, s *http.Server, grace time.Duration) error {
	s.BaseContext = func(net.Listener) context.Context { return ctx }
	done := make(chan error, 1)
	go func() {
		<-ctx.Done()
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		err := s.Shutdown(limit)
		if errors.Is(err, context.DeadlineExceeded) {
			err = s.Close()
		}
		done <- err
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-done
}

// allow gives a slow client more time than the server's WriteTimeout for a large response.
func allow(w http.ResponseWriter, d time.Duration) {
	// Not every ResponseWriter has deadlines; those without need none.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}

// URL returns the address of a listener as a browser writes it.
func URL(l net.Listener) string {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "http://" + l.Addr().String() + "/"
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port) + "/"
}
