package modes

import (
	"context"
	"math"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/calibrate"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/trace"
	"drover.dev/internal/twin"
)

// mostWarm bounds how much of the first part comes before what is held out in the
// offline worlds, so that their fleet is not empty when it begins.
const mostWarm = 7 * api.Day

// offline predicts every window at the split: once with jobs that are made up by the
// model of the first part, and once with those that come, of which the run times are
// not known.
func (g *grader) offline(ctx context.Context) (made, given []step, err error) {
	rows := g.likely()
	clock := origin.Add(rows[0].Submit) // where the day of the model begins
	model, err := trace.Fit(&trace.List{Rows: rows}, 1)
	if err != nil {
		return nil, nil, err
	}
	if made, _, err = g.apart(ctx, func(seed int) (twin.Demand, error) { return g.made(model, clock, seed) }); err != nil {
		return nil, nil, err
	}
	asLearnt := func(i int) calibrate.Distribution { return g.frozen.Predict(keysOf(&g.Rows[i])) }
	given, took, err := g.apart(ctx, func(seed int) (twin.Demand, error) { return g.given(seed, asLearnt), nil })
	for _, row := range g.byHeart.rows {
		g.byHeart.predicted(row, took[row], g.truth)
	}
	return made, given, err
}

// replayed replays the trace without ever looking at the cell: each job runs as long as
// was learnt of such jobs from the runs that had ended when it came. It is told after
// the truth has passed, since the trace is one of the past.
func (g *grader) replayed(ctx context.Context) ([]step, error) {
	learnt := calibrate.NewDurations(g.tuning)
	told, ended := make([]calibrate.Distribution, len(g.Rows)), 0
	for i := range g.Rows {
		for at := g.Rows[i].Submit.Std().Seconds(); ended < len(g.truth.runs) && g.truth.runs[ended].Ended <= at; ended++ {
			learnt.Observe(g.truth.runs[ended].Keys, g.truth.runs[ended].Took)
		}
		if i >= g.warmed() {
			told[i] = learnt.Predict(keysOf(&g.Rows[i]))
		}
	}
	list, _, err := g.apart(ctx, func(seed int) (twin.Demand, error) {
		return g.given(seed, func(i int) calibrate.Distribution { return told[i] }), nil
	})
	return list, err
}

// shares of the first part that the model of the demand may be fitted to: its latest
// half, quarter and eighth, or all of it.
var shares = [...]int{1, 2, 4, 8}

// likely is the part of the first rows that would have told most about what followed it, at
// three moments within the first part. Jobs that had not ended at the split run as long as
// was learnt of those like them.
func (g *grader) likely() []trace.Row {
	rows := slices.Clone(g.Rows[:g.cut])
	for i := range rows {
		if !g.before[i] {
			p := g.frozen.Predict(keysOf(&rows[i])).Beyond(g.split.Sub(origin.Add(rows[i].Submit)).Std().Seconds())
			rows[i].Run = drawn(p, rows[i].ID, i%g.Seeds, g.Seeds)
		}
	}
	best, least := rows, math.Inf(1)
	for _, share := range shares {
		loss := 0.0
		for _, tenths := range [...]int{5, 6, 7} {
			n := len(rows) * tenths / 10
			loss += math.Abs(math.Log(work(rows[n-n/share:n]) / work(rows[n:])))
		}
		if part := rows[len(rows)-len(rows)/share:]; loss < least && len(part) >= leastFitted {
			best, least = part, loss
		}
	}
	return best
}

// leastFitted is how many jobs a model of a demand rests on at least.
const leastFitted = 50

// work is how much comes a second: core-seconds, and as much for each job as it takes of one.
func work(rows []trace.Row) (sum float64) {
	for i := range rows {
		r := &rows[i]
		sum += r.Run.Std().Seconds() * (float64(r.Count)*float64(r.Each.CPU)/1000 + 1)
	}
	return sum / max((rows[len(rows)-1].Submit-rows[0].Submit).Std().Seconds(), 1)
}

// endless is more jobs than are looked at.
const endless = 1 << 40

// made is a demand of the model, from some days before the split on.
func (g *grader) made(m *trace.Model, clock api.Time, seed int) (twin.Demand, error) {
	rows, err := m.Generate(endless, uint64(seed)+1)
	if err != nil {
		return nil, err
	}
	begin := clock.Add(max(g.split.Sub(clock)-mostWarm, 0) / api.Day * api.Day)
	n := 0
	return func() (a twin.Arrival, ok bool) {
		row, err := rows.Next()
		if at := begin.Add(row.Submit); err == nil && at < g.end() {
			n++
			a = rehearse.Arrival(&row, unreal+n)
			a.At, ok = at, true
		}
		return a, ok
	}, nil
}

func (g *grader) end() api.Time { return g.split.Add(api.Duration(g.windows) * g.Window) }

// given is the trace's own jobs. What had not ended by the split, and all that comes, runs
// as long as was learnt of such jobs.
func (g *grader) given(seed int, learnt func(i int) calibrate.Distribution) twin.Demand {
	i := g.warmed() - 1
	return func() (a twin.Arrival, ok bool) {
		if i++; i >= len(g.Rows) {
			return a, false
		}
		row := &g.Rows[i]
		a = rehearse.Arrival(row, i+1)
		a.At = origin.Add(row.Submit)
		if !g.before[i] {
			p := learnt(i).Beyond(g.split.Sub(a.At).Std().Seconds())
			a.Truth[0].Run, a.Truth[0].CPU = drawn(p, a.Workload.Name, seed, g.Seeds), 0
		}
		return a, true
	}
}

// apart runs a world of its own for each seed over all that is held out. It also gives how
// long each job took that is graded alone.
func (g *grader) apart(ctx context.Context, demand func(seed int) (twin.Demand, error)) ([]step, map[int][]float64, error) {
	readings := make([][]twin.Reading, g.Seeds)
	took := map[int][]float64{}
	for _, row := range g.byHeart.rows {
		took[row] = make([]float64, g.Seeds)
	}
	first := g.warmed()
	err := each(g.Seeds, func(seed int) error {
		w, err := twin.New(config(&g.Options, func(e twin.Ended) {
			if list := took[first+e.Arrival]; list != nil && e.Index == 0 {
				list[seed] = e.At.Sub(e.Submitted).Std().Seconds()
			}
		}))
		if err != nil {
			return err
		}
		d, err := demand(seed)
		if err == nil {
			err = w.Begin(d)
		}
		for k := 0; k <= g.windows && err == nil; k++ {
			var r twin.Reading
			r, err = w.Advance(g.split.Add(api.Duration(k)*g.Window), func() bool { return ctx.Err() != nil })
			readings[seed] = append(readings[seed], r)
		}
		if err == nil { // the last jobs' ends are graded, too
			_, err = w.Advance(g.end().Add(late), func() bool { return ctx.Err() != nil })
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return g.windowed(readings), took, nil
}

// windowed is the mean over the seeds, by window.
func (g *grader) windowed(readings [][]twin.Reading) (list []step) {
	for k := range g.windows {
		if !g.graded[k] {
			continue
		}
		s := step{window: k}
		for _, r := range readings {
			q := between(r[k], r[k+1])
			s.predicted.joules += q.joules / float64(g.Seeds)
			s.predicted.jobs += q.jobs / float64(g.Seeds)
		}
		list = append(list, s)
	}
	return list
}

// warmed is the first row that offline worlds begin with.
func (g *grader) warmed() int {
	from := g.split.Sub(origin) - mostWarm
	n, _ := slices.BinarySearchFunc(g.Rows[:g.cut], from, func(r trace.Row, d api.Duration) int {
		if r.Submit < d {
			return -1
		}
		return 1
	})
	return n
}
