package account

import (
	"fmt"

	"drover.dev/api"
)

// Unit is the functional unit R of a Software Carbon Intensity.
type Unit struct {
	Name  string `json:"name"` // "task", "run", or what the caller counted
	Count uint64 `json:"count"`
}

// What Drover counts itself.
const (
	UnitTasks = "tasks" // that succeeded
	UnitRuns  = "runs"  // jobs that succeeded
)

// SCI is a report of the Software Carbon Intensity: (E·I + M) per R. E·I is
// location-based and knows no certificates and no offsets, as the standard demands.
type SCI struct {
	Standard string `json:"standard"`
	Scope    string `json:"scope"` // "cell", or "tenant/workload"
	Period
	Energy      Energy         `json:"energy"`      // E
	Intensity   float64        `json:"intensity"`   // I in g/kWh: Operational by the energy of which it is known, own power among it
	Operational Carbon         `json:"operational"` // O = E·I
	Embodied    api.Micrograms `json:"embodied"`    // M, by what nodes declare
	Unit        Unit           `json:"unit"`        // R
	PerUnit     float64        `json:"perUnit"`     // (O + M) / R in µg
	// Unknown is energy that is not in it, for want of an intensity; Undeclared the part
	// of the attempts on nodes that do not declare what is embodied, 0 to 1.
	Unknown    api.Microjoules `json:"unknown"`
	Undeclared float64         `json:"undeclared"`
	// Mixed is on how many days a workload may be among others, which are not kept apart,
	// and Since the first day of which there are books by workload.
	Mixed int      `json:"mixedDays,omitempty"`
	Since api.Time `json:"keptSince,omitempty"`
	Days  []SCIDay `json:"days,omitempty"`
}

// WorkSCI reports on a workload in a period, by its books by day, of which rows without a
// name hold others.
func WorkSCI(scope string, rows []api.BookView, p Period, unit Unit) (*SCI, error) {
	var own []api.BookView
	mixed := 0
	for i := range rows {
		switch {
		case rows[i].Workload == "":
			if p.holds(rows[i].Day) {
				mixed++
			}
		case rows[i].Attempts > 0 || rows[i].Runs > 0:
			own = append(own, rows[i])
		}
	}
	r, err := MakeSCI(scope, own, p, unit)
	if err == nil && len(rows) > 0 {
		r.Mixed, r.Since = mixed, rows[0].Day
	}
	return r, err
}

// SCIDay is a day of an SCI.
type SCIDay struct {
	Day         api.Time       `json:"day"`
	Operational api.Micrograms `json:"operational"`
	Embodied    api.Micrograms `json:"embodied"`
	Units       uint64         `json:"units"`
}

// MakeSCI reports on rows of books: those by day for the whole cell, or that of one
// workload. unit is what Drover counts, or with a count what the caller counted.
func MakeSCI(scope string, rows []api.BookView, p Period, unit Unit) (*SCI, error) {
	sum := sumOf(rows, p)
	own := unit.Count == 0
	if own {
		count, err := counted(&sum, unit.Name)
		if err != nil {
			return nil, err
		}
		unit.Count = count
	}
	if unit.Count == 0 {
		return nil, fmt.Errorf("%s: nothing was counted of the unit %q in this time: name another unit or time", scope, unit.Name)
	}
	r := &SCI{
		Standard: "ISO/IEC 21031:2024", Scope: scope, Period: p, Energy: energyOf(&sum), Operational: carbonOf(&sum),
		Intensity: perKWh(sum.Carbon, sum.Energy()-sum.Unknown), Embodied: sum.Embodied, Unit: unit, Unknown: sum.Unknown,
		PerUnit: (float64(sum.Carbon) + float64(sum.Embodied)) / float64(unit.Count),
	}
	if sum.Attempts > 0 {
		r.Undeclared = 1 - float64(sum.Declared)/float64(sum.Attempts)
	}
	r.days(rows, own)
	return r, nil
}

func counted(b *api.BookView, unit string) (uint64, error) {
	switch unit {
	case UnitTasks:
		return b.Succeeded, nil
	case UnitRuns:
		return b.Runs, nil
	}
	return 0, fmt.Errorf("unit %q is neither %s nor %s; write NAME=COUNT for what you counted yourself, such as requests=120000", unit, UnitTasks, UnitRuns)
}

// days adds up the rows of each day, which stand together.
func (r *SCI) days(rows []api.BookView, own bool) {
	for i := range rows {
		b := &rows[i]
		if b.Day == 0 || !r.holds(b.Day) {
			continue
		}
		if n := len(r.Days); n == 0 || r.Days[n-1].Day != b.Day {
			r.Days = append(r.Days, SCIDay{Day: b.Day})
		}
		d := &r.Days[len(r.Days)-1]
		d.Operational += b.Carbon
		d.Embodied += b.Embodied
		if own {
			n, _ := counted(b, r.Unit.Name) // the unit is known: it was counted before
			d.Units += n
		}
	}
}
