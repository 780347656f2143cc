package api

import "slices"

// Normalize writes the default into every optional field that is not set. It
// never fails, also on a workload that Validate refuses, and changes nothing
// when it is called again. What it fills in depends on the kind: a job gets no
// replicas.
func (w *Workload) Normalize() {
	setDefault(&w.Tenant, DefaultTenant)
	setDefault(&w.Objective, ObjectiveBalanced)
	if w.Kind == KindService {
		if w.Scale != nil {
			w.Scale.normalize()
			setDefault(&w.Replicas, max(w.Scale.Min, 1))
		}
		setDefault(&w.Replicas, 1)
		if w.Update == nil {
			w.Update = new(Update)
		}
		w.Update.normalize(w)
	}
	if w.Resize != nil {
		setDefault(&w.Resize.Mode, ResizeAuto)
	}
	if w.Schedule != nil {
		setDefault(&w.Schedule.Zone, DefaultZone)
		setDefault(&w.Schedule.Overlap, OverlapSkip)
		setDefault(&w.Schedule.Keep, DefaultKeep)
	}
	for i := range w.Tasks {
		w.Tasks[i].normalize(w.Kind)
	}
	w.normalizeResidency()
}

func (u *Update) normalize(w *Workload) {
	setDefault(&u.MaxSurge, 1)
	setDefault(&u.MinHealthy, max(w.Replicas-1, 1))
	setDefault(&u.ProgressDeadline, DefaultProgressDeadline+min(w.slowestStart(), MaxDuration-DefaultProgressDeadline))
}

// slowestStart is the longest time that a check gives its task to start.
func (w *Workload) slowestStart() (most Duration) {
	for i := range w.Tasks {
		for j := range w.Tasks[i].Checks {
			most = max(most, w.Tasks[i].Checks[j].StartAfter)
		}
	}
	return most
}

func (t *Task) normalize(kind Kind) {
	setDefault(&t.Count, 1)
	setDefault(&t.Grace, DefaultGrace)
	setDefault(&t.OnLost, LostReplace)
	setDefault(&t.MaxLog, DefaultMaxLog)
	setDefault(&t.Resources.Storage, t.ScratchSize())
	t.normalizeInputs()
	t.Requires.normalizeRelations()
	for i := range t.Checks {
		setDefault(&t.Checks[i].Interval, DefaultCheckInterval)
		setDefault(&t.Checks[i].Timeout, DefaultCheckTimeout)
		setDefault(&t.Checks[i].Failures, DefaultCheckFailures)
	}
	if t.Restart == nil {
		t.Restart = new(Restart)
	}
	t.Restart.normalize(kind, t.AtMostOnce)
}

// normalizeInputs also makes explicit that a task runs after those whose outputs
// it takes.
func (t *Task) normalizeInputs() {
	for i := range t.Inputs[:min(len(t.Inputs), MaxItems)] {
		in := &t.Inputs[i]
		if in.Task == "" {
			continue
		}
		setDefault(&in.Each, EachAll)
		if !slices.Contains(t.After, in.Task) {
			t.After = append(slices.Clip(t.After), in.Task)
		}
	}
}

func (r *Restart) normalize(kind Kind, once bool) {
	if r.Policy == "" {
		r.Policy = defaultPolicy(kind, once)
	}
	// No attempts are the default only where further ones are forbidden: a
	// task that must not be repeated, or a policy that says so.
	if r.Attempts == 0 && !once && r.Policy != RestartNever {
		r.Attempts = Unlimited
		if kind == KindJob {
			r.Attempts = DefaultAttempts
		}
	}
	if r.Backoff == 0 {
		r.Backoff = DefaultBackoff
		if r.MaxBackoff > 0 {
			r.Backoff = min(DefaultBackoff, r.MaxBackoff)
		}
	}
	setDefault(&r.MaxBackoff, max(DefaultMaxBackoff, r.Backoff))
}

func defaultPolicy(kind Kind, once bool) RestartPolicy {
	switch {
	case once:
		return RestartNever
	case kind == KindJob:
		return RestartOnFailure
	}
	return RestartAlways
}

// Normalize writes the defaults: a speed equal to the reference node's.
func (n *Node) Normalize() { setDefault(&n.Speed, 1000) }

// Normalize writes the defaults: a PUE of 1.
func (s *Site) Normalize() { setDefault(&s.PUE, 1000) }

// setDefault replaces the zero value.
func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
