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
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(problems, "preseal: ", 0),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	done := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		err := s.Shutdown(grace)
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
