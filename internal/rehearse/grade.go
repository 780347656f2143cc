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
	Tasks     int     `json:"tasks"` // elements, of which both know an end
	Workloads int     `json:"workloads"`
	SameNode  float64 `json:"sameNodePercent"`
	SameClass float64 `json:"sameClassPercent"` // of the same layer, site, cpu, memory and accelerators
	// CompletionMAPE is the mean absolute percentage error of the time from a
	// workload's submission to the end of each element; Persistence is that of
	// saying that it takes as long as for the element that ended last before.
	CompletionMAPE float64 `json:"completionMapePercent"`
	Persistence    float64 `json:"persistenceMapePercent"`
	// Mean completion times, in seconds.
	Live float64 `json:"liveMeanSeconds"`
	Twin float64 `json:"twinMeanSeconds"`
	// Overhead is, by driver, the seconds that were fitted for what a task takes
	// besides running.
	Overhead map[string]float64 `json:"overheadSeconds"`
	LeftOut  int                `json:"leftOutWorkloads"`
}

// GradePast replays a cell's past: the same arrivals, with the run times that were
// measured, decided anew by the engine in virtual time, and compared element by
// element. The overhead that the past shows has the leader's gathering in it: gather,
// see [twin.Config], adds to that.
func GradePast(ctx context.Context, p *Past, gather api.Duration) (*Grade, error) {
	if len(p.Work) == 0 || len(p.Fleet.Nodes) == 0 {
		return nil, errors.New("there is no finished job to replay, or no node")
	}
	type key struct {
		arrival int
		task    uint16
		index   uint32
	}
	replayed := map[key]twin.Ended{}
	cfg := twin.Config{
		Nodes: slices.Clone(p.Fleet.Nodes), Sites: p.Fleet.Sites, Startup: overheads(p.Overhead), Gather: gather, Retain: retained, Seed: 1,
		Observe: func(e twin.Ended) { replayed[key{e.Arrival, e.Task, e.Index}] = e },
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
	g := &Grade{Workloads: len(p.Work), LeftOut: p.LeftOut, Overhead: map[string]float64{}}
	for driver, d := range p.Overhead {
		g.Overhead[driver] = d.Std().Seconds()
	}
	class := classes(p.Fleet.Nodes)
	naive := lastEnded(p.Ended)
	persisted := 0
	for i := range p.Ended {
		live := &p.Ended[i]
		again, ok := replayed[key{live.Arrival, live.Task, live.Index}]
		took := live.At.Sub(live.Submitted).Std().Seconds()
		if !ok || took <= 0 {
			continue
		}
		g.Tasks++
		if again.Node == live.Node {
			g.SameNode++
		}
		if class[again.Node] == class[live.Node] {
			g.SameClass++
		}
		twinTook := again.At.Sub(again.Submitted).Std().Seconds()
		g.CompletionMAPE += math.Abs(twinTook-took) / took
		g.Live += took
		g.Twin += twinTook
		if naive[i] > 0 {
			g.Persistence += math.Abs(naive[i]-took) / took
			persisted++
		}
	}
	if g.Tasks == 0 {
		return nil, errors.New("grade the twin: nothing that ended in the past ended in the twin")
	}
	n := float64(g.Tasks)
	g.SameNode, g.SameClass, g.CompletionMAPE = 100*g.SameNode/n, 100*g.SameClass/n, 100*g.CompletionMAPE/n
	g.Live, g.Twin = g.Live/n, g.Twin/n
	g.Persistence = 100 * g.Persistence / float64(max(persisted, 1))
	return g, nil
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
