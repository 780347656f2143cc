package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxLine bounds one line of a stream: a log chunk of 256 KiB in base64.
const maxLine = 1 << 20

// event is one server-sent event.
type event struct{ name, id, data string }

// readEvents gives the events of a stream to f until f says enough or the
// stream ends.
func readEvents(r io.Reader, f func(event) bool) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 16<<10), maxLine)
	var e event
	for lines.Scan() {
		if lines.Text() == "" {
			if e.data != "" && !f(e) {
				return nil
			}
			e = event{}
			continue
		}
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data += value
		}
	}
	return lines.Err()
}

// errEnded says that a stream is over for good.
var errEnded = errors.New("the stream has ended")

// stream reads a stream of events and connects again where it broke off. It
// returns nil when take says that it is over.
func (c *Client) stream(ctx context.Context, k *call, take func(event) (more bool, err error)) error {
	k.header.Set("Accept", "text/event-stream")
	c.readOwn(k)
	for {
		came := false
		err := c.retryWithin(ctx, func(ctx context.Context) error {
			return c.streamOnce(ctx, k, func(e event) (bool, error) {
				came = true
				if e.id != "" {
					k.header.Set("Last-Event-ID", e.id)
				}
				return take(e)
			})
		}, &came)
		if errors.Is(err, errEnded) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// retryWithin is retry for at most Timeout since the last thing that came. A
// stream that broke off after something came is no failure.
func (c *Client) retryWithin(ctx context.Context, try func(context.Context) error, came *bool) error {
	limit, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	return c.retry(limit, func(context.Context) error {
		*came = false
		err := try(ctx) // a stream may last longer than limit
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var broken *UnreachableError
		if *came && errors.As(err, &broken) {
			return nil
		}
		return err
	})
}

// streamOnce reads one connection. Servers show at least every 15 s that they
// live; one that is silent for long is given up.
func (c *Client) streamOnce(ctx context.Context, k *call, take func(event) (bool, error)) error {
	ctx, cancel := c.watched(ctx)
	defer cancel()
	silence := time.AfterFunc(tryTimeout, cancel)
	defer silence.Stop()
	res, err := c.send(ctx, k, nil, 0)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return fmt.Errorf("%s is not a Drover server: it answered %s", c.Server(), res.Header.Get("Content-Type"))
	}
	var end error
	err = readEvents(&counted{res.Body, func() { silence.Reset(tryTimeout) }}, func(e event) bool {
		more, err := take(e)
		if end = err; err == nil && !more {
			end = errEnded
		}
		return end == nil
	})
	if end != nil {
		return end
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return &UnreachableError{c.Server(), err}
}

// problemEvent is the error that an event carries. One that tells of a busy
// server or a node out of reach is worth another try.
func problemEvent(data string) error {
	e := &Error{Status: http.StatusInternalServerError}
	if err := json.Unmarshal([]byte(data), &e.Problem); err != nil {
		return fmt.Errorf("read the end of a stream: %w", err)
	}
	e.Status = e.Problem.Status
	if e.Status == http.StatusServiceUnavailable {
		return &busyError{refusal: e}
	}
	return e
}
