package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"drover.dev/api"
	"drover.dev/internal/history"
	"drover.dev/internal/live/httpapi"
)

// Bundle implements httpapi.Cell. The file has no name any more when it is given
// out, so it goes when it is closed.
func (c *Cell) Bundle(ctx context.Context, o httpapi.BundleOptions) (io.ReadSeekCloser, error) {
	select {
	case c.bundling <- struct{}{}:
		defer func() { <-c.bundling }()
	default:
		return nil, &httpapi.BusyError{RetryAfter: time.Second}
	}
	f, err := os.CreateTemp(c.cfg.Dir, "bundle-*")
	if err != nil {
		return nil, fmt.Errorf("write a bundle: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("write a bundle: %w", err), f.Close())
	}
	_, err = c.past().WriteBundle(ctx, f, history.BundleOptions{
		Cell: c.cfg.Cell, Version: c.cfg.Build, Made: api.Time(time.Now().UnixNano()),
		Records: o.Records, Anonymise: o.Anonymise,
		Metrics: o.Metrics, Log: c.recent.String(), Divergences: c.Divergences(),
	})
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
