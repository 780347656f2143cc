package engine_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// TestHistories lets random histories happen: nodes that come, go, fall silent,
// shrink and drain; workloads of all kinds; reports that are lost, repeated,
// late or lies; commands that are repeated; time that jumps. After every step
// all that must agree is compared (see world.step), and in the end everything
// that was accepted must come to its end.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.SampledFrom([]int{500, 3000, engine.MaxBatch}).Draw(t, "limit"))
		w.booked = map[api.TaskRef]bool{}
		w.engine.CountHeld()
		h := &chance{t: t, world: w, keyed: map[string]state.Answer{}}
		w.step(t, &engine.Lead{Epoch: 1, Server: "a"})
		if first := rapid.SampledFrom([]string{"", "", "backfill", "conservative-backfill"}).Draw(t, "first"); first != "" {
			w.ordered = true
			w.step(t, &engine.PutSettings{Strategy: first})
		}
		for range rapid.IntRange(5, 40).Draw(t, "steps") {
			h.pass()
			var in []engine.Input
			for range rapid.IntRange(0, 4).Draw(t, "inputs") {
				in = append(in, h.input())
			}
			if rapid.IntRange(0, 2).Draw(t, "obey") == 0 {
				in = append(in, h.obey()...)
			}
			w.step(t, in...)
			h.answered(in)
			if rapid.IntRange(0, 5).Draw(t, "rebuild") == 0 {
				w.rebuild(t)
			}
			if rapid.Bool().Draw(t, "settle") {
				w.settle(t)
			}
			if p := w.engine.State().Planning; !w.more && (p == nil || !p.Open) {
				h.conserving()
			}
			if rapid.IntRange(0, 3).Draw(t, "explain") == 0 {
				h.explains()
			}
		}
		h.converge()
		w.replay(t)
	})
}

// chance draws what happens next.
type chance struct {
	t       *rapid.T
	world   *world
	reports []engine.Input // that were sent before, for repetition
	keyed   map[string]state.Answer
}

var (
	nodeNames = []string{"n1", "n2", "n3", "n4"}
	allNames  = []string{"j1", "j2", "j3", "j4", "s1", "s2", "d1"}
)

func (h *chance) pick(label string, n int) int { return rapid.IntRange(0, n-1).Draw(h.t, label) }

func oneOf[T any](h *chance, label string, list ...T) T { return list[h.pick(label, len(list))] }

// pass lets time pass, sometimes much of it.
func (h *chance) pass() {
	h.world.now = h.world.now.Add(oneOf(h, "time", 0, api.Millisecond, api.Second, 3*api.Second, 15*api.Second, 2*api.Minute, 30*api.Minute))
}

func (h *chance) input() engine.Input {
	switch h.pick("what", 19) {
	case 18:
		if in := h.elsewhere(); in != nil {
			return in
		}
		return h.plan()
	case 17:
		if in := h.battery(); in != nil && h.pick("battery", 3) == 0 {
			return in
		}
		if in := h.measured(); in != nil {
			return in
		}
		return h.plan()
	case 16:
		if in := h.world.shadowed(); in != nil && h.pick("shadowed", 2) == 0 {
			return in
		}
		return h.plan()
	case 0, 1:
		return &engine.Register{Node: h.node(oneOf(h, "node", nodeNames...))}
	case 2:
		return &engine.Silent{Node: oneOf(h, "node", nodeNames...)}
	case 3:
		return &engine.Back{Node: oneOf(h, "node", nodeNames...)}
	case 4:
		if h.pick("power", 3) == 0 {
			return &engine.Power{Node: oneOf(h, "node", nodeNames...), Sleep: h.pick("sleep", 3) > 0, Caller: h.caller()}
		}
		return &engine.Drain{
			Node: oneOf(h, "node", nodeNames...), Off: rapid.Bool().Draw(h.t, "off"),
			Grace: oneOf(h, "grace", 0, 10*api.Second), Caller: h.caller(),
		}
	case 5:
		return h.rare()
	case 6, 7, 8, 9:
		return &engine.Submit{Caller: h.caller(), Workload: h.workload()}
	case 10:
		if h.pick("suspend", 2) == 0 {
			return h.suspend()
		}
		return &engine.Cancel{Caller: h.caller(), Tenant: "default", Name: oneOf(h, "name", allNames...)}
	}
	return h.report()
}

// suspend has work stand still or go on, of whoever and for however long.
func (h *chance) suspend() engine.Input {
	in := &engine.Suspend{
		Caller: h.caller(), Tenant: oneOf(h, "tenant", "default", "other"), Name: oneOf(h, "name", allNames...),
		For: oneOf(h, "for", 0, api.Second, 20*api.Second, 2*api.Minute, 8*api.Day), Operator: rapid.Bool().Draw(h.t, "operator"), Off: h.pick("off", 3) == 0,
	}
	if h.pick("all", 2) == 0 {
		in.Elements = []api.Elements{{Task: oneOf(h, "task", "t0", "t1", "main"), From: uint32(h.pick("from", 3)), Count: uint32(h.pick("count", 3))}}
	}
	return in
}

// plan answers what was asked, honestly, late or with lies.
func (h *chance) plan() engine.Input {
	q := h.world.follower.Question()
	if q == nil || h.pick("plan honestly", 4) == 0 {
		g := &engine.Planned{N: uint64(h.pick("plan", 20)), Planner: "x", Nodes: nodeNames, Last: rapid.Bool().Draw(h.t, "last")}
		for range h.pick("places", 4) {
			g.Tasks = append(g.Tasks, engine.PlannedPlace{
				Ref: api.TaskRef{Workload: uint64(h.pick("w", 9)), Task: uint16(h.pick("task", 4))}, Try: uint32(h.pick("try", 3)),
				Node: uint32(h.pick("node", 5)), Move: rapid.Bool().Draw(h.t, "move"),
			})
		}
		return g
	}
	return q.Answer(1, func() bool { return false })[0]
}

// elsewhere sends a job that is there somewhere else.
func (h *chance) elsewhere() engine.Input {
	st := h.world.engine.State()
	var jobs []*api.Workload
	for _, id := range st.SortedWorkloads() {
		if w := st.Workloads[id]; w.Spec.Kind == api.KindJob && w.Spec.Schedule == nil && !w.Status.Final() {
			jobs = append(jobs, w.Spec)
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	spec := *oneOf(h, "job", jobs...)
	spec.Priority, spec.Preemption = int32(h.pick("priority", 3)), oneOf(h, "preemption", "", api.PreemptNever)
	if spec.Tasks = slices.Clone(spec.Tasks); h.pick("move", 3) > 0 {
		spec.Tasks[0].Requires.Sites = oneOf(h, "sites", nil, []string{"s2"}, []string{"s1", "s2"}) // where all can end
	}
	spec.Normalize()
	if faults := spec.Validate(); len(faults) > 0 {
		return nil // its data may not go there
	}
	return &engine.Submit{Caller: h.caller(), Workload: &spec}
}

// measured is what the shell makes of use and forecasts: other numbers of replicas, and
// other sizes, sensible or not.
func (h *chance) measured() engine.Input {
	st := h.world.engine.State()
	ids := st.SortedWorkloads()
	if len(ids) == 0 {
		return nil
	}
	w := st.Workloads[oneOf(h, "measured", ids...)]
	revision := w.Revision + uint32(h.pick("stale", 8)/7)
	if c := w.Spec.Scale; c != nil && h.pick("scaled", 2) == 0 {
		return &engine.Scaled{ID: w.ID, Revision: revision, Replicas: int32(h.pick("wish", 8)), Why: state.Outlook{Quantile: c.Quantile, Target: c.Target, Load: 1000}}
	}
	in := &engine.Resized{ID: w.ID, Revision: revision, Task: uint16(h.pick("task", 3)), Why: state.Need{Samples: 12}}
	in.CPU, in.Memory = oneOf(h, "cpu", api.Milli(100), 400, 2000), oneOf(h, "memory", 0, 128*api.MiB, 1*api.GiB)
	if int(in.Task) < len(w.Spec.Tasks) && w.Spec.Resize != nil && h.pick("sensible", 3) > 0 {
		in.CPU, in.Memory = w.Spec.Resize.Bounds(&w.Spec.Tasks[in.Task].Resources, in.CPU, in.Memory)
	}
	return in
}

// probation has a change of the strategy watched now and then, shortly: what is left of
// it is over when the world comes to rest.
func (h *chance) probation() *api.Probation {
	if h.pick("probation", 3) != 0 {
		return nil
	}
	from := h.world.engine.ViewStrategies()
	at := slices.IndexFunc(from, func(s api.StrategyView) bool { return s.Default })
	return &api.Probation{From: from[at].Name, Window: 16 * api.Second, Least: 5, Goals: []api.Goal{
		{Metric: api.CompletionMean, Limit: oneOf(h, "limit", api.Second, api.Hour)}, {Metric: api.WaitP50, Limit: api.Second},
	}}
}

// stages has such a strategy tried in stages first now and then.
func (h *chance) stages(p *api.Probation) *api.Stages {
	if p == nil || h.pick("stages", 2) == 0 {
		return nil
	}
	s := &api.Stages{Shadow: oneOf(h, "shadow", 0, 16*api.Second), Stop: h.pick("stop", 3) == 0}
	if h.pick("canary", 3) > 0 {
		s.Canary, s.Share = 16*api.Second, 50
	}
	return s
}

// rest has the idle nodes of a site sleep soon, or says nothing.
func (h *chance) rest() *api.Rest {
	if h.pick("rests", 3) == 0 {
		return nil
	}
	reserve := oneOf(h, "reserve", api.Milli(0), 0, 100, 500)
	return &api.Rest{After: oneOf(h, "after", api.Second, 10*api.Second, api.Hour), Reserve: &reserve, Move: h.pick("moves", 2) == 0, Ahead: oneOf(h, "ahead", api.Milli(0), 800, 900)}
}

// foreseen is what tasks are expected to hold, sensible or not.
func (h *chance) foreseen() engine.Input {
	soon := state.Room{CPU: api.Milli(h.pick("soon", 9000) - 100), Memory: api.GiB}
	return &engine.Foreseen{Said: state.DemandForeseen{
		Quantile: oneOf(h, "quantile", api.Milli(800), 900, 900), Soon: soon, Later: soon, Model: "ets",
		Origin: h.world.now.Add(-oneOf(h, "age", 0, 0, api.Hour)), Until: h.world.now.Add(api.Minute),
	}}
}

// cells gives a site a battery now and then.
func (h *chance) cells() *api.Battery {
	if h.pick("cells", 3) == 0 {
		return nil
	}
	b := &api.Battery{
		Capacity: oneOf(h, "capacity", api.Energy(3.6e9), 3.6e12), Charge: oneOf(h, "charge", api.Power(50_000), 2_000_000),
		Efficiency: oneOf(h, "efficiency", api.Milli(500), 1000), Reserve: oneOf(h, "kept", api.Milli(0), 100),
		Dispatch: oneOf(h, "dispatch", "", api.DispatchCost, api.DispatchCarbon, api.DispatchNone),
	}
	if h.pick("wears", 3) == 0 {
		b.Wear = &api.Money{Micro: 100, Currency: oneOf(h, "in", "EUR", "USD")}
	}
	return b
}

// battery is what is heard of one, true or not.
func (h *chance) battery() engine.Input {
	st := h.world.engine.State()
	sites := st.SortedBatteries()
	if len(sites) == 0 {
		return nil
	}
	in := &engine.Battery{Site: oneOf(h, "battery", sites...), Failed: oneOf(h, "failed", "", "", "off"), Told: rapid.Bool().Draw(h.t, "told")}
	in.Order = st.Batteries[in.Site].Order + uint64(h.pick("stale", 8)/7)
	in.Level = oneOf(h, "level", api.Microjoules(-1), 0, 1e9, 2e12, 1e18)
	return in
}

func (h *chance) rare() engine.Input {
	switch h.pick("rare", 10) {
	case 9:
		return h.foreseen()
	case 8:
		return h.signal()
	case 5:
		h.world.ordered = h.world.ordered || h.pick("order", 2) == 0 // from here on priority is not all
		if !h.world.ordered {
			in := &engine.PutSettings{Strategy: h.strategy(), Home: oneOf(h, "home", "", "s1", "s2"), Probation: h.probation()}
			in.Stages = h.stages(in.Probation)
			return in
		}
		return &engine.PutSettings{Strategy: oneOf(h, "cell", "dynamic", "min-total-completion", "fifo", "deadline", "dynamic-priority", "shortest-first", "fair-share", "backfill", "conservative-backfill", "mine")}
	case 6:
		s := api.Strategy{Name: "mine", Order: oneOf(h, "order", "", "fifo", "lifo", "fair-share", "deadline"), Terms: []api.StrategyTerm{
			{Term: oneOf(h, "term", "packing", "fit", "growth", "magic", "two-choices", "turn", "source", "spread", "avoid", "wishes", "energy", "carbon", "cost", "pace"), Weight: int32(h.pick("weight", 9)) - 4},
		}}
		s.Planner = oneOf(h, "planner", "", "", "dynamic", "min-cost-assignment")
		s.Backfill = oneOf(h, "backfill", "", api.BackfillEasy, api.BackfillConservative)
		h.world.ordered = h.world.ordered || s.Order != "" || s.Backfill != ""
		s.Normalize()
		return &engine.PutStrategy{Caller: h.caller(), Strategy: s}
	case 7:
		h.world.ordered = true // a limit may hold the higher priority back
		v := api.Tenant{Name: oneOf(h, "tenant", "default", "other"), Strategy: h.own(), Weight: oneOf(h, "share", int32(1), 3)}
		if rapid.Bool().Draw(h.t, "quoted") {
			v.Quota = &api.Resources{CPU: oneOf(h, "quota", api.Milli(1000), 3000), Accelerators: []api.Accelerator{{Kind: "gpu", Count: 1000}}}
		}
		if rapid.Bool().Draw(h.t, "limited") {
			v.Limit = &api.Resources{CPU: oneOf(h, "limit", api.Milli(1000), 3000)}
		}
		if rapid.Bool().Draw(h.t, "all") {
			v = api.Tenant{Name: api.AllTenants}
		}
		if rapid.Bool().Draw(h.t, "budgeted") {
			v.Budgets = []api.Budget{
				{Money: &api.Money{Micro: oneOf(h, "money", int64(0), 1000, 10_000_000), Currency: "EUR"}, Window: oneOf(h, "window", api.Hour, api.Day), Then: oneOf(h, "then", "warn", "defer", "refuse")},
				{Carbon: oneOf(h, "carbon", api.Mass(1), 50_000_000), Window: api.Hour},
			}
		}
		v.Normalize()
		return &engine.PutTenant{Caller: h.caller(), Tenant: v}
	case 0:
		return &engine.RemoveNode{Caller: h.caller(), Node: oneOf(h, "node", nodeNames...)}
	case 1:
		return &engine.PutSettings{Caller: h.caller(), RetainMax: int32(1 + h.pick("keep", 6)), RetainFor: oneOf(h, "for", api.Second, api.Hour), Lease: oneOf(h, "lease", api.Second, api.Minute)}
	case 2:
		a, b := oneOf(h, "site", "s1", "s2"), oneOf(h, "to", "s2", "s3")
		if a == b {
			b = "s1"
		}
		return &engine.PutSite{Caller: h.caller(), Site: api.Site{Name: a, Layer: api.LayerEdge, Zone: oneOf(h, "zone", "", "A", "B"), Links: []api.Link{
			{To: b, RTT: oneOf(h, "rtt", api.Millisecond, api.Second), Bandwidth: 1e6},
		}[:h.pick("links", 2)], Rest: h.rest(), Battery: h.cells()}}
	case 3:
		return &engine.Rollback{Caller: h.caller(), Tenant: "default", Name: oneOf(h, "name", allNames...), Revision: uint32(h.pick("revision", 3))}
	}
	return &engine.Lead{Epoch: h.world.engine.State().Epoch + 1, Server: "b"}
}

// signal is news of a zone's carbon intensity or price, often for some hours only.
func (h *chance) signal() engine.Input {
	s := api.Signal{Kind: oneOf(h, "kind", api.SignalCarbon, api.SignalPrice), Zone: oneOf(h, "zone", "A", "B"), Origin: "test", Step: api.Hour}
	if s.Kind == api.SignalPrice {
		s.Currency = "EUR"
	}
	now := h.world.engine.State().Now
	s.Start = now - now%api.Time(api.Hour) + api.Time(h.pick("from", 5)-3)*api.Time(api.Hour)
	for range h.pick("values", 6) {
		s.Values = append(s.Values, int64(h.pick("value", 1000)))
	}
	if s.Known = int32(h.pick("known", 7)); h.pick("fault", 4) == 0 {
		s.Fault = "down"
	}
	return &engine.PutSignal{Caller: h.caller(), Signal: s}
}

// caller is often without a key; few keys make repetitions likely.
func (h *chance) caller() engine.Caller {
	return engine.Caller{Principal: "p", Key: oneOf(h, "key", "", "", "", "k1", "k2", "k3", "k4", "k5", "k6")}
}

func (h *chance) node(name string) api.Node {
	n := nodeOf(name, oneOf(h, "cpu", api.Milli(1000), 2000, 4000))
	n.Site, n.Drivers = oneOf(h, "site", "s1", "s2", "s3"), []string{api.DriverNoop, api.DriverProcess}
	n.Capacity.Memory = oneOf(h, "memory", 1*api.GiB, 4*api.GiB)
	if rapid.Bool().Draw(h.t, "label") {
		n.Labels = map[string]string{"disk": oneOf(h, "disk", "ssd", "hdd")}
	}
	for i := range h.pick("gpus", 3) {
		n.Capacity.Accelerators = append(n.Capacity.Accelerators, api.Accelerator{
			Kind: "gpu", Models: []string{oneOf(h, "model", "a", "b") + fmt.Sprint(i)}, Count: api.Milli(1000 * (1 + h.pick("count", 2))),
		})
	}
	if h.pick("sleeps", 3) > 0 {
		n.Sleep = &api.Sleep{Up: oneOf(h, "up", 0, 10*api.Second, api.Hour)}
	}
	if effect := oneOf(h, "taint", "", "", "", api.NoSchedule, api.Avoid, api.NoExecute); effect != "" {
		n.Taints = []api.Taint{{Key: "k", Effect: effect}}
	}
	return n
}

func (h *chance) workload() *api.Workload {
	w := &api.Workload{
		APIVersion: api.Version, Name: oneOf(h, "name", allNames...), Kind: api.KindJob, Priority: int32(h.pick("priority", 3)), Strategy: h.own(),
		Tenant: oneOf(h, "tenant", "default", "default", "other"), Objective: oneOf(h, "objective", "", api.ObjectiveLatency, api.ObjectiveCost, api.ObjectiveCarbon),
	}
	if h.pick("labelled", 3) == 0 {
		w.Labels = map[string]string{"app": oneOf(h, "app", "a", "b")}
	}
	switch w.Name[0] {
	case 's':
		w.Kind = api.KindService
	case 'd':
		w.Kind = api.KindSystem
	}
	switch w.Kind {
	case api.KindService:
		w.Replicas = int32(1 + h.pick("replicas", 4))
		if h.pick("scale", 3) == 0 {
			w.Scale = &api.Scale{Min: 1, Max: 5, Cooldown: oneOf(h, "cooldown", 10*api.Second, api.Minute)}
		}
		w.Tasks = []api.Task{h.lasting()}
		w.Update = &api.Update{HealthyAfter: oneOf(h, "healthyAfter", 0, 5*api.Second), Manual: h.pick("manual", 4) == 0}
		if rapid.Bool().Draw(h.t, "checked") {
			w.Tasks[0].Checks = []api.Check{{Type: api.CheckExec, Command: []string{"true"}}}
		}
	case api.KindSystem:
		w.Tasks = []api.Task{h.lasting()}
	default:
		h.job(w)
	}
	if h.pick("resize", 4) == 0 {
		w.Resize = &api.Resize{Mode: api.ResizeAuto}
	}
	w.Normalize()
	if faults := w.Validate(); len(faults) > 0 {
		h.t.Fatalf("the generator made an invalid workload: %v", faults)
	}
	return w
}

// strategy is one that changes where tasks go, not their order.
func (h *chance) strategy() string {
	return oneOf(h, "strategy", "", "greedy", "round-robin", "least-connections", "source-hash", "random-two-choices",
		"best-fit", "worst-fit", "dot-product", "fragmentation-gradient", "backed-packing", "min-cost-assignment",
		"energy-aware", "renewable-first", "time-of-use", "balanced", "storage")
}

// own is a strategy of a workload or a tenant: whatever it says of orders, the queue
// keeps the cell's.
func (h *chance) own() string {
	return oneOf(h, "own", h.strategy(), "min-total-completion", "dynamic", "backfill", "fair-share", "mine")
}

func (h *chance) job(w *api.Workload) {
	w.Deadline = oneOf(h, "deadline", 0, 0, 0, api.Minute)
	for i := range 1 + h.pick("tasks", 3) {
		task := h.task(fmt.Sprint("t", i))
		task.Count = int32(1 + h.pick("count", 3))
		task.Outputs = []api.Output{{Name: "out", Stdout: true}}
		task.OnLost = oneOf(h, "onLost", api.LostReplace, api.LostWait, api.LostFail)
		if task.AtMostOnce = h.pick("once", 4) == 0; task.AtMostOnce {
			task.Restart = nil
		}
		task.Timeout = oneOf(h, "timeout", 0, 0, 20*api.Second)
		if i > 0 && rapid.Bool().Draw(h.t, "after") {
			task.Inputs = []api.Input{{Path: "in", Task: "t0", Output: "out"}}
		}
		w.Tasks = append(w.Tasks, task)
	}
	w.Preemption = oneOf(h, "preemption", "", "", api.PreemptNever)
	if w.Gang = h.pick("gang", 4) == 0; w.Gang {
		w.GangWithin = oneOf(h, "gangWithin", "", "", "site", "disk") // on one node a fixed port would be taken
	}
	if h.pick("cron", 6) == 0 {
		w.Deadline = 0
		w.Schedule = &api.Schedule{Cron: "* * * * *", Overlap: oneOf(h, "overlap", api.OverlapAllow, api.OverlapSkip, api.OverlapReplace), Keep: 2}
	}
}

// lasting is the task of a service or system. It takes no fixed port: it would
// keep that from the jobs for ever.
func (h *chance) lasting() api.Task {
	t := h.task("main")
	t.Ports = nil
	return t
}

func (h *chance) task(name string) api.Task {
	t := api.Task{Name: name, Driver: api.DriverNoop, Resources: api.Resources{
		CPU: oneOf(h, "cpu", api.Milli(100), 500, 1000), Memory: oneOf(h, "memory", 0, 256*api.MiB, 1*api.GiB),
	}}
	if h.pick("holdable", 2) == 0 {
		t.Driver, t.Command = api.DriverProcess, []string{"x"}
	}
	switch h.pick("needs", 9) {
	case 0:
		t.Requires.Labels = map[string]string{"disk": "ssd"}
	case 1:
		t.Requires.Sites = []string{"s2"}
		if h.pick("residency", 2) == 0 {
			t.Residency, t.Requires.Sites = &api.Residency{Sites: t.Requires.Sites}, nil
		}
	case 2:
		t.Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: oneOf(h, "gpu", api.Milli(500), 1000, 2000)}}
	case 3:
		t.Ports = []api.Port{{Name: "web", Port: 8080}}
	case 4:
		t.Requires.Tolerations = []api.Toleration{{Key: "k"}}
	case 5:
		t.Requires = h.relations()
	}
	switch h.pick("restart", 5) {
	case 0:
		t.Restart = &api.Restart{Policy: api.RestartNever}
	case 1:
		t.Restart = &api.Restart{Policy: api.RestartOnFailure, Attempts: 1}
	}
	return t
}

// relations ties a task to others, often to itself.
func (h *chance) relations() (q api.Requirements) {
	who := oneOf(h, "whom", "", "", "s1", "j1")
	within := oneOf(h, "within", "node", "site", "disk")
	soft := h.pick("soft", 3) == 0
	switch h.pick("relation", 3) {
	case 0:
		q.Near = []api.Relation{{Workload: who, Within: within, Soft: soft}}
	case 1:
		q.Apart = []api.Relation{{Workload: who, Within: within, Soft: soft}}
	default:
		q.Spread = []api.Spread{{Workload: who, Over: within, Soft: soft}}
	}
	return q
}

// answered checks that a key has one answer for ever.
func (h *chance) answered(in []engine.Input) {
	for i, v := range in {
		f := reflect.ValueOf(v).Elem().FieldByName("Caller")
		if !f.IsValid() {
			continue
		}
		c, a := f.Interface().(engine.Caller), h.world.answers[i]
		if c.Key == "" || a.Code == state.CodeBusy {
			continue
		}
		if first, known := h.keyed[c.Key]; known && first != a {
			h.t.Fatalf("key %s was answered %+v, and now %+v", c.Key, first, a)
		}
		h.keyed[c.Key] = a
	}
}

// attempts lists what nodes were once given: what they may report about.
func (h *chance) attempts() (out []given) {
	for i := max(0, len(h.world.history)-12); i < len(h.world.history); i++ {
		out = append(out, h.world.placed[i]...)
	}
	return out
}

type given struct {
	node string
	at   api.Attempt
}

func (h *chance) report() engine.Input {
	if n := len(h.reports); n > 0 && h.pick("again", 4) == 0 {
		return h.reports[h.pick("which", n)]
	}
	g := given{node: oneOf(h, "node", nodeNames...), at: api.Attempt{TaskRef: api.TaskRef{Workload: uint64(h.pick("w", 9)), Task: uint16(h.pick("task", 4))}, Try: uint32(h.pick("try", 3))}}
	if all := h.attempts(); len(all) > 0 && h.pick("honest", 8) != 0 {
		g = all[h.pick("attempt", len(all))]
	}
	r := api.Report{Attempt: g.at, N: uint32(1 + h.pick("n", 6)), Kind: api.ReportKind(h.pick("kind", 6))}
	if h.pick("start", 3) == 0 {
		r.Kind, r.N = api.ReportStarted, 1
	}
	if r.Kind == api.ReportEnded {
		r.Result = &api.Result{Outcome: api.Outcome(h.pick("outcome", 6)), Wall: api.Second}
		if r.Result.Outcome == api.OutcomeSucceeded {
			r.Result.Outputs = []api.Value{{Name: "out", Size: 5, Inline: []byte("hello")}}
		} else if h.pick("oom", 2) == 0 {
			r.Result.Reason = api.ReasonMemory
		}
	}
	in := &engine.Reports{Node: g.node, Reports: []api.Report{r}}
	h.reports = append(h.reports, in)
	return in
}

// conserving checks, after a step that left nothing undone, that no task waits
// for which there is room, and that none of a higher priority would have fitted
// in the place of one that was placed.
func (h *chance) conserving() {
	st, e := h.world.engine.State(), h.world.engine
	for _, id := range st.SortedWorkloads() {
		w := st.Workloads[id]
		for gi := range w.Groups {
			for _, t := range w.Groups[gi].Tasks {
				if t.Status != api.TaskPending {
					continue
				}
				if t.Booking != nil || t.Suspension != nil {
					continue // its room is being freed, or it is not to run
				}
				if room, ok := e.Index().MakeRoom(t.Ref, engine.AskOf(w, t)); ok {
					h.t.Fatalf("task %s waits although it could displace %v on %s", w.NameOf(t), room.Victims, room.Node)
				}
				if x := e.Explain(w, t); x.Decision.Chosen != nil {
					h.t.Fatalf("task %s waits although node %s has room", w.NameOf(t), x.Decision.Chosen.Node)
				}
				if !w.InGang(t) && !h.world.ordered {
					h.overtaken(w, t)
				}
			}
		}
	}
}

func (h *chance) overtaken(w *state.Workload, t *state.Task) {
	st := h.world.engine.State()
	for _, ev := range h.world.events {
		p, ok := ev.(*state.TaskPlaced)
		if !ok {
			continue
		}
		low, lt := st.Task(p.Ref)
		if lt == nil || low.Spec.Priority >= w.Spec.Priority || !lt.Status.Holds() || lt.Node != p.Node || t.Ready > lt.Placed {
			continue
		}
		if h.world.booked[p.Ref] && t.Ready == lt.Placed {
			continue // others made room for it before this one was there
		}
		trial := h.world.engine.Index().Trial()
		for _, g := range h.together(p) {
			_, gt := st.Task(g)
			trial.Release(gt.Node, g, engine.AskOf(low, gt), gt.Devices)
		}
		if d, _ := trial.Decide(t.Ref, engine.AskOf(w, t), st.Now); d.Chosen != nil {
			h.t.Fatalf("task %s of priority %d waits, but %s of priority %d was given a place that it fits: %s",
				w.NameOf(t), w.Spec.Priority, low.NameOf(lt), low.Spec.Priority, d.Chosen.Node)
		}
	}
}

// together lists the elements that were placed as one with another, and still hold
// their places: a gang's, else itself. What is near a gang can have waited for all of it.
func (h *chance) together(p *state.TaskPlaced) (out []api.TaskRef) {
	st := h.world.engine.State()
	w, _ := st.Task(p.Ref)
	for _, ev := range h.world.events {
		o, ok := ev.(*state.TaskPlaced)
		if !ok || o.Ref != p.Ref && (!w.Spec.Gang || o.Try > 1 || p.Try > 1 || o.Ref.Workload != p.Ref.Workload || o.Ref.Task != p.Ref.Task) {
			continue
		}
		if _, t := st.Task(o.Ref); t != nil && t.Status.Holds() && t.Node == o.Node {
			out = append(out, o.Ref)
		}
	}
	return out
}

// explains checks that the follower gives the same explanations and plans.
func (h *chance) explains() {
	a, b := h.world.engine, h.world.follower
	for _, id := range a.State().SortedWorkloads() {
		for gi := range a.State().Workloads[id].Groups {
			for i, t := range a.State().Workloads[id].Groups[gi].Tasks {
				w, v := a.State().Workloads[id], b.State().Workloads[id]
				x, y := a.Explain(w, t), b.Explain(v, v.Groups[gi].Tasks[i])
				if fmt.Sprintf("%+v", flat(x)) != fmt.Sprintf("%+v", flat(y)) {
					h.t.Fatalf("the follower explains %s otherwise:\n%+v\n%+v", w.NameOf(t), flat(y), flat(x))
				}
			}
		}
	}
	spec := h.workload()
	x, _ := a.Plan(spec, nil)
	if y, _ := b.Plan(spec, nil); !reflect.DeepEqual(x, y) {
		h.t.Fatalf("the follower plans otherwise:\n%+v\n%+v", y, x)
	}
}

// flat takes pointers out, so that printing shows values.
func flat(x api.Explanation) []any {
	out := []any{x.Profile, x.Suggestions, x.WaitsFor, x.Task.TaskRef, x.Task.Status, x.Task.Node, x.Task.Reason}
	if x.Decision != nil {
		out = append(out, x.Decision.Reasons, x.Decision.RunnersUp, x.Decision.At)
		if x.Decision.Chosen != nil {
			out = append(out, *x.Decision.Chosen)
		}
	}
	return out
}
