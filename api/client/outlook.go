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

// Forecasts lists what is expected of the series whose names begin with a prefix.
func (c *Client) Forecasts(ctx context.Context, prefix string) (api.ForecastList, error) {
	k, list := newCall("GET", "forecasts"), api.ForecastList{}
	k.query.Set("prefix", prefix)
	if _, err := c.do(ctx, k, &list); err != nil {
		return list, fmt.Errorf("list forecasts: %w", err)
	}
	return list, nil
}

// ForecastScores lists how good the forecasts of those series were, and the latest
// anomalies of all.
func (c *Client) ForecastScores(ctx context.Context, prefix string) (api.ForecastScores, error) {
	k, list := newCall("GET", "forecasts", "scores"), api.ForecastScores{}
	k.query.Set("prefix", prefix)
	if _, err := c.do(ctx, k, &list); err != nil {
		return list, fmt.Errorf("list the scores of forecasts: %w", err)
	}
	return list, nil
}

// FittedModels lists the models that were fitted to those series.
func (c *Client) FittedModels(ctx context.Context, prefix string) (api.FittedModelList, error) {
	k, list := newCall("GET", "forecasts", "models"), api.FittedModelList{}
	k.query.Set("prefix", prefix)
	if _, err := c.do(ctx, k, &list); err != nil {
		return list, fmt.Errorf("list fitted models: %w", err)
	}
	return list, nil
}

// Capacity says what may be short within a horizon, and how likely that is.
func (c *Client) Capacity(ctx context.Context, horizon api.Duration) (api.CapacityPlan, error) {
	k, plan := newCall("GET", "capacity"), api.CapacityPlan{}
	k.query.Set("horizon", horizon.String())
	if _, err := c.do(ctx, k, &plan); err != nil {
		return plan, fmt.Errorf("plan capacity: %w", err)
	}
	return plan, nil
}

// Rightsize says what the tasks of the client's tenant, or of all, should ask for.
func (c *Client) Rightsize(ctx context.Context, all bool) (api.RightsizingList, error) {
	k, list := newCall("GET", "rightsize"), api.RightsizingList{}
	if all {
		k.query.Set("allTenants", "true")
	}
	if _, err := c.do(ctx, k, &list); err != nil {
		return list, fmt.Errorf("right-size: %w", err)
	}
	return list, nil
}
