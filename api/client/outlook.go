package client

import (
	"context"
	"fmt"
	"time"

	"drover.dev/api"
)

// Series lists the series whose names begin with a prefix.
func (c *Client) Series(ctx context.Context, prefix string) (api.SeriesList, error) {
	k, list := newCall("GET", "series"), api.SeriesList{}
	k.query.Set("prefix", prefix)
	if _, err := c.do(ctx, k, &list); err != nil {
		return list, fmt.Errorf("list series: %w", err)
	}
	return list, nil
}

// SeriesPoints reads a part of a series.
func (c *Client) SeriesPoints(ctx context.Context, q api.SeriesQuery) (api.SeriesView, error) {
	k, v := newCall("GET", "series", "points"), api.SeriesView{}
	k.query.Set("name", q.Name)
	k.query.Set("since", q.Since.Std().Format(time.RFC3339Nano))
	if q.Until > 0 {
		k.query.Set("until", q.Until.Std().Format(time.RFC3339Nano))
	}
	if q.Step > 0 {
		k.query.Set("step", q.Step.String())
	}
	if _, err := c.do(ctx, k, &v); err != nil {
		return v, fmt.Errorf("read series %s: %w", q.Name, err)
	}
	return v, nil
}
