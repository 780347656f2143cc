package bench

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"drover.dev/api"
	"drover.dev/api/manifest"
	"drover.dev/examples/manufacturing"
	"drover.dev/internal/calibrate"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/twin"
	"github.com/goccy/go-yaml"
)

// line is the production line as it is described in examples/manufacturing.
type line struct {
	fleet rehearse.Fleet
	kinds []*lineKind
}

// lineKind is one kind of work and how it comes.
type lineKind struct {
	Workload string       `json:"workload"`
	Every    api.Duration `json:"every"`  // time between groups; without a jitter the mean
	Jitter   api.Duration `json:"jitter"` // by up to how much they are late; 0: they come at random
	Stops    struct {     // when the line stands still; means, 0 is never
		Every api.Duration `json:"every"`
		For   api.Duration `json:"for"`
	} `json:"stops"`
	Group  int          `json:"group"`
	Run    api.Duration `json:"run"` // median
	Spread float64      `json:"spread"`
	In     api.Bytes    `json:"in"`
	Out    api.Bytes    `json:"out"`

	at     int // among the kinds
	spec   *api.Workload
	places []linePlace // the choices; the first leaves all to the cell's strategy
}

// linePlace is one way to send a job.
type linePlace struct {
	layers []api.Layer    // none: any
	never  api.Preemption // whether it keeps out of displacing and being displaced
}

// lineJob is one job that comes.
type lineJob struct {
	n      int
	at     api.Time
	kind   *lineKind
	member int // of its group, from 0
	run    api.Duration
}

// lineStart is when a world of the line begins.
const lineStart = api.Time(api.Day)

// apart is the time between the jobs of a group.
const apart = 100 * api.Millisecond

func readLine() (*line, error) {
	l := &line{}
	var err error
	if l.fleet, err = rehearse.ReadFleet(manufacturing.Fleet); err != nil {
		return nil, fmt.Errorf("the line's fleet: %w", err)
	}
	docs, err := manifest.LoadBytes(manufacturing.Workloads, manifest.Options{})
	if err != nil {
		return nil, fmt.Errorf("the line's workloads: %w", err)
	}
	var demand struct {
		Demand []*lineKind `json:"demand"`
	}
	if err := yaml.UnmarshalWithOptions(manufacturing.Demand, &demand, yaml.UseJSONUnmarshaler(), yaml.Strict()); err != nil {
		return nil, fmt.Errorf("the line's demand: %w", err)
	}
	for i, k := range demand.Demand {
		of := slices.IndexFunc(docs, func(d manifest.Document) bool { return d.Workload != nil && d.Workload.Name == k.Workload })
		if of < 0 || k.Every <= 0 || k.Group < 1 || k.Run <= 0 || k.Jitter < 0 || k.Jitter >= k.Every {
			return nil, fmt.Errorf("the line's demand of %q: it takes a workload, times and a group above zero, and a jitter below the time between groups", k.Workload)
		}
		k.at, k.spec = i, docs[of].Workload
		k.spec.Normalize()
		k.places = l.places(&k.spec.Tasks[0].Resources)
		l.kinds = append(l.kinds, k)
	}
	return l, nil
}

// places are the layers that have a node on which a task fits, and before them none: the
// strategy decides. Where accelerators are asked for, of which the line is short, each is there once more for a job that neither
// displaces nor is displaced.
func (l *line) places(need *api.Resources) []linePlace {
	out := []linePlace{{}}
	for _, layer := range []api.Layer{api.LayerDevice, api.LayerEdge, api.LayerCloud} {
		if slices.ContainsFunc(l.fleet.Nodes, func(n api.Node) bool { return n.Layer == layer && fits(&n.Capacity, need) }) {
			out = append(out, linePlace{layers: []api.Layer{layer}})
		}
	}
	if len(need.Accelerators) > 0 {
		for _, p := range out {
			out = append(out, linePlace{p.layers, api.PreemptNever})
		}
	}
	return out
}

func fits(has, need *api.Resources) bool {
	if need.CPU > has.CPU || need.Memory > has.Memory {
		return false
	}
	for _, want := range need.Accelerators {
		if !slices.ContainsFunc(has.Accelerators, func(a api.Accelerator) bool { return a.Kind == want.Kind && a.Count >= want.Count }) {
			return false
		}
	}
	return true
}

// link is the one from home to a node; its rate is 0 when there is none to cross.
func (l *line) link(to *api.Node) (rtt api.Duration, rate api.Rate) {
	for _, s := range l.fleet.Sites {
		for _, link := range s.Links {
			if s.Name == l.fleet.Home && link.To == to.Site {
				return link.RTT, link.Bandwidth
			}
		}
	}
	return 0, 0
}

// alone is how long a job takes, in s, that has the whole line to itself and is sent where that is
// quickest. No plan can end it sooner.
func (l *line) alone(j *lineJob) float64 {
	least := math.Inf(1)
	for i := range l.fleet.Nodes {
		n := &l.fleet.Nodes[i]
		if !fits(&n.Capacity, &j.kind.spec.Tasks[0].Resources) {
			continue
		}
		took := j.run.Std().Seconds() * 1000 / float64(n.Speed)
		if rtt, rate := l.link(n); rate > 0 {
			took += 2*rtt.Std().Seconds() + 8*float64(j.kind.In+j.kind.Out)/float64(rate)
		}
		least = min(least, took)
	}
	return least
}

// dice are chances of a seed. Those that are turned are 1 less the others': what is large with one
// is small with the other, and their mean varies less (Hammersley and Morton, 1956, "A New Monte Carlo Technique: Antithetic Variates").
type dice struct {
	*rand.Rand
	turned bool
}

func roll(seed, stream uint64, turned bool) dice {
	return dice{rand.New(rand.NewPCG(seed, stream)), turned}
}

// chance is from 0 to below 1.
func (d dice) chance() float64 {
	u := d.Float64()
	if d.turned && u > 0 {
		return 1 - u
	}
	return u
}

// exponential is a time of this mean.
func (d dice) exponential(mean api.Duration) api.Duration {
	return api.Duration(-math.Log1p(-d.chance()) * float64(mean))
}

// flow tells when groups of a kind come, one after the other.
type flow struct {
	*lineKind
	dice
	slot api.Time // of the last one, before its jitter
}

func (f *flow) next() api.Time {
	if f.Jitter == 0 {
		f.slot = f.slot.Add(f.exponential(f.Every))
		return f.slot
	}
	f.slot = f.slot.Add(f.Every)
	if f.Stops.Every > 0 && f.chance()*float64(f.Stops.Every) < float64(f.Every) {
		f.slot = f.slot.Add(f.exponential(f.Stops.For))
	}
	return f.slot.Add(api.Duration(f.chance() * float64(f.Jitter)))
}

// draw gives the jobs of a seed, in the order in which they come.
func (l *line) draw(seed uint64, within api.Duration) (jobs []lineJob) {
	for i, k := range l.kinds {
		f := flow{k, roll(seed, uint64(i), false), lineStart}
		if k.Jitter > 0 {
			f.slot = lineStart.Add(-api.Duration(f.chance() * float64(k.Every)))
		}
		for at := f.next(); at < lineStart.Add(within); at = f.next() {
			for g := range k.Group {
				jobs = append(jobs, lineJob{at: at.Add(api.Duration(g) * apart), kind: k, member: g, run: k.runs(f.dice)})
			}
		}
	}
	slices.SortStableFunc(jobs, func(a, b lineJob) int { return cmp.Compare(a.at, b.at) })
	for i := range jobs {
		jobs[i].n = i
	}
	return jobs
}

// runs is how long a job runs on a node of speed 1.
func (k *lineKind) runs(d dice) api.Duration {
	return api.Duration(float64(k.Run) * math.Exp(k.Spread*d.NormFloat64()))
}

// before is how many runs of each kind were seen on the days before.
const before = 32

// past is what was learnt of the runs on the days before.
func (l *line) past(seed uint64) *calibrate.Durations {
	out := calibrate.NewDurations(calibrate.Tuning{Prior: 1, HalfLife: 16})
	for i, k := range l.kinds {
		d := roll(seed, uint64(len(l.kinds)+i), false)
		for range before {
			out.Observe([]string{k.Workload}, k.runs(d).Std().Seconds())
		}
	}
	return out
}

// arrival makes a job of its own, sent somewhere.
func (k *lineKind) arrival(at api.Time, name string, run api.Duration, to linePlace) twin.Arrival {
	spec := *k.spec
	spec.Name = name
	spec.Tasks = slices.Clone(spec.Tasks)
	to.send(&spec)
	return twin.Arrival{At: at, Workload: &spec, Truth: []twin.Truth{{Run: run, In: k.In, Out: k.Out}}}
}

func (p linePlace) send(w *api.Workload) {
	w.Tasks[0].Requires.Layers, w.Preemption = p.layers, p.never
}

func (j *lineJob) name() string { return j.kind.Workload + "-" + strconv.Itoa(j.n) }
