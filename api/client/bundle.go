package client

import (
	"context"
	"fmt"
	"io"
	"strconv"
)

// Bundle writes a bundle of the cell's recent history to w: at least the last so
// many records, as far as there are snapshots; with names and texts replaced by
// tokens if anonymise is set. After an error w may hold a part of it.
func (c *Client) Bundle(ctx context.Context, w io.Writer, records uint64, anonymise bool) error {
	begun := false
	err := c.transfer(ctx, func(ctx context.Context, progress func()) error {
		if begun { // another bundle could follow: its parts would not fit
			return fmt.Errorf("the connection was lost on the way: try again")
		}
		k := newCall("GET", "bundle")
		k.query.Set("records", strconv.FormatUint(records, 10))
		k.query.Set("anonymise", strconv.FormatBool(anonymise))
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
	if err != nil {
		return fmt.Errorf("get a bundle: %w", err)
	}
	return nil
}
