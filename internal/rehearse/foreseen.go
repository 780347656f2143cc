package rehearse

import (
	"cmp"
	"math"
	"slices"

	"drover.dev/api"
)

// Foreseen is what would come of a job. Quantiles are over the seeds, by nearest rank.
type Foreseen struct {
	Workload  string   `json:"workload"`
	Submitted api.Time `json:"submitted"`
	If        []string `json:"if,omitempty"` // changes of the fleet
	Seeds     int      `json:"seeds"`
	Horizon   api.Time `json:"horizon"`  // nothing later was looked at
	Began     int      `json:"began"`    // seeds with which its first element began to run
	Ended     int      `json:"ended"`    // seeds with which it ended
	Failed    int      `json:"failed"`   // of those, not with success
	Arrivals  Arrivals `json:"arrivals"` // of others
	// Guessed are its tasks of which no run is known, and which do not say how long they
	// run: what is told of them rests on other tasks, or on nothing but their class.
	Guessed []string `json:"guessed,omitempty"`
	// Start is when its first element begins to run, End when all have ended. A
	// quantile that lies beyond the horizon is left out.
	Start       Moments `json:"start"`
	End         Moments `json:"end"`
	WaitSeconds Range   `json:"waitSeconds"` // from its submission to Start, of the seeds with which it began
	// Nodes are those that its elements run on, the most frequent first.
	Nodes []Share `json:"nodes"`
	// Others are those that would end later or be stopped for it, the latest first and
	// 1,000 at most of all, who are HeldUp.
	Others []Other `json:"others"`
	HeldUp int     `json:"heldUp"`
	// Energy is what its tasks draw beyond what their nodes draw idle while they run, with
	// the CPU that they ask for and their shares of accelerators; carbon and cost are of that
	// energy, cost in EUR.
	EnergyKWh   Range   `json:"energyKWh"`
	CarbonKg    Range   `json:"carbonKg"`
	Cost        Range   `json:"cost"`
	WallSeconds float64 `json:"wallSeconds"`
}

// Arrivals is what comes besides a job, apart from runs of schedules.
type Arrivals struct {
	Kind    string  `json:"kind"`              // LikeRecent or NoArrivals
	Like    int     `json:"like,omitempty"`    // the jobs that came lately, like which others come
	PerHour float64 `json:"perHour,omitempty"` // how many of those came
	Mean    float64 `json:"mean,omitempty"`    // how many come until the job has ended, over the seeds
}

// The kinds of Arrivals.
const (
	LikeRecent = "like-recent"
	NoArrivals = "none"
)

// ArrivalsLike says what comes where these came.
func ArrivalsLike(came []Came) Arrivals {
	if len(came) <= fewCame {
		return Arrivals{Kind: NoArrivals}
	}
	return Arrivals{Kind: LikeRecent, Like: len(came), PerHour: 3600 / max(meanGap(came).Std().Seconds(), 1e-9)}
}

func (q *Question) arrivals(effects []effect) Arrivals {
	out := ArrivalsLike(q.Came)
	for i := range effects {
		out.Mean += float64(effects[i].made) / float64(len(effects))
	}
	return out
}

// Moments are three quantiles of a moment.
type Moments struct {
	P10 api.Time `json:"p10,omitempty"`
	P50 api.Time `json:"p50,omitempty"`
	P90 api.Time `json:"p90,omitempty"`
}

// Range is three quantiles.
type Range struct {
	P10 float64 `json:"p10"`
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
}

// Share is how much of a job a node runs.
type Share struct {
	Node  string  `json:"node"`
	Share float64 `json:"share"` // of the elements that began, over all seeds
}

// Other is a workload that the job would hold up.
type Other struct {
	Workload  string   `json:"workload"`
	Tenant    string   `json:"tenant"`
	Submitted api.Time `json:"submitted"`
	// LaterSeconds is how much later it ends. Where it then ends beyond the horizon,
	// it counts as ending there.
	LaterSeconds Range   `json:"laterSeconds"`
	MeanLater    float64 `json:"meanLaterSeconds"`
	Later        int     `json:"later"`   // seeds with which it does
	Stopped      float64 `json:"stopped"` // of its elements, how many more are stopped to make room, in the mean
}

// effect is what one pair of worlds, which differ in the job, shows.
type effect struct {
	fate
	others map[who]harm
	made   int // jobs that came besides
}

// harm is what the job does to another workload.
type harm struct {
	later   float64 // in s
	stopped int     // elements
}

// effectOf compares a world with the job and one without it, up to a time.
func effectOf(with, without *witness, end api.Time) effect {
	out := effect{fate: *with.asked, others: map[who]harm{}}
	for name, f := range without.all { // order-free: each is looked at by itself
		other := with.all[name]
		if other == nil || f.made {
			continue
		}
		h := harm{stopped: max(other.evicted-f.evicted, 0)}
		if f.ended != 0 {
			h.later = max(min(orNever(other.ended), end).Sub(f.ended), 0).Std().Seconds()
		}
		if h != (harm{}) {
			out.others[name] = h
		}
	}
	return out
}

// maxOthers bounds how many workloads are told of.
const maxOthers = 1000

// never sorts behind all times.
const never = api.Time(math.MaxInt64)

func orNever(t api.Time) api.Time {
	if t == 0 {
		return never
	}
	return t
}

func (q *Question) sum(effects []effect) *Foreseen {
	out := &Foreseen{Workload: q.Workload.Name, Submitted: q.At, Seeds: len(effects), Horizon: q.At.Add(q.Horizon)}
	for i := range q.Workload.Tasks {
		if t := &q.Workload.Tasks[i]; t.Duration == 0 && profileOf(q.Profiles, i).Samples == 0 {
			out.Guessed = append(out.Guessed, t.Name)
		}
	}
	for _, c := range q.Changes {
		out.If = append(out.If, c.String())
	}
	out.Arrivals = q.arrivals(effects)
	var starts, ends []api.Time
	var waited, kWh []float64
	for i := range effects {
		e := &effects[i]
		starts, ends = append(starts, orNever(e.began)), append(ends, orNever(e.ended))
		kWh = append(kWh, e.joules/3.6e6)
		if e.began != 0 {
			out.Began++
			waited = append(waited, e.began.Sub(q.At).Std().Seconds())
		}
		if e.ended != 0 {
			out.Ended++
		}
		if e.ended != 0 && e.status != api.WorkloadSucceeded {
			out.Failed++
		}
	}
	out.Start, out.End, out.WaitSeconds = moments(starts), moments(ends), rangeOf(waited)
	out.EnergyKWh = rangeOf(kWh)
	out.CarbonKg, out.Cost = out.EnergyKWh.times(q.Intensity/1000), out.EnergyKWh.times(q.Price)
	out.Nodes, out.Others = shares(effects), others(effects)
	out.HeldUp = len(out.Others)
	out.Others = out.Others[:min(out.HeldUp, maxOthers)]
	return out
}

// shares counts where the job's elements ran.
func shares(effects []effect) []Share {
	count, sum := map[string]int{}, 0
	for i := range effects {
		for node, n := range effects[i].nodes { // order-free: a sum
			count[node] += n
			sum += n
		}
	}
	out := make([]Share, 0, len(count))
	for _, node := range sortedNames(count) {
		out = append(out, Share{node, float64(count[node]) / float64(sum)})
	}
	slices.SortStableFunc(out, func(a, b Share) int { return cmp.Compare(b.Share, a.Share) })
	return out
}

// others sums the harm to each workload over the seeds.
func others(effects []effect) []Other {
	names := map[who]bool{}
	for i := range effects {
		for name := range effects[i].others { // order-free: a set
			names[name] = true
		}
	}
	out := make([]Other, 0, len(names))
	for name := range names { // order-free: sorted below
		out = append(out, otherOf(name, effects))
	}
	slices.SortFunc(out, func(a, b Other) int {
		return cmp.Or(cmp.Compare(b.MeanLater, a.MeanLater), cmp.Compare(b.Stopped, a.Stopped),
			cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Submitted, b.Submitted))
	})
	return out
}

func otherOf(name who, effects []effect) Other {
	o, n := Other{Workload: name.name, Tenant: name.tenant, Submitted: name.at}, float64(len(effects))
	later := make([]float64, len(effects))
	for i := range effects {
		h := effects[i].others[name]
		later[i] = h.later
		o.MeanLater += h.later / n
		o.Stopped += float64(h.stopped) / n
		if h.later > 0 {
			o.Later++
		}
	}
	o.LaterSeconds = rangeOf(later)
	return o
}

// rank is the place of a quantile among so many, by nearest rank.
func rank(q float64, n int) int { return max(int(math.Ceil(q*float64(n)))-1, 0) }

func moments(list []api.Time) Moments {
	slices.Sort(list)
	at := func(q float64) api.Time {
		if t := list[rank(q, len(list))]; t != never {
			return t
		}
		return 0
	}
	return Moments{at(0.1), at(0.5), at(0.9)}
}

func rangeOf(list []float64) Range {
	if len(list) == 0 {
		return Range{}
	}
	slices.Sort(list)
	at := func(q float64) float64 { return list[rank(q, len(list))] }
	return Range{at(0.1), at(0.5), at(0.9)}
}

func (r Range) times(by float64) Range { return Range{r.P10 * by, r.P50 * by, r.P90 * by} }
