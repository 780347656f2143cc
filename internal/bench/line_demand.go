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
	"drover.dev/internal/rehearse"
	"drover.dev/internal/twin"
	"github.com/goccy/go-yaml"
)

// line is the production line as it is described in examples/manufacturing.
type line struct {
	fleet  rehearse.Fleet
	kinds  []lineKind
	layers map[string][][]api.Layer // by workload: where it may be sent; the first is nowhere in particular
}

// lineKind is one kind of work and how it comes.
type lineKind struct {
	Workload string       `json:"workload"`
	Every    api.Duration `json:"every"` // mean time between groups
	Group    int          `json:"group"`
	Run      api.Duration `json:"run"` // median
	Spread   float64      `json:"spread"`
	In       api.Bytes    `json:"in"`
	Out      api.Bytes    `json:"out"`

	spec *api.Workload
}

// lineJob is one job that comes.
type lineJob struct {
	n    int
	at   api.Time
	kind *lineKind
	run  api.Duration
}

// lineStart is when a world of the line begins.
const lineStart = api.Time(api.Day)

func readLine() (*line, error) {
	l := &line{layers: map[string][][]api.Layer{}}
	var err error
	if l.fleet, err = rehearse.ReadFleet(manufacturing.Fleet); err != nil {
		return nil, fmt.Errorf("the line's fleet: %w", err)
	}
	docs, err := manifest.LoadBytes(manufacturing.Workloads, manifest.Options{})
	if err != nil {
		return nil, fmt.Errorf("the line's workloads: %w", err)
	}
	var demand struct {
		Demand []lineKind `json:"demand"`
	}
	if err := yaml.UnmarshalWithOptions(manufacturing.Demand, &demand, yaml.UseJSONUnmarshaler(), yaml.Strict()); err != nil {
		return nil, fmt.Errorf("the line's demand: %w", err)
	}
	for _, k := range demand.Demand {
		i := slices.IndexFunc(docs, func(d manifest.Document) bool { return d.Workload != nil && d.Workload.Name == k.Workload })
		if i < 0 || k.Every <= 0 || k.Group < 1 || k.Run <= 0 {
			return nil, fmt.Errorf("the line's demand of %q: it takes a workload, and times and a group above zero", k.Workload)
		}
		k.spec = docs[i].Workload
		k.spec.Normalize()
		l.kinds = append(l.kinds, k)
		l.layers[k.Workload] = l.places(&k.spec.Tasks[0].Resources)
	}
	return l, nil
}

// places are the layers that have a node on which a task fits, and before them none: the
// strategy decides.
func (l *line) places(need *api.Resources) [][]api.Layer {
	out := [][]api.Layer{nil}
	for _, layer := range []api.Layer{api.LayerDevice, api.LayerEdge, api.LayerCloud} {
		if slices.ContainsFunc(l.fleet.Nodes, func(n api.Node) bool { return n.Layer == layer && fits(&n.Capacity, need) }) {
			out = append(out, []api.Layer{layer})
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

// draw gives the jobs of a seed, in the order in which they come.
func (l *line) draw(seed uint64, within api.Duration) (jobs []lineJob) {
	for i := range l.kinds {
		k, r := &l.kinds[i], rand.New(rand.NewPCG(seed, uint64(i)))
		for at := api.Duration(r.ExpFloat64() * float64(k.Every)); at < within; at += api.Duration(r.ExpFloat64() * float64(k.Every)) {
			for g := range k.Group {
				run := api.Duration(float64(k.Run) * math.Exp(k.Spread*r.NormFloat64()))
				jobs = append(jobs, lineJob{at: lineStart.Add(at + api.Duration(g)*100*api.Millisecond), kind: k, run: run})
			}
		}
	}
	slices.SortStableFunc(jobs, func(a, b lineJob) int { return cmp.Compare(a.at, b.at) })
	for i := range jobs {
		jobs[i].n = i
	}
	return jobs
}

// arrival makes a job of its own, sent to a layer or to none in particular.
func (j *lineJob) arrival(at api.Time, name string, run api.Duration, to []api.Layer) twin.Arrival {
	spec := *j.kind.spec
	spec.Name = name
	spec.Tasks = slices.Clone(spec.Tasks)
	spec.Tasks[0].Requires.Layers = to
	return twin.Arrival{At: at, Workload: &spec, Truth: []twin.Truth{{Run: run, In: j.kind.In, Out: j.kind.Out}}}
}

func (j *lineJob) name() string { return j.kind.Workload + "-" + strconv.Itoa(j.n) }
