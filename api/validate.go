package api

import "drover.dev/api/cron"

// Validate returns every fault of the workload, in the order of its fields; nil
// when there is none. It judges what the user wrote and what Normalize made of
// it alike: a field that is not set is as good as its default.
func (w *Workload) Validate() []FieldError {
	var steps [4]step
	c := checker{at: steps[:0]}
	c.workload(w)
	return c.done()
}

func (c *checker) workload(w *Workload) {
	c.header(w)
	c.labels("labels", w.Labels)
	within(c, "priority", w.Priority, -MaxPriority, MaxPriority)
	within(c, "deadline", w.Deadline, 0, MaxDuration)
	if w.Strategy != "" {
		c.name("strategy", w.Strategy)
	}
	oneOf(c, "objective", w.Objective, ObjectiveLatency, ObjectiveCost, ObjectiveEnergy, ObjectiveCarbon, ObjectiveBalanced)
	within(c, "latency", w.Latency, 0, MaxDuration)
	oneOf(c, "preemption", w.Preemption, PreemptLower, PreemptNever)
	c.resize(w)
	switch w.Kind {
	case KindJob:
		c.job(w)
	case KindService:
		c.service(w)
	case KindSystem:
		c.system(w)
	}
	if c.size(w) {
		c.tasks(w)
	}
}

// header checks what says which object this is.
func (c *checker) header(w *Workload) {
	switch w.APIVersion {
	case Version:
	case "":
		c.fault("apiVersion", "is missing; write %s", Version)
	default:
		c.fault("apiVersion", "%s is not known to this version of Drover; write %s", quote(w.APIVersion), Version)
	}
	switch w.Kind {
	case "":
		c.fault("kind", "is missing; choose one of %s, %s, %s", KindJob, KindService, KindSystem)
	case KindSite:
		c.fault("kind", "a site is not a workload; choose one of %s, %s, %s", KindJob, KindService, KindSystem)
	default:
		oneOf(c, "kind", w.Kind, KindJob, KindService, KindSystem)
	}
	c.name("name", w.Name)
	if w.Tenant != "" {
		c.name("tenant", w.Tenant)
	}
}

// misfit refuses a field that has no meaning for the workload's kind.
func (c *checker) misfit(set bool, field, why string) {
	if set {
		c.fault(field, "does not fit: %s", why)
	}
}

func (c *checker) job(w *Workload) {
	c.misfit(w.Replicas != 0, "replicas", "only a service has replicas; an array has tasks[].count")
	c.misfit(w.Update != nil, "update", "only a service is updated in place")
	c.misfit(w.Scale != nil, "scale", "only a service has replicas; an array has tasks[].count")
	c.schedule(w.Schedule)
	c.misfit(w.GangWithin != "" && !w.Gang, "gangWithin", "only the elements of a gang share a place; write gang: true")
	c.within("gangWithin", w.GangWithin)
	for i := range w.Tasks {
		t := &w.Tasks[i]
		c.enterAt("tasks", i)
		c.misfit(len(t.Checks) > 0, "checks", "a job is judged by its exit code; checks are for services and systems")
		if t.Restart != nil && t.Restart.Policy == RestartAlways {
			c.enter("restart")
			c.fault("policy", "a job that is always restarted never ends; write %s", RestartOnFailure)
			c.leave()
		}
		c.leave()
	}
}

func (c *checker) service(w *Workload) {
	within(c, "replicas", w.Replicas, 0, MaxArray)
	c.scale(w)
	c.update(w)
	c.endless(w, "a service")
}

func (c *checker) system(w *Workload) {
	c.misfit(w.Replicas != 0, "replicas", "a system runs once on every node that fits")
	c.misfit(w.Update != nil, "update", "only a service is updated in steps")
	c.misfit(w.Scale != nil, "scale", "a system runs once on every node that fits")
	c.endless(w, "a system")
}

// endless checks what services and systems have in common: they do not end.
func (c *checker) endless(w *Workload, kind string) {
	c.misfit(w.Schedule != nil, "schedule", "only a job runs at set times")
	c.misfit(w.Gang, "gang", "only the tasks of a job are a gang")
	c.misfit(w.GangWithin != "", "gangWithin", "only the tasks of a job are a gang")
	c.misfit(w.Deadline != 0, "deadline", kind+" does not end")
	if len(w.Tasks) > 1 {
		c.fault("tasks", "%s has exactly one task; this one has %d", kind, len(w.Tasks))
	}
	for i := range w.Tasks[:min(len(w.Tasks), 1)] {
		t := &w.Tasks[i]
		c.enterAt("tasks", i)
		c.misfit(t.Count > 1, "count", "only a job has arrays; a service has replicas")
		c.misfit(len(t.After) > 0, "after", kind+" waits for no other task")
		c.misfit(len(t.Outputs) > 0, "outputs", kind+" does not end, and outputs are taken at the end")
		c.misfit(t.Duration != 0, "duration", kind+" does not end")
		for j := range t.Inputs {
			if t.Inputs[j].Task != "" {
				c.faultAt("inputs", j, "does not fit: %s has one task and cannot wait for another's output", kind)
			}
		}
		c.leave()
	}
}

func (c *checker) update(w *Workload) {
	if w.Update == nil {
		return
	}
	u, replicas := *w.Update, max(w.Replicas, 1)
	if w.Scale != nil && w.Replicas == 0 {
		replicas = max(w.Scale.Min, 1)
	}
	c.enter("update")
	defer c.leave()
	within(c, "maxSurge", u.MaxSurge, 0, MaxArray)
	within(c, "minHealthy", u.MinHealthy, 0, MaxArray)
	within(c, "healthyAfter", u.HealthyAfter, 0, MaxDuration)
	within(c, "progressDeadline", u.ProgressDeadline, 0, MaxDuration)
	u.normalize(w)
	if u.MaxSurge > 0 && u.MinHealthy > replicas {
		c.fault("minHealthy", "%d can never be healthy with %d replicas; write at most %d", u.MinHealthy, replicas, replicas)
	}
	if u.HealthyAfter >= u.ProgressDeadline {
		c.fault("healthyAfter", "%v is not below progressDeadline, %v: every update would roll back", u.HealthyAfter, u.ProgressDeadline)
	}
	if slow := w.slowestStart(); slow >= u.ProgressDeadline {
		c.fault("progressDeadline", "%v is not above %v, the longest startAfter of a check: a replica that starts slowly would roll every update back",
			u.ProgressDeadline, slow)
	}
}

func (c *checker) schedule(s *Schedule) {
	if s == nil {
		return
	}
	c.enter("schedule")
	defer c.leave()
	if s.Cron == "" {
		c.fault("cron", `is missing; write for example "30 4 * * *"`)
	} else if _, err := cron.Parse(s.Cron); err != nil {
		c.fault("cron", "%v", err)
	}
	if s.Zone != "" {
		if _, err := cron.Zone(s.Zone); err != nil {
			c.fault("zone", "%v", err)
		}
	}
	oneOf(c, "overlap", s.Overlap, OverlapAllow, OverlapSkip, OverlapReplace)
	within(c, "keep", s.Keep, 0, MaxItems)
}

// Unresolved lists the sources that still name a file: a server takes only
// digests, because it cannot see its clients' files.
func (w *Workload) Unresolved() []FieldError {
	var c checker
	for i := range w.Tasks {
		t := &w.Tasks[i]
		c.enterAt("tasks", i)
		if t.Artifact != nil && t.Artifact.File != "" {
			c.enter("artifact")
			c.unresolved(t.Artifact)
			c.leave()
		}
		for j := range t.Inputs {
			if t.Inputs[j].File != "" {
				c.enterAt("inputs", j)
				c.unresolved(&t.Inputs[j].Source)
				c.leave()
			}
		}
		c.leave()
	}
	return c.done()
}

func (c *checker) unresolved(s *Source) {
	c.fault("file", "%s is on the client; upload it and write its digest", quote(s.File))
}
