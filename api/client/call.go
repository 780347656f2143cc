package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
)

const (
	// maxAnswer bounds how much of an answer is read into memory.
	maxAnswer = 256 << 20
	// tryTimeout bounds one try of a call.
	tryTimeout  = 45 * time.Second
	firstPause  = 50 * time.Millisecond
	longestWait = 5 * time.Second
)

// call is a request that may be sent more than once.
type call struct {
	method string
	path   string // below the server's URL, escaped
	query  url.Values
	body   []byte // JSON
	header http.Header
}

func newCall(method string, path ...string) *call {
	for i := range path {
		path[i] = url.PathEscape(path[i])
	}
	return &call{method: method, path: "/v1/" + strings.Join(path, "/"), query: url.Values{}, header: http.Header{}}
}

// withKey makes the idempotency key of a change.
func (k *call) withKey() *call {
	k.header.Set(api.HeaderKey, rand.Text())
	return k
}

func (k *call) json(v any) (*call, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	k.body = body
	k.header.Set("Content-Type", "application/json")
	return k, nil
}

// do sends a call until it is answered for good, and reads the answer into to.
// It returns the sequence that the answer stands at.
func (c *Client) do(ctx context.Context, k *call, to any) (seq uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	c.readOwn(k)
	err = c.retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, tryTimeout)
		defer cancel()
		ctx, stop := c.watched(ctx)
		defer stop()
		res, err := c.send(ctx, k, bytes.NewReader(k.body), int64(len(k.body)))
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		c.noteStood(res.Header)
		seq, _ = strconv.ParseUint(res.Header.Get(api.HeaderSeq), 10, 64)
		if to == nil {
			return nil
		}
		body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		if err != nil {
			return &UnreachableError{c.Server(), err}
		}
		if err := json.Unmarshal(body, to); err != nil {
			return fmt.Errorf("read the answer to %s %s: %w", k.method, k.path, err)
		}
		return nil
	})
	if k.method != http.MethodGet {
		c.wrote(seq)
	}
	return seq, err
}

// readOwn makes a read reflect what this client wrote before.
func (c *Client) readOwn(k *call) {
	if c.config.At != "" && k.method == http.MethodGet {
		k.query.Set("at", c.config.At)
		return
	}
	if own := c.own.Load(); own > 0 && k.method == http.MethodGet {
		k.query.Set("atLeast", strconv.FormatUint(own, 10))
	}
}

// Stood is the record that the last read of the past reflected, and when it was
// decided; 0 when there was none.
func (c *Client) Stood() (record uint64, at api.Time) {
	return c.stoodAt.Load(), api.Time(c.stoodTime.Load())
}

func (c *Client) noteStood(h http.Header) {
	t, err := time.Parse(time.RFC3339Nano, h.Get(api.HeaderTime))
	if n, _ := strconv.ParseUint(h.Get(api.HeaderRecord), 10, 64); n > 0 && err == nil {
		c.stoodAt.Store(n)
		c.stoodTime.Store(t.UnixNano())
	}
}

// wrote remembers the latest record that a change of this client stands in.
func (c *Client) wrote(seq uint64) {
	for own := c.own.Load(); seq > own && !c.own.CompareAndSwap(own, seq); own = c.own.Load() {
	}
}

// send sends a request once, with a body of size bytes. Answers that are not
// good are errors.
func (c *Client) send(ctx context.Context, k *call, body io.Reader, size int64) (*http.Response, error) {
	target := c.Server() + k.path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	if size == 0 {
		body = http.NoBody
	}
	r, err := http.NewRequestWithContext(ctx, k.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	r.ContentLength = size
	for name, values := range k.header {
		r.Header[name] = values
	}
	r.Header.Set(api.HeaderTenant, c.config.Tenant)
	r.Header.Set("User-Agent", "drover-client")
	if c.config.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.config.Token)
	}
	res, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil, context.Cause(ctx)
		}
		return nil, &UnreachableError{c.Server(), cause(err)}
	}
	c.reached.Store(true)
	if res.StatusCode >= 300 {
		defer func() { _ = res.Body.Close() }()
		return nil, errorOf(res)
	}
	return res, nil
}

// cause strips the method and URL that net/http repeats.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// maxProblem bounds how much of a refusal is read.
const maxProblem = 1 << 20

func errorOf(res *http.Response) error {
	e := &Error{Status: res.StatusCode}
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if json.Unmarshal(body, &e.Problem) != nil {
		e.Problem = api.Problem{Status: res.StatusCode, Title: http.StatusText(res.StatusCode)}
	}
	for _, p := range e.Problem.Errors {
		path := strings.TrimPrefix(strings.TrimPrefix(p.Location, "body"), ".")
		e.Fields = append(e.Fields, api.FieldError{Path: path, Message: p.Message})
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusRequestTimeout:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return &busyError{e, time.Duration(seconds) * time.Second}
	}
	return e
}

// busyError is a refusal that may not stand a moment later.
type busyError struct {
	refusal *Error
	after   time.Duration // at least so long; 0: not said
}

func (e *busyError) Error() string { return e.refusal.Error() }
func (e *busyError) Unwrap() error { return e.refusal }

// retry tries until there is an answer that stands, or ctx ends; then the last
// error is returned.
func (c *Client) retry(ctx context.Context, try func(context.Context) error) error {
	fresh := len(c.servers) // that were not tried yet
	for pause := firstPause; ; pause = min(2*pause, longestWait) {
		at := c.at.Load()
		err := try(ctx)
		var busy *busyError
		var unreachable *UnreachableError
		wait := jitter(pause)
		switch {
		case errors.As(err, &busy):
			wait = max(wait, busy.after)
			err = busy.refusal
			if busy.refusal.Status != http.StatusTooManyRequests && c.turn(at) {
				wait = min(wait, time.Second) // the next one may know better
			}
		case errors.As(err, &unreachable):
			if fresh--; c.turn(at) && fresh > 0 {
				continue // at once
			}
			if c.config.FailFast && !c.reached.Load() {
				return err
			}
		default:
			return err
		}
		if !sleep(ctx, wait) {
			return err
		}
	}
}

// jitter spreads waits over [d/2, d), so that many clients do not come at once.
func jitter(d time.Duration) time.Duration { return d/2 + mathrand.N(d/2) }

// sleep reports whether it slept to the end; it does not begin to when ctx will
// end before.
func sleep(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
