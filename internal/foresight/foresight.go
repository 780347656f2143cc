// Package foresight makes of forecasts of what a cell's tasks hold the input by which its
// engine wakes nodes ahead of demand. It is the same for a leader and for a twin.
package foresight

import (
	"fmt"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// The series that are forecast: what tasks hold of all nodes that are not silent.
const (
	CPU    = "held/cell/cpu"    // in thousandths of cores
	Memory = "held/cell/memory" // in bytes
)

// Say is what is to be expected at a time, by the forecasts of both series: the finest
// that reaches far enough of each, else the one that reaches farthest. held is what tasks
// hold now: a forecast of some minutes ago is moved by as much as it misses that. It is an
// error when there is none, or one that is over or no number.
func Say(asked engine.Ahead, list []api.SeriesForecast, held state.Room, now api.Time) (*engine.Foreseen, error) {
	w := window{now: now, soon: asked.Soon, later: asked.Later, quantile: float64(asked.Quantile) / 1000}
	said := state.DemandForeseen{Quantile: asked.Quantile, Held: held}
	cpu, by, err := w.of(list, CPU, float64(held.CPU))
	if err != nil {
		return nil, err
	}
	memory, and, err := w.of(list, Memory, float64(held.Memory))
	if err != nil {
		return nil, err
	}
	said.Soon = state.Room{CPU: api.Milli(cpu.soon), Memory: api.Bytes(memory.soon)}
	said.Later = state.Room{CPU: api.Milli(cpu.later), Memory: api.Bytes(memory.later)}
	said.Until, said.Origin = min(cpu.until, memory.until), min(by.Origin, and.Origin)
	said.Model = by.Model[:min(len(by.Model), engine.MaxModel)]
	return &engine.Foreseen{Said: said}, nil
}

// of finds the forecast of a series, and its peak.
func (w window) of(list []api.SeriesForecast, series string, held float64) (peak, *api.SeriesForecast, error) {
	f := w.farthest(list, series)
	if f == nil {
		return peak{}, nil, fmt.Errorf("nothing is forecast of %s yet", series)
	}
	p, err := w.peak(f, held)
	return p, f, err
}
