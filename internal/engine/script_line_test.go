package engine_test

import (
	"cmp"
	"slices"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// line carries one command out.
func (s *script) line(f []string) {
	args, opts := split(f[1:])
	caller := engine.Caller{Key: opts["key"]}
	switch f[0] {
	case "node":
		s.step(&engine.Register{Node: s.node(args[0], opts)})
	case "silent":
		s.later(opts)
		s.step(&engine.Silent{Node: args[0]})
	case "lead":
		s.later(opts)
		s.step(&engine.Lead{Epoch: uint64(number(s, args[0])), Server: "another"})
	case "back":
		s.step(&engine.Back{Node: args[0]})
	case "drain", "undrain":
		in := &engine.Drain{Caller: caller, Node: args[0], Off: f[0] == "undrain"}
		if g := opts["grace"]; g != "" {
			in.Grace = parse(s, g, new(api.Duration))
		}
		s.step(in)
	case "sleep", "wake":
		s.step(&engine.Power{Caller: caller, Node: args[0], Sleep: f[0] == "sleep"})
	case "remove":
		s.step(&engine.RemoveNode{Caller: caller, Node: args[0]})
	case "cancel":
		s.step(&engine.Cancel{Caller: caller, Tenant: "default", Name: args[0]})
	case "suspend", "resume":
		s.suspend(f[0] == "resume", args, opts)
	case "rollback":
		in := &engine.Rollback{Caller: caller, Tenant: "default", Name: args[0]}
		if len(args) > 1 {
			in.Revision = uint32(number(s, args[1]))
		}
		s.step(in)
	case "settings":
		s.settings(opts)
	case "try":
		s.try(args[0], opts)
	case "signal":
		s.signal(args, opts)
	case "battery":
		s.battery(args, opts)
	case "scaled":
		s.scaled(args, opts)
	case "used":
		s.used(args, opts)
	case "foreseen":
		s.foreseen(args, opts)
	case "strained":
		s.strained(args, opts)
	case "report":
		s.report(args, opts)
	case "agents":
		s.agents()
	case "tick":
		s.tick(parse(s, args[0], new(api.Duration)))
	case "view":
		s.look()
	case "planned":
		s.planned()
	case "jump": // nobody led meanwhile
		s.world.now = s.world.now.Add(parse(s, args[0], new(api.Duration)))
		s.step()
	default:
		s.show(f[0], args)
	}
}

// suspend has a job, or one element of its task, stand still, or go on.
func (s *script) suspend(off bool, args []string, opts map[string]string) {
	in := &engine.Suspend{
		Caller: engine.Caller{Principal: "admin", Key: opts["key"]}, Tenant: "default", Name: args[0], Off: off,
		Reason: opts["reason"], Operator: opts["operator"] != "",
	}
	if tenant := opts["tenant"]; tenant != "" {
		in.Tenant = tenant
	}
	if d := opts["for"]; d != "" {
		in.For = parse(s, d, new(api.Duration))
	}
	if len(args) > 1 {
		one := api.Elements{Task: args[1]}
		if len(args) > 2 {
			one.From, one.Count = uint32(number(s, args[2])), 1
		}
		in.Elements = []api.Elements{one}
	}
	s.step(in)
}

// later sets the clock forward, if the option "set" says so.
func (s *script) later(opts map[string]string) {
	if by := opts["set"]; by != "" {
		s.world.now = s.world.now.Add(parse(s, by, new(api.Duration)))
	}
}

// look has the planner see the cell as it stands now.
func (s *script) look() {
	q := s.world.follower.Question()
	if q == nil {
		s.t.Fatalf("no plan was asked for")
	}
	s.seen = q.Answer(7, func() bool { return false })
}

// planned has the planner answer, with what it saw last or sees now.
func (s *script) planned() {
	if s.seen == nil {
		s.look()
	}
	s.step(s.seen...)
	s.seen = nil
}

// split parts words from key=value options; a key that is given twice has its
// values joined by commas.
func split(words []string) (args []string, opts map[string]string) {
	opts = map[string]string{}
	for _, w := range words {
		k, v, ok := strings.Cut(w, "=")
		switch {
		case !ok:
			args = append(args, w)
		case opts[k] != "":
			opts[k] += "," + v
		default:
			opts[k] = v
		}
	}
	return args, opts
}

// node makes a node from options: cpu, memory, storage, site, layer, speed,
// driver, label (key:value), taint (key:effect), gpu (model:count), power (idle:full in mW), sleep (down:up).
func (s *script) node(name string, opts map[string]string) api.Node {
	n := nodeOf(name, 1000)
	for _, k := range sortedKeys(opts) {
		for _, v := range strings.Split(opts[k], ",") {
			a, b, _ := strings.Cut(v, ":")
			switch k {
			case "cpu":
				n.Capacity.CPU = parse(s, v, new(api.Milli))
			case "memory":
				n.Capacity.Memory = parse(s, v, new(api.Bytes))
			case "site":
				n.Site = v
			case "layer":
				n.Layer = api.Layer(v)
			case "speed":
				n.Speed = parse(s, v, new(api.Milli))
			case "power":
				n.Power = &api.PowerModel{Idle: int64(number(s, a)), Full: int64(number(s, b))}
			case "sleep":
				n.Sleep = &api.Sleep{Draw: 3000, Down: parse(s, a, new(api.Duration)), Up: parse(s, b, new(api.Duration))}
			case "driver":
				n.Drivers = append(n.Drivers, v)
			case "label":
				if n.Labels == nil {
					n.Labels = map[string]string{}
				}
				n.Labels[a] = b
			case "taint":
				n.Taints = append(n.Taints, api.Taint{Key: a, Effect: api.Effect(b)})
			case "gpu":
				n.Capacity.Accelerators = append(n.Capacity.Accelerators,
					api.Accelerator{Kind: "gpu", Models: []string{a}, Count: parse(s, b, new(api.Milli))})
			default:
				s.t.Fatalf("a node has no %s", k)
			}
		}
	}
	return n
}

func sortedKeys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// signal brings news: the key, then values from this hour on, and what else is said as
// known, fault or usual.
func (s *script) signal(args []string, opts map[string]string) {
	kind, zone, _ := strings.Cut(args[0], "/")
	v := api.Signal{
		Kind: api.SignalKind(kind), Zone: zone, Step: api.Hour, Start: s.world.now - s.world.now%api.Time(api.Hour), Origin: "feed",
		Fault: strings.ReplaceAll(opts["fault"], "_", " "), Known: int32(len(args) - 1),
	}
	if v.Kind == api.SignalPrice {
		v.Currency = "EUR"
	}
	if u := opts["usual"]; u != "" {
		v.Usual = int64(number(s, u))
	}
	for _, a := range args[1:] {
		v.Values = append(v.Values, int64(number(s, a)))
	}
	s.step(&engine.PutSignal{Signal: v})
}

// battery says of a site's battery that it does what it is asked, holds= so much, or does
// not, failed= for a reason; order= lies about which order.
func (s *script) battery(args []string, opts map[string]string) {
	in := &engine.Battery{Site: args[0], Failed: strings.ReplaceAll(opts["failed"], "_", " ")}
	if b := s.world.engine.State().Batteries[in.Site]; b != nil {
		in.Order = b.Order
	}
	if o := opts["order"]; o != "" {
		in.Order = uint64(number(s, o))
	}
	if o := opts["obeyed"]; o != "" { // so long ago
		in.Obeyed = s.world.now.Add(-parse(s, o, new(api.Duration)))
	}
	if l := opts["holds"]; l != "" {
		in.Told, in.Level = true, api.Microjoules(parse(s, l, new(api.Energy)))
	}
	s.step(in)
}

// used says what a workload's first task should ask for by what it used: its name, the
// CPU and the memory to ask for; cpu and memory are what was used.
func (s *script) used(args []string, opts map[string]string) {
	w := s.world.engine.State().Named("default", args[0])
	in := &engine.Resized{ID: w.ID, Revision: w.Revision, CPU: parse(s, args[1], new(api.Milli)), Memory: parse(s, args[2], new(api.Bytes))}
	in.Why = state.Need{Samples: 12, CPU: in.CPU, Memory: in.Memory / 2}
	for _, k := range sortedKeys(opts) {
		switch v := opts[k]; k {
		case "cpu":
			in.Why.CPU = parse(s, v, new(api.Milli))
		case "memory":
			in.Why.Memory = parse(s, v, new(api.Bytes))
		case "revision":
			in.Revision = uint32(number(s, v))
		default:
			s.t.Fatalf("what is used has no %s", k)
		}
	}
	s.step(in)
}

// foreseen says how much cpu tasks are expected to hold soon and later, at a quantile; age
// is that of the forecast, and held what they hold when that is said.
func (s *script) foreseen(args []string, opts map[string]string) {
	d := state.DemandForeseen{Quantile: parse(s, cmp.Or(opts["quantile"], "0.9"), new(api.Milli)), Model: "ets"}
	d.Soon.CPU, d.Later.CPU = parse(s, args[0], new(api.Milli)), parse(s, args[1], new(api.Milli))
	d.Held.CPU = parse(s, cmp.Or(opts["held"], "0"), new(api.Milli))
	d.Origin, d.Until = s.world.now.Add(-parse(s, cmp.Or(opts["age"], "0s"), new(api.Duration))), s.world.now.Add(2*api.Minute)
	s.step(&engine.Foreseen{Said: d})
}

// scaled says how many replicas a service needs: its name, the number, and the CPU that
// is forecast. revision, quantile and target are those of its specification, unless
// they are given.
func (s *script) scaled(args []string, opts map[string]string) {
	w := s.world.engine.State().Named("default", args[0])
	in := &engine.Scaled{ID: w.ID, Revision: w.Revision, Replicas: int32(number(s, args[1]))}
	if c := w.Spec.Scale; c != nil {
		in.Why.Quantile, in.Why.Target = c.Quantile, c.Target
	}
	for _, k := range sortedKeys(opts) {
		switch v := opts[k]; k {
		case "forecast":
			in.Why.Forecast, in.Why.For, in.Why.Model = parse(s, v, new(api.Milli)), s.world.now.Add(api.Minute), "ets"
		case "load":
			in.Why.Load = parse(s, v, new(api.Milli))
		case "target":
			in.Why.Target = parse(s, v, new(api.Milli))
		case "revision":
			in.Revision = uint32(number(s, v))
		default:
			s.t.Fatalf("what is expected has no %s", k)
		}
	}
	s.step(in)
}

func (s *script) settings(opts map[string]string) {
	in := &engine.PutSettings{Home: opts["home"], Strategy: opts["strategy"]}
	if v := opts["retainFor"]; v != "" {
		in.RetainFor = parse(s, v, new(api.Duration))
	}
	if v := opts["retainMax"]; v != "" {
		in.RetainMax = int32(number(s, v))
	}
	if v := opts["lease"]; v != "" {
		in.Lease = parse(s, v, new(api.Duration))
	}
	s.step(in)
}

// try has a strategy tried as a canary in the place of the cell's.
func (s *script) try(name string, opts map[string]string) {
	in := &engine.PutSettings{
		Strategy: name, Stages: &api.Stages{Canary: parse(s, opts["canary"], new(api.Duration))},
		Probation: &api.Probation{From: opts["from"], Window: api.Hour, Least: 5, Goals: []api.Goal{{Metric: api.CompletionMean, Before: 9 * api.Second, Limit: 10 * api.Second}}},
	}
	if v := opts["sites"]; v != "" {
		in.Stages.Sites = strings.Split(v, ",")
	}
	in.Stages.Normalize()
	s.step(in)
}

var outcomes = map[string]api.Outcome{
	"ok": api.OutcomeSucceeded, "fail": api.OutcomeFailed, "stopped": api.OutcomeStopped, "lost": api.OutcomeLost, "rejected": api.OutcomeRejected,
}

// report is what an agent says of an element: its present attempt, unless try and
// node name another one. n numbers the report; out (name:size) are outputs.
func (s *script) report(args []string, opts map[string]string) {
	_, t := s.element(args[0])
	node, r := t.Node, api.Report{Attempt: api.Attempt{TaskRef: t.Ref, Try: t.Try}, N: t.Reported + 1, Detail: strings.ReplaceAll(opts["detail"], "_", " ")}
	if v := opts["try"]; v != "" {
		r.Try = uint32(number(s, v))
	}
	if v := opts["n"]; v != "" {
		r.N = uint32(number(s, v))
	}
	if v := opts["node"]; v != "" {
		node = v
	}
	switch args[1] {
	case "started":
		r.Kind = api.ReportStarted
	case "healthy":
		r.Kind = api.ReportHealthy
	case "unhealthy":
		r.Kind = api.ReportUnhealthy
	case "suspended":
		r.Kind = api.ReportSuspended
	case "resumed":
		r.Kind = api.ReportResumed
	default:
		outcome, ok := outcomes[args[1]]
		if !ok {
			s.t.Fatalf("%s is not a report", args[1])
		}
		r.Kind, r.Result = api.ReportEnded, &api.Result{Outcome: outcome, Wall: api.Second}
		if outcome == api.OutcomeFailed {
			r.Result.ExitCode = 1
		}
		if v := opts["wall"]; v != "" {
			parse(s, v, &r.Result.Wall)
		}
		r.Result.Reason = strings.ReplaceAll(opts["reason"], "_", " ")
		r.Result.Outputs = s.outputs(opts["out"])
	}
	s.step(&engine.Reports{Node: node, Reports: []api.Report{r}})
}

func (s *script) outputs(text string) (out []api.Value) {
	if text == "" {
		return nil
	}
	for _, v := range strings.Split(text, ",") {
		name, size, _ := strings.Cut(v, ":")
		out = append(out, api.Value{Name: name, File: name + ".txt", Size: parse(s, size, new(api.Bytes)), Digest: "sha256:" + api.Digest(strings.Repeat("0", 64))})
	}
	return out
}

// agents has every node do what it was told: what is placed starts, what is to
// stop stops, replicas pass their checks. Jobs go on running.
func (s *script) agents() {
	for {
		var in []engine.Input
		st := s.world.engine.State()
		for _, name := range st.SortedNodes() {
			for _, t := range st.Nodes[name].SortedHeld() {
				w := st.Workloads[t.Ref.Workload]
				r := api.Report{Attempt: api.Attempt{TaskRef: t.Ref, Try: t.Try}, N: t.Reported + 1}
				switch {
				case st.Nodes[name].Silent:
					continue
				case t.Stop != state.StopNothing:
					r.Kind, r.Result = api.ReportEnded, &api.Result{Outcome: api.OutcomeStopped}
				case t.Status == api.TaskPlaced:
					r.Kind = api.ReportStarted
				case w.Spec.Kind != api.KindJob && !t.Healthy:
					r.Kind = api.ReportHealthy
				default:
					continue
				}
				in = append(in, &engine.Reports{Node: name, Reports: []api.Report{r}})
			}
		}
		if len(in) == 0 {
			return
		}
		s.step(in...)
	}
}
