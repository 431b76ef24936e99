package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"strconv"
	"time"
)

var web = &http.Client{CheckRedirect: func(r *http.Request, via []*http.Request) error {
	if first := via[0].URL; len(via) > 3 || r.Method != http.MethodGet || r.URL.Scheme != first.Scheme || r.URL.Host != first.Host {
		return http.ErrUseLastResponse
	}
	return nil
}}

// exchange makes a request and reads limit bytes of its response at most. It gives up once the server has been silent
// for as long as timeout.
func exchange(ctx context.Context, timeout time.Duration, limit int64, request func(context.Context) (*http.Request, error)) ([]byte, error) {
	silent, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(timeout, func() { cancel(context.DeadlineExceeded) })
	defer timer.Stop()
	fail := func(err error) error {
		var t net.Error
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(context.Cause(silent), context.DeadlineExceeded), errors.As(err, &t) && t.Timeout():
			return &Error{Timeout, fmt.Errorf("no answer within %s", timeout)}
		}
		return &Error{Network, err}
	}
	r, err := request(silent)
	if err != nil {
		return nil, err
	}
	response, err := web.Do(r)
	if err != nil {
		return nil, fail(err)
	}
	defer response.Body.Close()
	timer.Reset(timeout)
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, &Error{Server, fmt.Errorf("%s: %w", r.URL, fs.ErrNotExist)}
	case http.StatusTooManyRequests:
		return nil, &Error{Busy, &waitError{r.URL.String(), retryAfter(response.Header.Get("Retry-After"), time.Now())}}
	default:
		return nil, &Error{Server, fmt.Errorf("%s answered with status %d", r.URL, response.StatusCode)}
	}
	if want := r.Header.Get("Content-Type"); want != "" { // a question is answered in its own type
		got := response.Header.Get("Content-Type")
		if media, _, err := mime.ParseMediaType(got); err != nil || media != want {
			return nil, &Error{BadAnswer, fmt.Errorf("%s answered with the content type %q", r.URL, got)}
		}
	}
	b, err := io.ReadAll(io.LimitReader(&heard{response.Body, func() { timer.Reset(timeout) }}, limit))
	if err != nil {
		return nil, fail(err)
	}
	return b, nil
}

// heard calls hear whenever something was read.
type heard struct {
	r    io.Reader
	hear func()
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if n > 0 {
		h.hear()
	}
	return n, err
}

// A waitError is the server's wish to be asked later.
type waitError struct {
	url   string
	after time.Duration // 0 if it did not say
}

func (e *waitError) Error() string {
	if e.after == 0 {
		return e.url + " has too much to do"
	}
	return fmt.Sprintf("%s has too much to do, and asks to wait for %s", e.url, e.after)
}

// retryAfter reads the header of that name (RFC 9110, section 10.2.3): seconds or a date. What makes no sense is 0.
func retryAfter(header string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(header); err == nil {
		return max(0, t.Sub(now).Round(time.Second))
	}
	return 0
}
