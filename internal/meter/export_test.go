package meter

import (
	"context"
	"time"

	"drover.dev/api"
)

// OpenRAPLAt is OpenRAPL in made-up time.
var OpenRAPLAt = openRAPL

// Quiet is the declared query in made-up time, asked only by Ask.
func (c *Config) Quiet(p *api.PowerModel, now func() time.Time) *Prometheus {
	return newPrometheus(c.Prometheus, newTally(c.unit, c.stale, p, now))
}

// Ask asks the query once, and now.
func (p *Prometheus) Ask() { p.ask(context.Background()) }
