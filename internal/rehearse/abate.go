package rehearse

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/energy/account"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// Abatement is what of the carbon of a cell's past would not have been emitted.
type Abatement struct {
	From     api.Time          `json:"from"` // of the attempts that are counted
	To       api.Time          `json:"to"`
	Attempts int               `json:"attempts"`
	Jobs     int               `json:"jobs"`             // of them, those that could have waited or gone elsewhere
	Beyond   int               `json:"beyond,omitempty"` // of them, those that were not asked, as they came behind 200,000 others
	Gram     float64           `json:"gram"`             // emitted by all of them, and embodied
	Currency string            `json:"currency,omitempty"`
	Measures []account.Measure `json:"measures"` // the cheapest a tonne first
}

// limits of what is remembered of a past.
const (
	maxAbateJobs  = 200_000
	maxAbateHours = 400 * 24
)

// Abate folds the records behind a state and asks how much carbon their jobs would have
// saved. Jobs with a deadline could have waited until it, others up to slack; those that
// name no place, no data and no device could have gone to another site. offset is what a
// tonne costs to offset, and may be nil.
func Abate(ctx context.Context, base *state.State, at journal.Link, entries iter.Seq2[journal.Entry, error], slack api.Duration, offset *api.Money) (*Abatement, error) {
	r := &abateReader{
		st: base, slack: slack, carbon: map[string]map[int64]float64{}, price: map[string]map[int64]float64{}, currencies: map[string]bool{},
	}
	if err := eachRecord(ctx, at, entries, r.record); err != nil {
		return nil, fmt.Errorf("read what the cell's jobs took: %w", err)
	}
	return r.abatement(offset), nil
}

// abateReader follows a cell's state and keeps what its jobs took, and the signals.
type abateReader struct {
	st         *state.State
	slack      api.Duration
	jobs       []pastTook
	carbon     map[string]map[int64]float64 // g/kWh by zone and hour
	price      map[string]map[int64]float64 // by zone or tariff
	currencies map[string]bool
	attempts   int
	beyond     int
	gram       float64
	from, to   api.Time
}

// pastTook is an attempt that ended; its job counts from the hour of the first signal.
type pastTook struct {
	begin, end api.Time
	job        account.Job
}

func (r *abateReader) record(rec *journal.Record) error {
	events, err := rec.DecodeEvents()
	if err != nil {
		return fmt.Errorf("record %d: %w", rec.N, err)
	}
	for _, ev := range events {
		if e, ok := ev.(*state.TaskEnded); ok && e.Took != nil && e.Result != nil {
			r.took(e, api.Time(rec.Now))
		}
		if err := r.st.Apply(api.Time(rec.Now), ev); err != nil {
			return fmt.Errorf("record %d: %w", rec.N, err)
		}
		if e, ok := ev.(*state.SignalPut); ok {
			r.signal(r.st.Signals[e.Signal.Key()])
		}
	}
	return nil
}

// signal keeps the values that are no forecasts, by the hour.
func (r *abateReader) signal(s *api.Signal) {
	into, factor := r.carbon, 1e3 // mg to g
	switch s.Kind {
	case api.SignalPrice:
		into, factor = r.price, 1e6
		r.currencies[s.Currency] = true
	case api.SignalCarbon:
	default:
		return
	}
	hours := into[s.Zone]
	if hours == nil {
		hours = map[int64]float64{}
		into[s.Zone] = hours
	}
	for t := s.Start - s.Start%api.Time(api.Hour); t < s.KnownUntil() && len(hours) < maxAbateHours; t = t.Add(api.Hour) {
		v, _ := s.Mean(max(t, s.Start), t.Add(api.Hour))
		hours[int64(t/api.Time(api.Hour))] = float64(v) / factor
	}
}

// took keeps what an attempt took, before the state forgets where it ran.
func (r *abateReader) took(e *state.TaskEnded, now api.Time) {
	w, t := r.st.Task(e.Attempt.TaskRef)
	if t == nil || r.st.Nodes[t.Node] == nil || int(e.Attempt.Task) >= len(w.Spec.Tasks) {
		return
	}
	n := r.st.Nodes[t.Node]
	if r.attempts++; r.from == 0 {
		r.from = now
	}
	r.to = now
	for _, g := range [...]*api.Micrograms{e.Took.Carbon, e.Took.Embodied} {
		if g != nil {
			r.gram += float64(*g) / 1e6
		}
	}
	begin := now.Add(-min(e.Result.Wall, api.MaxDuration))
	if w.Spec.Kind != api.KindJob || e.Next != api.TaskSucceeded || e.Result.Wall <= 0 || e.Took.Carbon == nil {
		return
	}
	if len(r.jobs) >= maxAbateJobs {
		r.beyond++
		return
	}
	task := &w.Spec.Tasks[e.Attempt.Task]
	slack := r.slack
	if w.Spec.Deadline > 0 && (w.Spec.Schedule == nil || w.Parent != 0) {
		slack = w.Submitted.Add(w.Spec.Deadline).Sub(now)
	}
	if len(w.Spec.Tasks) > 1 || w.Spec.Gang {
		slack = 0 // others wait for it, or run beside it
	}
	r.jobs = append(r.jobs, pastTook{begin: begin, end: now, job: account.Job{
		Site: cmp.Or(e.Site, n.Site), Hours: hoursOf(e.Result.Wall), CPU: float64(task.Resources.CPU) / 1000, KWh: float64(e.Took.Energy) / 3.6e12,
		Own: ownOf(e.Took), Slack: max(hoursOf(slack), 0), Moves: anywhere(w.Spec, task),
	}})
}

// ownOf is the part of the energy of an attempt that its site made itself.
func ownOf(f *api.Footprint) float64 {
	if f.Energy <= 0 {
		return 0
	}
	return float64(f.Generated) / float64(f.Energy)
}

func hoursOf(d api.Duration) float64 { return float64(d) / float64(api.Hour) }

// anywhere tells whether nothing that a task says ties it to where it ran.
func anywhere(w *api.Workload, t *api.Task) bool {
	q := &t.Requires
	return !w.Gang && len(w.Tasks) == 1 && len(q.Layers)+len(q.Sites)+len(q.Labels)+len(q.Affinity)+len(q.Near)+len(t.Volumes)+len(t.Resources.Accelerators)+len(t.Ports) == 0 && t.Residency == nil
}

func (r *abateReader) abatement(offset *api.Money) *Abatement {
	out := &Abatement{From: r.from, To: r.to, Attempts: r.attempts, Beyond: r.beyond, Gram: r.gram, Measures: []account.Measure{}}
	var perTonne *float64
	if offset != nil {
		out.Currency = offset.Currency
		v := float64(offset.Micro) / 1e6
		perTonne = &v
	}
	for c := range r.currencies { // order-free: there is one, or prices are not used
		if out.Currency == "" && len(r.currencies) == 1 {
			out.Currency = c
		}
	}
	priced := len(r.currencies) == 1 && r.currencies[out.Currency]
	begin, places := r.places(priced)
	var jobs []account.Job
	for i := range r.jobs {
		j := r.jobs[i].job
		j.Start = hoursOf(r.jobs[i].begin.Sub(begin))
		if j.Slack > 0 || j.Moves && len(places) > 1 {
			out.Jobs++
		}
		jobs = append(jobs, j)
	}
	if r.gram > 0 {
		out.Measures = account.Abate(jobs, places, r.gram, perTonne)
	}
	return out
}

// places are the sites of which the intensity is known, over the hours from the first job
// to the last known value; hours between that are not known are as those before.
func (r *abateReader) places(priced bool) (begin api.Time, out []account.Place) {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range r.jobs {
		first = min(first, int64(r.jobs[i].begin/api.Time(api.Hour)))
		last = max(last, int64(r.jobs[i].end/api.Time(api.Hour)))
	}
	for _, hours := range r.carbon { // order-free: a maximum
		for h := range hours {
			last = max(last, h)
		}
	}
	if first > last || last-first >= maxAbateHours {
		first = max(first, last-maxAbateHours+1)
	}
	for _, name := range r.sites() {
		zone, tariff, pue := "", "", api.Milli(1000)
		if s := r.st.Sites[name]; s != nil {
			zone, tariff, pue = s.Zone, s.Tariff, max(s.PUE, 1000)
		}
		p := account.Place{Site: name, PUE: float64(pue) / 1000, Carbon: hoursFrom(r.carbon[zone], first, last, r.usual(zone))}
		if tariff == "" {
			tariff = zone
		}
		if priced {
			p.Price = hoursFrom(r.price[tariff], first, last, math.NaN())
		}
		for _, node := range r.st.SortedNodes() {
			if n := r.st.Nodes[node]; n.Site == name {
				p.Cores += float64(n.Capacity.CPU) / 1000
			}
		}
		if p.Carbon != nil {
			out = append(out, p)
		}
	}
	return api.Time(first) * api.Time(api.Hour), out
}

// sites are those of the nodes that there are, in order.
func (r *abateReader) sites() []string {
	seen := map[string]bool{}
	for _, node := range r.st.SortedNodes() {
		seen[r.st.Nodes[node].Site] = true
	}
	return slices.Sorted(keys(seen))
}

// usual is the intensity of a zone where no hour is known; NaN where there is none.
func (r *abateReader) usual(zone string) float64 {
	if s := r.st.Signals[api.SignalKey(api.SignalCarbon, zone)]; s != nil && (s.Usual != 0 || len(s.Values) > 0) {
		v, _ := s.At(s.End())
		return float64(v) / 1e3
	}
	return math.NaN()
}

// hoursFrom are the values of hours; nil where nothing is known to begin with.
func hoursFrom(hours map[int64]float64, first, last int64, usual float64) []float64 {
	if first > last || len(hours) == 0 && math.IsNaN(usual) {
		return nil
	}
	value := usual
	for h := first; math.IsNaN(value) && h <= last; h++ { // the first that is known
		if v, known := hours[h]; known {
			value = v
		}
	}
	if math.IsNaN(value) {
		return nil
	}
	out := make([]float64, 0, last-first+1)
	for h := first; h <= last; h++ {
		if v, known := hours[h]; known {
			value = v
		}
		out = append(out, value)
	}
	return out
}
