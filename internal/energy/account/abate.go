package account

import (
	"cmp"
	"math"
	"slices"

	"drover.dev/internal/energy/shift"
)

// Job is an attempt of the past and what it could have been instead.
type Job struct {
	Site  string
	Start float64 // hours from the begin of the signals
	Hours float64 // that it ran, over 0
	CPU   float64 // cores that it held
	KWh   float64
	Own   float64 // the part of KWh that its site made itself, then and there: 0 to 1
	Slack float64 // hours by which it could have started later
	Moves bool    // it could have run at another site
}

// Place is a site: how much ran there at a time, and what energy was there by the hour.
type Place struct {
	Site   string
	Cores  float64   // of its nodes
	PUE    float64   // at least 1
	Carbon []float64 // g/kWh of each hour from the begin of the signals
	Price  []float64 // of a kWh in the plan's currency; nil: not known
}

// Measures of a plan.
const (
	MeasureShift = "shift" // to cleaner hours at the same site
	MeasureMove  = "move"  // to cleaner sites in the same hours
	MeasureBuy   = "buy"   // offsets
)

// Measure is a way to less net carbon, on top of those before it.
type Measure struct {
	Name string  `json:"name"`
	Jobs int     `json:"jobs,omitempty"` // that it changes
	Gram float64 `json:"gram"`           // saved, or offset
	// Cost of it in the plan's currency, negative where it earns; nil where no price is
	// known. PerTonne is Cost by what it saves.
	Cost     *float64 `json:"cost"`
	PerTonne *float64 `json:"perTonne"`
	Delay    float64  `json:"meanDelayHours,omitempty"` // of the jobs that it changes
}

// Abate is the order of measures by what they cost a tonne: what of the carbon of past jobs
// would have been saved, with all their hours known, by running them later within their
// slack and at other sites, where the site never holds more than its cores or what it held;
// and what is left to buy at a price a tonne, which may be nil. A measure that costs more
// than buying is left out. gram is what is to be brought to nothing. Power that sites make
// themselves is known of where and when jobs ran alone: elsewhere the grid gives all.
func Abate(jobs []Job, places []Place, gram float64, perTonne *float64) []Measure {
	first, second := MeasureShift, MeasureMove
	alone := func(name string) float64 {
		f := newField(jobs, places)
		return rank(f.apply(name))
	}
	if alone(second) < alone(first) {
		first, second = second, first
	}
	f, out := newField(jobs, places), []Measure{}
	for _, name := range [...]string{first, second} {
		before := f.clone()
		m := f.apply(name)
		if m.Jobs == 0 || perTonne != nil && m.PerTonne != nil && *m.PerTonne > *perTonne {
			f = before
			continue
		}
		out = append(out, m)
		gram -= m.Gram
	}
	if gram > 0 {
		buy := Measure{Name: MeasureBuy, Gram: gram, PerTonne: perTonne}
		if perTonne != nil {
			cost := gram / 1e6 * *perTonne
			buy.Cost = &cost
		}
		out = append(out, buy)
	}
	return out
}

// rank orders measures by their cost a tonne; where that is not known, those that change
// least come first.
func rank(m Measure) float64 {
	switch {
	case m.Jobs == 0:
		return math.Inf(1)
	case m.PerTonne == nil:
		return 0
	}
	return *m.PerTonne
}

// field is where jobs run at some point of a plan.
type field struct {
	jobs   []Job
	places []Place
	site   map[string]int
	load   [][]float64 // core hours of each place in each hour
	room   []float64   // the most of them
	carbon []shift.Curve
	price  []*shift.Curve
	order  []int // the largest energy first
}

func newField(jobs []Job, places []Place) *field {
	f := &field{jobs: slices.Clone(jobs), places: places, site: map[string]int{}}
	for i := range places {
		p := &places[i]
		f.site[p.Site] = i
		f.load = append(f.load, make([]float64, len(p.Carbon)))
		f.carbon = append(f.carbon, shift.NewCurve(p.Carbon))
		var price *shift.Curve
		if len(p.Price) == len(p.Carbon) && len(p.Price) > 0 {
			c := shift.NewCurve(p.Price)
			price = &c
		}
		f.price = append(f.price, price)
	}
	for i := range f.jobs {
		if f.knows(&f.jobs[i]) {
			f.order = append(f.order, i)
			f.take(&f.jobs[i], f.site[f.jobs[i].Site], f.jobs[i].Start, 1)
		}
	}
	slices.SortStableFunc(f.order, func(a, b int) int { return cmp.Compare(f.jobs[b].KWh, f.jobs[a].KWh) })
	for i := range places {
		f.room = append(f.room, max(places[i].Cores, slices.Max(append(f.load[i], 0))))
	}
	return f
}

// knows tells whether a job ran where and when the signals are known.
func (f *field) knows(j *Job) bool {
	i, known := f.site[j.Site]
	return known && j.Hours > 0 && j.Start >= 0 && j.Start+j.Hours <= f.carbon[i].Hours() && j.KWh > 0
}

func (f *field) clone() *field {
	c := *f
	c.jobs, c.load = slices.Clone(f.jobs), make([][]float64, len(f.load))
	for i := range f.load {
		c.load[i] = slices.Clone(f.load[i])
	}
	return &c
}

// take adds the core hours of a job to a place, or takes them away.
func (f *field) take(j *Job, at int, start, sign float64) {
	f.each(j, start, func(hour int, part float64) bool {
		f.load[at][hour] += sign * part * j.CPU
		return true
	})
}

// each goes through the hours of a job and which part of each it runs.
func (f *field) each(j *Job, start float64, visit func(hour int, part float64) bool) bool {
	for h := int(start); float64(h) < start+j.Hours; h++ {
		part := min(float64(h+1), start+j.Hours) - max(float64(h), start)
		if part > 0 && !visit(h, part) {
			return false
		}
	}
	return true
}

func (f *field) fits(j *Job, at int, start float64) bool {
	if start+j.Hours > f.carbon[at].Hours() {
		return false
	}
	return f.each(j, start, func(h int, part float64) bool { return f.load[at][h]+part*j.CPU <= f.room[at]+1e-9 })
}

// grams is what a job emits at a place from a time on, its PUE being another.
func (f *field) grams(j *Job, at int, start float64) float64 {
	return f.carbon[at].Of(f.weighed(j, at), start)
}

func (f *field) weighed(j *Job, at int) shift.Job {
	own := f.places[f.site[j.Site]].PUE
	return shift.Job{Hours: j.Hours, Weight: j.KWh / j.Hours * max(f.places[at].PUE, 1) / max(own, 1)}
}

// apply changes jobs one by one, the largest first, and says what that saves.
func (f *field) apply(name string) Measure {
	m, cost, known := Measure{Name: name}, 0.0, true
	for _, i := range f.order {
		j := &f.jobs[i]
		was := f.site[j.Site]
		f.take(j, was, j.Start, -1)
		at, start, saved := f.better(j, name, was)
		f.take(j, at, start, 1)
		if at == was && start == j.Start {
			continue
		}
		if f.price[was] == nil || f.price[at] == nil {
			known = false
		} else {
			cost += f.price[at].Of(f.weighed(j, at), start) - f.price[was].Of(f.weighed(j, was), j.Start)*(1-j.Own)
		}
		m.Jobs, m.Gram, m.Delay = m.Jobs+1, m.Gram+saved, m.Delay+start-j.Start
		j.KWh *= max(f.places[at].PUE, 1) / max(f.places[was].PUE, 1)
		j.Slack -= start - j.Start
		j.Site, j.Start, j.Own = f.places[at].Site, start, 0
	}
	if m.Jobs > 0 {
		m.Delay /= float64(m.Jobs)
	}
	if known && m.Jobs > 0 && m.Gram > 0 {
		each := cost / m.Gram * 1e6
		m.Cost, m.PerTonne = &cost, &each
	}
	return m
}

// better is the place and the start at which a job emits least.
func (f *field) better(j *Job, name string, was int) (at int, start, saved float64) {
	now := f.grams(j, was, j.Start) * (1 - j.Own)
	at, start, least := was, j.Start, now*(1-1e-9)
	try := func(place int, from float64) {
		if g := f.grams(j, place, from); g < least && f.fits(j, place, from) {
			at, start, least = place, from, g
		}
	}
	switch {
	case name == MeasureShift:
		latest := min(j.Start+j.Slack, f.carbon[was].Hours()-j.Hours) // deadlines may be years away
		for h := math.Floor(j.Start) + 1; h <= latest; h++ {
			try(was, h)
		}
	case j.Moves:
		for place := range f.places {
			try(place, j.Start)
		}
	}
	if at == was && start == j.Start {
		return at, start, 0
	}
	return at, start, now - f.grams(j, at, start)
}
