package rehearse

import (
	"context"
	"fmt"
	"io"

	"drover.dev/internal/energy/consolidate"
	"drover.dev/internal/trace"
)

// ConsolidatePlan is a day of virtual machines and how they are kept together.
type ConsolidatePlan struct {
	Traces io.Reader // an archive of PlanetLab's format
	Policy consolidate.Policy
	Seed   uint64 // of the order in which machines are taken, see consolidate.Order
}

// ConsolidateReport is what a day cost and how well it served; the measures of
// service are fractions.
type ConsolidateReport struct {
	EnergyKWh  float64 `json:"energyKWh"`
	Migrations int     `json:"migrations"`
	SLAV       float64 `json:"slav"`
	PDM        float64 `json:"pdm"`
	SLATAH     float64 `json:"slatah"`
	Unserved   float64 `json:"unserved"` // of the CPU asked for, for any reason
	Shutdowns  int     `json:"shutdowns"`
	Seconds    float64 `json:"seconds"`
	VMs        int     `json:"vms"`
	Hosts      int     `json:"hosts"`
}

// RunConsolidate simulates the day in the published setup.
func RunConsolidate(ctx context.Context, p ConsolidatePlan) (*ConsolidateReport, error) {
	paths, rows, err := trace.PlanetLab(p.Traces)
	if err != nil {
		return nil, &TraceError{err}
	}
	use := make([][]float64, 0, len(rows))
	for _, i := range consolidate.Order(paths, p.Seed) {
		u := make([]float64, len(rows[i].Use))
		for k, v := range rows[i].Use {
			u[k] = float64(v) / 1000
		}
		use = append(use, u)
	}
	setup := consolidate.Published()
	r, err := consolidate.Run(setup, use, p.Policy, func() bool { return ctx.Err() != nil })
	if err != nil {
		return nil, fmt.Errorf("consolidate %d machines: %w", len(use), err)
	}
	return &ConsolidateReport{
		EnergyKWh: r.EnergyKWh, Migrations: r.Migrations, SLAV: r.SLAV, PDM: r.PDM, SLATAH: r.SLATAH, Unserved: r.Unserved, Shutdowns: r.Shutdowns,
		VMs: len(use), Hosts: setup.Hosts,
	}, nil
}
