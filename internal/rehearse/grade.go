package rehearse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/twin"
)

// Grade is how well the twin, let run freely on the arrivals of a cell's past,
// came to what really happened.
type Grade struct {
	Tasks     int `json:"tasks"` // elements, of which both know an end
	Workloads int `json:"workloads"`
	// Match is that of a twin whose nodes take over each task what the past's nodes took
	// over theirs, one after the other. What is left is what it decides otherwise.
	Match
	// Persistence is the error of saying that an element takes as long as the one that
	// ended last before it came.
	Persistence float64 `json:"persistenceMapePercent"`
	Live        float64 `json:"liveMeanSeconds"` // mean completion time
	// Usual is the match of a twin whose nodes always take what is usual, the median by
	// driver: the times of single delays are not known to it.
	Usual *Match `json:"withUsualDelays"`
	// Drawn is the mean match of twins whose delays are drawn by chance from those of the
	// past, and Apart how two such twins match each other: that much can be foretold of
	// decisions by who does not know the delays. Both are nil where none were asked for.
	Drawn *Match `json:"withDrawnDelays,omitempty"`
	Apart *Match `json:"betweenDrawnDelays,omitempty"`
	// Overhead is, by driver, the seconds that a task usually takes besides running.
	Overhead map[string]float64 `json:"overheadSeconds"`
	LeftOut  int                `json:"leftOutWorkloads"`
}

// Match says how alike two courses of the same work are, element by element.
type Match struct {
	SameNode  float64 `json:"sameNodePercent"`
	SameClass float64 `json:"sameClassPercent"` // of the same layer, site, cpu, memory and accelerators
	// CompletionMAPE is the mean absolute percentage error of the time from a
	// workload's submission to the end of each element.
	CompletionMAPE float64 `json:"completionMapePercent"`
	Mean           float64 `json:"twinMeanSeconds"` // completion time

	elements int
}

// add has the mean of matches grow by one of n.
func (m *Match) add(o Match, n int) {
	m.SameNode += o.SameNode / float64(n)
	m.SameClass += o.SameClass / float64(n)
	m.CompletionMAPE += o.CompletionMAPE / float64(n)
	m.Mean += o.Mean / float64(n)
}

// GradeOptions say how a past is graded.
type GradeOptions struct {
	// Gather is how long the leader of a twin with usual or drawn delays gathers inputs. The
	// delays of a past have what was usual in them.
	Gather api.Duration
	// Pairs of twins with delays that are drawn, 0 to 1000.
	Pairs int
	Done  func(runs int) // of 2 + 2·Pairs; may be nil
}

// GradePast replays a cell's past: the same arrivals, with the run times that were
// measured, decided anew by the engine in virtual time, and compared element by
// element. The twin is told neither where elements went nor when they ended.
func GradePast(ctx context.Context, p *Past, o GradeOptions) (*Grade, error) {
	switch {
	case len(p.Work) == 0 || len(p.Fleet.Nodes) == 0:
		return nil, errors.New("there is no finished job to replay, or no node")
	case o.Pairs < 0 || o.Pairs > 1000 || o.Gather < 0:
		return nil, errors.New("grade the twin: 0 to 1000 pairs of twins, and no negative time")
	}
	r := regrade{past: p, options: o, class: classes(p.Fleet.Nodes), live: courseOf(p.Ended)}
	g := &Grade{Workloads: len(p.Work), LeftOut: p.LeftOut, Overhead: map[string]float64{}}
	for driver, d := range p.Overhead {
		g.Overhead[driver] = d.Std().Seconds()
	}
	again, err := r.run(ctx, r.replayed(), 0)
	if err != nil {
		return nil, err
	}
	if g.Match = r.match(again, r.live); g.elements == 0 {
		return nil, errors.New("grade the twin: nothing that ended in the past ended in the twin")
	}
	g.Tasks = g.elements
	if again, err = r.run(ctx, nil, o.Gather); err != nil {
		return nil, err
	}
	usual := r.match(again, r.live)
	g.Usual = &usual
	g.Live, g.Persistence = r.persistence(p.Ended)
	return g, r.draw(ctx, g)
}

// regrade is a past that is graded.
type regrade struct {
	past    *Past
	options GradeOptions
	class   map[string]string // of nodes
	live    course
	runs    int
}

// course is what became of each element.
type course map[element]*twin.Ended

type element struct {
	arrival int
	task    uint16
	index   uint32
}

func elementOf(e *twin.Ended) element { return element{e.Arrival, e.Task, e.Index} }

func courseOf(list []twin.Ended) course {
	out := make(course, len(list))
	for i := range list {
		out[elementOf(&list[i])] = &list[i]
	}
	return out
}

// replayed are the delays of the past; nil where it knows none.
func (r *regrade) replayed() func(twin.Delay) api.Duration {
	if r.past.Delays == nil {
		return nil
	}
	return r.past.Delays.replayed()
}

// run is one twin's course. Without delays it takes those that are usual.
func (r *regrade) run(ctx context.Context, delays func(twin.Delay) api.Duration, gather api.Duration) (course, error) {
	p, out := r.past, course{}
	cfg := twin.Config{
		Nodes: slices.Clone(p.Fleet.Nodes), Sites: p.Fleet.Sites, Startup: p.Usual(), Delays: delays, Gather: gather, Retain: retained, Seed: 1,
		Settings: p.Opening(p.Settings.Strategy), Observe: func(e twin.Ended) { out[elementOf(&e)] = &e },
	}
	w, err := twin.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("grade the twin: %w", err)
	}
	next := 0
	_, err = w.Run(func() (twin.Arrival, bool) {
		if next == len(p.Work) {
			return twin.Arrival{}, false
		}
		next++
		return instant(p.Work[next-1]), true
	}, func() bool { return ctx.Err() != nil })
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, fmt.Errorf("grade the twin: %w", err)
	}
	if r.runs++; r.options.Done != nil {
		r.options.Done(r.runs)
	}
	return out, nil
}

// match holds a course against another one, which is taken for the truth.
func (r *regrade) match(got, truth course) (m Match) {
	for i := range r.past.Ended {
		is := elementOf(&r.past.Ended[i])
		a, b := got[is], truth[is]
		if a == nil || b == nil || b.At <= b.Submitted {
			continue
		}
		m.elements++
		if a.Node == b.Node {
			m.SameNode++
		}
		if r.class[a.Node] == r.class[b.Node] {
			m.SameClass++
		}
		took, should := a.At.Sub(a.Submitted).Std().Seconds(), b.At.Sub(b.Submitted).Std().Seconds()
		m.CompletionMAPE += math.Abs(took-should) / should
		m.Mean += took
	}
	n := float64(max(m.elements, 1))
	m.SameNode, m.SameClass, m.CompletionMAPE, m.Mean = 100*m.SameNode/n, 100*m.SameClass/n, 100*m.CompletionMAPE/n, m.Mean/n
	return m
}

// draw runs pairs of twins with delays by chance.
func (r *regrade) draw(ctx context.Context, g *Grade) error {
	n := r.options.Pairs
	if n == 0 || r.past.Delays == nil {
		return nil
	}
	g.Drawn, g.Apart = &Match{}, &Match{}
	for pair := range n {
		var both [2]course
		for k := range both {
			var err error
			if both[k], err = r.run(ctx, r.past.Delays.drawn(uint64(2*pair+k)), r.options.Gather); err != nil {
				return err
			}
			g.Drawn.add(r.match(both[k], r.live), 2*n)
		}
		g.Apart.add(r.match(both[0], both[1]), n)
	}
	return nil
}

// persistence is the error of saying that it takes as long as the last one did, in
// percent, beside the mean of how long it took.
func (r *regrade) persistence(list []twin.Ended) (mean, percent float64) {
	naive, n, known := lastEnded(list), 0, 0
	for i := range list {
		took := list[i].At.Sub(list[i].Submitted).Std().Seconds()
		if took <= 0 {
			continue
		}
		n++
		mean += took
		if naive[i] > 0 {
			percent += math.Abs(naive[i]-took) / took
			known++
		}
	}
	return mean / float64(max(n, 1)), 100 * percent / float64(max(known, 1))
}

// overheads are those of a past as times to start; cold starts are in them.
func overheads(by map[string]api.Duration) map[string]twin.Startup {
	out := make(map[string]twin.Startup, len(by))
	for driver, d := range by {
		out[driver] = twin.Startup{Cold: d, Warm: d}
	}
	return out
}

// instant leaves out the bytes of an arrival: the overhead of a past has the times of
// its transfers in it.
func instant(a twin.Arrival) twin.Arrival {
	a.Truth = slices.Clone(a.Truth)
	for i := range a.Truth {
		a.Truth[i].In, a.Truth[i].Out, a.Truth[i].Program = 0, 0, 0
	}
	return a
}

// classes names what nodes have in common. How much storage is free differs from
// node to node and decides little.
func classes(nodes []api.Node) map[string]string {
	out := make(map[string]string, len(nodes))
	for i := range nodes {
		out[nodes[i].Name] = classOf(&nodes[i])
	}
	return out
}

func classOf(n *api.Node) string {
	out := fmt.Sprint(n.Layer, " ", n.Site, " ", n.Capacity.CPU, " ", n.Capacity.Memory)
	for _, a := range n.Capacity.Accelerators {
		out += fmt.Sprint(" ", a.Kind, a.Models, a.Count)
	}
	return out
}

// lastEnded gives for each element how long the one took that had ended last when
// it was submitted; 0 where there was none.
func lastEnded(list []twin.Ended) []float64 {
	byEnd := make([]int, len(list))
	for i := range byEnd {
		byEnd[i] = i
	}
	bySubmission := slices.Clone(byEnd)
	slices.SortStableFunc(byEnd, func(a, b int) int { return cmp.Compare(list[a].At, list[b].At) })
	slices.SortStableFunc(bySubmission, func(a, b int) int { return cmp.Compare(list[a].Submitted, list[b].Submitted) })
	out := make([]float64, len(list))
	n, last := 0, 0.0
	for _, i := range bySubmission {
		for ; n < len(byEnd) && list[byEnd[n]].At <= list[i].Submitted; n++ {
			e := &list[byEnd[n]]
			last = e.At.Sub(e.Submitted).Std().Seconds()
		}
		out[i] = last
	}
	return out
}
