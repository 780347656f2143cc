package live

import (
	"context"
	"time"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// artifacts is a store with what a server needs beside it.
type artifacts interface {
	artifact.Store
	Path(ctx context.Context, d artifact.Digest) (string, error)
	Sweep(live func(artifact.Digest) bool, olderThan time.Time) (artifact.Swept, error)
	Close() error
}

// Artifacts implements httpapi.Cell.
func (c *Cell) Artifacts() artifact.Store { return c.artifacts }

// sweep removes artifacts that nothing refers to, until ctx ends.
func (c *Cell) sweep(ctx context.Context) {
	t := time.NewTicker(c.cfg.SweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := c.sweepOnce(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("artifacts could not be swept", "error", err)
		}
	}
}

func (c *Cell) sweepOnce(ctx context.Context) error {
	// Before the references are read: what is put after that, or was put less
	// than the grace before it, stays.
	before := time.Now().Add(-c.cfg.SweepGrace)
	var live map[artifact.Digest]bool
	if _, err := c.View(ctx, 0, func(e *engine.Engine) { live = references(e.State()) }); err != nil {
		return err
	}
	refers := func(d artifact.Digest) bool { return live[d] }
	got, err := c.artifacts.Sweep(func(d artifact.Digest) bool { return refers(d) || c.fitted(d) }, before)
	if shared, ok := c.artifacts.(*artifact.Objects); ok && c.cluster.acts() && err == nil {
		got, err = shared.SweepBucket(ctx, refers, before)
	}
	if got.Artifacts > 0 {
		c.log.Info("artifacts swept", "artifacts", got.Artifacts, "bytes", got.Bytes)
	}
	return err
}

// fitted reports whether an artifact is a model that this server has fitted to its series.
func (c *Cell) fitted(d artifact.Digest) bool { return c.observer != nil && c.observer.ahead.Refers(d) }

// references lists every artifact that the state refers to.
func references(st *state.State) map[artifact.Digest]bool {
	out := map[artifact.Digest]bool{}
	add := func(d api.Digest) {
		if d != "" {
			out[artifact.Digest(d)] = true
		}
	}
	for _, w := range st.Workloads { // order-free: a set
		addSpec(w.Spec, add)
		for i := range w.Past {
			addSpec(w.Past[i].Spec, add)
		}
		for gi := range w.Groups {
			for _, t := range w.Groups[gi].Tasks {
				if t.Result != nil {
					for i := range t.Result.Outputs {
						add(t.Result.Outputs[i].Digest)
					}
				}
			}
		}
	}
	return out
}

func addSpec(w *api.Workload, add func(api.Digest)) {
	for i := range w.Tasks {
		t := &w.Tasks[i]
		if t.Artifact != nil {
			add(t.Artifact.Digest)
		}
		for j := range t.Inputs {
			add(t.Inputs[j].Digest)
		}
	}
}
