package rehearse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"

	"drover.dev/api"
	"drover.dev/internal/energy/shift"
	"drover.dev/internal/trace"
)

// Objectives of shifting.
const (
	ObjectiveCarbon   = "carbon"
	ObjectiveCost     = "cost"
	ObjectiveBalanced = "balanced" // a per cent of the mean price counts as one of the mean intensity
)

// Objectives lists them, the default first.
func Objectives() []string { return []string{ObjectiveCarbon, ObjectiveCost, ObjectiveBalanced} }

// EveryHour stands for one job of an hour and one CPU starting every hour.
const EveryHour = "1h"

// ShiftPlan is what to find out about work that may wait.
type ShiftPlan struct {
	Jobs          string // file of a trace, or EveryHour
	Format        string // of the trace; "" is found out
	Carbon, Price string // files, FILE or FILE#COLUMN; several with commas between
	Slack         api.Duration
	Objective     string
	Capacity      int    // jobs at a time; 0 is no limit
	Forecast      string // one of Forecasts; "" is none
	Zone          string // of the market; "" is MarketZone
	// Suspend lets jobs be held and go on; each time they run StopCost longer.
	Suspend  bool
	StopCost api.Duration
	Start    api.Time // when the trace's clock is 0, or the first job of EveryHour; 0 is the signals' start
	// Progress, which may be nil, is told how many hours are planned.
	Progress func(hours int64)
}

// ShiftReport is what waiting saves against starting at once. What is not known
// without a file is nil.
type ShiftReport struct {
	CarbonSavedPercent *float64     `json:"carbonSavedPercent"`
	CostSavedPercent   *float64     `json:"costSavedPercent"`
	MeanDelaySeconds   float64      `json:"meanDelaySeconds"`
	Optimum            ShiftOptimum `json:"optimum"`
	Seconds            float64      `json:"seconds"`
	Jobs               int          `json:"jobs"`
	LeftOut            int          `json:"leftOut"`         // could end behind the signals
	Late               int          `json:"late"`            // started behind their slack, for want of room
	Stops              int          `json:"stops,omitempty"` // how often jobs are held in all
}

// ShiftOptimum is what would be saved if the signals were known. With a capacity and
// jobs that are not all of one hour it is the best that was found.
type ShiftOptimum struct {
	CarbonSavedPercent *float64 `json:"carbonSavedPercent"`
	CostSavedPercent   *float64 `json:"costSavedPercent"`
}

// hourly are a plan's signals on the hours that all of them cover.
type hourly struct {
	from          api.Time
	carbon, price []float64 // nil without a file
	signals       []shift.Signal
}

// RunShift starts jobs when energy is clean or cheap.
func RunShift(ctx context.Context, p ShiftPlan) (*ShiftReport, error) {
	h, err := p.read()
	if err != nil {
		return nil, err
	}
	if p.Suspend && p.Capacity > 0 {
		return nil, errors.New("how jobs that are held share a limited room is not planned: leave out --capacity or --suspend")
	}
	jobs, left, err := p.jobs(h)
	if err != nil {
		return nil, err
	}
	sum := shift.Sum(h.signals)
	if err := shift.Check(jobs, sum); err != nil {
		return nil, err
	}
	best := p.best(jobs, shift.NewCurve(sum))
	runs := best
	if p.Forecast != "" && p.Forecast != ForecastNone {
		if runs, err = p.roll(ctx, jobs, h.signals); err != nil {
			return nil, cmp.Or(ctx.Err(), err)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("shift the jobs: %w", err)
	}
	r := &ShiftReport{
		Jobs: len(jobs), LeftOut: left,
		CarbonSavedPercent: savedPercent(jobs, h.carbon, runs), CostSavedPercent: savedPercent(jobs, h.price, runs),
		Optimum: ShiftOptimum{savedPercent(jobs, h.carbon, best), savedPercent(jobs, h.price, best)},
	}
	for i, j := range jobs {
		late := runs[i][len(runs[i])-1].To - j.Submit - j.Hours
		r.MeanDelaySeconds += 3600 * late / float64(len(jobs))
		r.Stops += shift.Stops(runs[i])
		if late > j.Slack+1e-6 {
			r.Late++
		}
	}
	return r, nil
}

// best are the stretches in which each job runs when the signal is known.
func (p ShiftPlan) best(jobs []shift.Job, c shift.Curve) [][]shift.Run {
	if !p.Suspend {
		return inOnePiece(jobs, shift.Fit(jobs, c, p.Capacity))
	}
	out := make([][]shift.Run, len(jobs))
	for i, j := range jobs {
		out[i] = c.Held(j, float64(p.StopCost)/float64(api.Hour), false)
	}
	return out
}

// roll are the stretches when every hour is planned anew.
func (p ShiftPlan) roll(ctx context.Context, jobs []shift.Job, signals []shift.Signal) ([][]shift.Run, error) {
	step := func(hour int) bool {
		if p.Progress != nil {
			p.Progress(int64(hour))
		}
		return ctx.Err() == nil
	}
	if p.Suspend {
		return shift.RollHeld(jobs, signals, float64(p.StopCost)/float64(api.Hour), step)
	}
	starts, err := shift.Roll(jobs, signals, p.Capacity, step)
	if err != nil {
		return nil, err
	}
	return inOnePiece(jobs, starts), nil
}

func inOnePiece(jobs []shift.Job, starts []float64) [][]shift.Run {
	out, all := make([][]shift.Run, len(jobs)), make([]shift.Run, len(jobs))
	for i, j := range jobs {
		all[i] = shift.Run{From: starts[i], To: starts[i] + j.Hours}
		out[i] = all[i : i+1]
	}
	return out
}

// savedPercent is what running in these stretches saves of a signal against starting at
// once.
func savedPercent(jobs []shift.Job, signal []float64, runs [][]shift.Run) *float64 {
	if signal == nil {
		return nil
	}
	c := shift.NewCurve(signal)
	now := shift.Total(jobs, c, shift.AtOnce(jobs))
	if now <= 0 {
		return nil // a share of nothing, or of a gain, says nothing
	}
	sum := 0.0
	for i, j := range jobs {
		sum += c.OfRuns(j, runs[i])
	}
	v := 100 * (1 - sum/now)
	return &v
}

func (p ShiftPlan) read() (*hourly, error) {
	var grids []trace.Grid
	kinds := [...]api.SignalKind{api.SignalCarbon, api.SignalPrice}
	for i, name := range []string{p.Carbon, p.Price} {
		if name == "" {
			grids = append(grids, trace.Grid{})
			continue
		}
		g, err := gridOf(name, api.Hour, kinds[i])
		if err != nil {
			return nil, err
		}
		grids = append(grids, g)
	}
	if p.Carbon == "" && p.Objective != ObjectiveCost || p.Price == "" && p.Objective != ObjectiveCarbon {
		return nil, fmt.Errorf("the objective %.40s needs a file of carbon intensity, of prices, or both: --carbon, --price", p.Objective)
	}
	from, to := api.Time(math.MinInt64), api.Time(math.MaxInt64)
	for _, g := range grids {
		if g.Values != nil {
			from, to = max(from, g.From), min(to, g.End())
		}
	}
	h := &hourly{from: from}
	for i, g := range grids {
		if g.Values == nil {
			continue
		}
		g = g.Cut(from, to)
		if len(g.Values) == 0 {
			return nil, errors.New("the files of carbon intensity and of prices have no time in common")
		}
		if i == 0 {
			h.carbon = g.Values
		} else {
			h.price = g.Values
		}
	}
	return h, p.weigh(h)
}

// weigh makes the signals of the objective.
func (p ShiftPlan) weigh(h *hourly) error {
	ahead := min(int(p.Slack/api.Hour)+2, 96)
	add := func(values []float64, scale float64, known []int) error {
		kind := p.Forecast
		if kind == "" {
			kind = ForecastNone
		}
		predict, err := newPredictor(kind, 24, ahead)
		if err != nil {
			return err
		}
		h.signals = append(h.signals, shift.Signal{Values: values, Scale: scale, Known: known, Predict: predict})
		return nil
	}
	if p.Objective != ObjectiveCost {
		if err := add(h.carbon, 1/meanSize(h.carbon), nil); err != nil {
			return err
		}
	}
	if p.Objective == ObjectiveCarbon {
		return nil
	}
	zone := p.Zone
	if zone == "" {
		zone = MarketZone
	}
	known, err := knownPrices(trace.Grid{From: h.from, Step: api.Hour, Values: h.price}, zone)
	if err != nil {
		return err
	}
	return add(h.price, 1/meanSize(h.price), known)
}

func meanSize(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += math.Abs(v)
	}
	return max(sum/float64(len(x)), 1e-9)
}

// jobs are those that can end while there are signals, and how many cannot.
func (p ShiftPlan) jobs(h *hourly) (jobs []shift.Job, left int, err error) {
	hours := max(len(h.carbon), len(h.price))
	slack := float64(p.Slack) / float64(api.Hour)
	keep := func(j shift.Job) {
		if j.Submit < 0 || j.Submit+j.Slack+j.Hours > float64(hours) {
			left++
			return
		}
		jobs = append(jobs, j)
	}
	begin := 0.0
	if p.Start != 0 {
		begin = float64(p.Start-h.from) / float64(api.Hour)
	}
	if p.Jobs == EveryHour {
		for i := max(int(math.Ceil(begin)), 0); i < hours; i++ {
			keep(shift.Job{Submit: float64(i), Hours: 1, Slack: slack, Weight: 1})
		}
	} else {
		rows, err := p.rows()
		if err != nil {
			return nil, 0, err
		}
		for _, r := range rows {
			if r.Run > 0 {
				keep(shift.Job{
					Submit: begin + float64(r.Submit)/float64(api.Hour), Hours: float64(r.Run) / float64(api.Hour), Slack: slack,
					Weight: float64(max(r.Each.CPU, 1)) / 1000 * float64(max(r.Count, 1)),
				})
			}
		}
	}
	if len(jobs) == 0 {
		return nil, 0, fmt.Errorf("no job can end within the %d hours of the signals", hours)
	}
	return jobs, left, nil
}

func (p ShiftPlan) rows() ([]trace.Row, error) {
	f, err := os.Open(p.Jobs)
	if err != nil {
		return nil, fmt.Errorf("read the jobs: %w", err)
	}
	defer f.Close()
	rows, err := ReadRows(f, Options{Format: p.Format})
	if err != nil {
		return nil, fmt.Errorf("read the jobs %s: %w", p.Jobs, err)
	}
	return rows, nil
}
