package api

// Size is an upper bound of the bytes that the workload takes in the journal
// after Normalize: what canonical CBOR with integer keys makes of it.
func (w *Workload) Size() int {
	const fixed = 160 // numbers, update and schedule with all their fields
	n := fixed + str(w.APIVersion) + str(w.Kind) + str(w.Name) + str(w.Tenant) + str(w.Strategy) + str(w.Objective) + str(w.GangWithin) + str(w.Preemption) + table(w.Labels)
	if s := w.Schedule; s != nil {
		n += str(s.Cron) + str(s.Zone) + str(s.Overlap)
	}
	if s := w.Scale; s != nil {
		n += 3 + number(Milli(s.Min)) + number(Milli(s.Max)) + 3*10 // the others have defaults
	}
	if w.Resize != nil {
		n += w.Resize.size()
	}
	for i := range w.Tasks {
		n += w.Tasks[i].size()
	}
	return n
}

func (t *Task) size() int {
	const fixed = 90 // heads, count, restart, grace, onLost and maxLog: every task has them
	n := fixed + str(t.Name) + str(t.Driver) + texts(t.After) + texts(t.Command) + texts(t.Args) + table(t.Env) +
		number(t.Timeout) + number(t.Duration) + t.Resources.size() + t.Requires.size()
	if t.Restart != nil {
		n += str(t.Restart.Policy)
	}
	n += str(t.OnLost)
	if t.Residency != nil {
		n += 2 + texts(t.Residency.Sites)
	}
	if t.Artifact != nil {
		n += 2 + t.Artifact.size()
	}
	for i := range t.Secrets {
		s := &t.Secrets[i]
		n += 4 + str(s.Ref) + str(s.Env) + str(s.File)
	}
	for i := range t.Inputs {
		in := &t.Inputs[i] // its task may come into After, too
		n += 4 + str(in.Path) + in.Source.size() + 2*str(in.Task) + str(in.Output) + str(in.Each) + len(EachSame)
	}
	for i := range t.Outputs {
		o := &t.Outputs[i]
		n += 8 + str(o.Name) + str(o.Path) + number(o.Expect)
	}
	for i := range t.Volumes {
		v := &t.Volumes[i]
		n += 6 + str(v.Target) + str(v.HostPath) + number(v.Scratch)
	}
	for i := range t.Ports {
		n += 10 + str(t.Ports[i].Name)
	}
	for i := range t.Checks {
		k := &t.Checks[i]
		n += 32 + str(k.Type) + str(k.Port) + str(k.Path) + texts(k.Command) + number(k.StartAfter)
	}
	return n
}

// size counts a file as the digest that replaces it.
func (s *Source) size() int {
	const digest = 2 + 1 + len(digestPrefix) + 64
	return max(str(s.File), str(s.Digest), digest) + 12
}

func (r *Resources) size() int {
	n := number(r.CPU) + number(r.Memory) + number(r.Storage) + number(r.Bandwidth)
	for i := range r.Accelerators {
		a := &r.Accelerators[i]
		n += 8 + str(a.Kind) + texts(a.Models) + number(a.Count)
	}
	return n
}

func (r *Requirements) size() int {
	n := texts(r.Layers) + texts(r.Sites) + table(r.Labels) + r.relationsSize()
	for _, list := range [...][]Expression{r.Affinity, r.AntiAffinity} {
		for i := range list {
			n += 10 + str(list[i].Key) + str(list[i].Op) + texts(list[i].Values)
		}
	}
	for i := range r.Tolerations {
		t := &r.Tolerations[i]
		n += 8 + str(t.Key) + str(t.Value) + str(t.Effect)
	}
	return n
}

// str is a field with a text: key, head and bytes.
func str[T ~string](s T) int {
	if s == "" {
		return 0
	}
	return 1 + head(len(s)) + len(s)
}

// number is a field with a number.
func number[T ~int64](v T) int {
	if v == 0 {
		return 0
	}
	return 1 + head(int(max(v, -v-1)))
}

// head is what CBOR spends on an argument (RFC 8949, section 3).
func head(n int) int {
	switch u := uint64(n); { // an int of 32 bits cannot hold the last bound
	case u < 24:
		return 1
	case u < 1<<8:
		return 2
	case u < 1<<16:
		return 3
	case u < 1<<32:
		return 5
	}
	return 9
}

func texts[T ~string](list []T) int {
	if len(list) == 0 {
		return 0
	}
	n := 1 + head(len(list))
	for _, s := range list {
		n += head(len(s)) + len(s)
	}
	return n
}

func table(m map[string]string) int {
	if len(m) == 0 {
		return 0
	}
	n := 1 + head(len(m))
	for k, v := range m { // order-free: a sum
		n += head(len(k)) + len(k) + head(len(v)) + len(v)
	}
	return n
}
