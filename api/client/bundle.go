package client

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"
)

// Bundle writes a bundle of the cell's recent history to w: at least the last so
// many records, as far as there are snapshots; with names and texts replaced by
// tokens if anonymise is set. After an error w may hold a part of it.
func (c *Client) Bundle(ctx context.Context, w io.Writer, records uint64, anonymise bool) error {
	k := newCall("GET", "bundle")
	k.query.Set("records", strconv.FormatUint(records, 10))
	k.query.Set("anonymise", strconv.FormatBool(anonymise))
	if err := c.download(ctx, k, w); err != nil {
		return fmt.Errorf("get a bundle: %w", err)
	}
	return nil
}

// Profile writes a profile of the server's process to w, for go tool pprof. Its
// kind is "heap", "goroutine" or "cpu"; the use of processors is looked at for so
// long: whole seconds, 1 to 30. After an error w may hold a part of it.
func (c *Client) Profile(ctx context.Context, w io.Writer, kind string, long time.Duration) error {
	k := newCall("GET", "profile")
	k.query.Set("kind", kind)
	k.query.Set("seconds", strconv.Itoa(int(long/time.Second)))
	if err := c.download(ctx, k, w); err != nil {
		return fmt.Errorf("get a profile: %w", err)
	}
	return nil
}

// download writes what a call answers to w.
func (c *Client) download(ctx context.Context, k *call, w io.Writer) error {
	begun := false
	return c.transfer(ctx, func(ctx context.Context, progress func()) error {
		if begun { // what another call answers would not fit
			return fmt.Errorf("the connection was lost on the way: try again")
		}
		res, err := c.send(ctx, k, nil, 0)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		begun = true
		out := &tee{w: w}
		if _, err := io.Copy(out, &counted{res.Body, progress}); err != nil && out.err == nil {
			return &UnreachableError{c.Server(), err}
		} else if err != nil {
			return err
		}
		return nil
	})
}
