package api

import "slices"

// Residency says where data may be. It belongs to the data, and goes with them: what
// a task makes of its inputs may be where all of them may be.
type Residency struct {
	Sites []string `json:"sites" cbor:"1,keyasint,omitempty"` // at least one
}

// Allows reports whether the data may be at a site.
func (r *Residency) Allows(site string) bool { return r == nil || slices.Contains(r.Sites, site) }

// With is where data may be that two residencies hold for; false when that is
// nowhere. Without one of them it is the other one; neither is changed.
func (r *Residency) With(o *Residency) (*Residency, bool) {
	if r == nil || o == nil {
		if r == nil {
			r = o
		}
		return r, true
	}
	both := &Residency{Sites: slices.DeleteFunc(slices.Clone(r.Sites), func(s string) bool { return !o.Allows(s) })}
	return both, len(both.Sites) > 0
}

// HoldsData reports whether a task takes data in, or leaves some behind.
func (t *Task) HoldsData() bool { return len(t.Inputs)+len(t.Outputs) > 0 }

// normalizeResidency makes explicit that a task's data may be only where those may be
// that it takes from earlier tasks. What leaves no site is left as it is, and refused
// by Validate.
func (w *Workload) normalizeResidency() {
	if !slices.ContainsFunc(w.Tasks, func(t Task) bool { return t.Residency != nil }) {
		return
	}
	index := make(taskIndex, len(w.Tasks))
	for i := range w.Tasks {
		if _, known := index[w.Tasks[i].Name]; !known {
			index[w.Tasks[i].Name] = i
		}
	}
	for range w.Tasks { // a chain is at most that long
		changed := false
		for i := range w.Tasks {
			changed = w.Tasks[i].inherit(w.Tasks, index) || changed
		}
		if !changed {
			return
		}
	}
}

// inherit narrows a task's residency to that of its inputs, and reports whether it
// was wider.
func (t *Task) inherit(tasks []Task, index taskIndex) (narrowed bool) {
	for i := range t.Inputs[:min(len(t.Inputs), MaxItems)] {
		from, known := index[t.Inputs[i].Task]
		if !known || tasks[from].Residency == nil {
			continue
		}
		both, ok := t.Residency.With(tasks[from].Residency)
		if ok && (t.Residency == nil || len(both.Sites) < len(t.Residency.Sites)) {
			t.Residency, narrowed = &Residency{Sites: slices.Clone(both.Sites)}, true
		}
	}
	return narrowed
}

// residency checks where the data of task i may be.
func (c *checker) residency(tasks []Task, i int, index taskIndex) {
	t := &tasks[i]
	if t.Residency == nil {
		return
	}
	c.enter("residency")
	defer c.leave()
	sites := t.Residency.Sites
	if len(sites) == 0 {
		c.fault("sites", "is missing; write at least one site where the data may be")
		return
	}
	distinct(c, "sites", sites, func(i int) {
		if !ValidName(sites[i]) {
			c.faultAt("sites", i, "%s", badName(sites[i]))
		}
	})
	if need := t.Requires.Sites; len(need) > 0 && !slices.ContainsFunc(need, t.Residency.Allows) {
		c.fault("sites", "allows none of requires.sites, %s: the task could run nowhere", shortList(need))
	}
	for j := range t.Inputs[:min(len(t.Inputs), MaxItems)] {
		from, known := index[t.Inputs[j].Task]
		if !known || !c.room() {
			continue
		}
		if _, ok := t.Residency.With(tasks[from].Residency); !ok {
			c.fault("sites", "leaves no site for inputs[%d]: the data of task %s may be at %s only", j, tasks[from].Name, shortList(tasks[from].Residency.Sites))
		}
	}
}
