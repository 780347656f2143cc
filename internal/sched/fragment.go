package sched

import (
	"cmp"
	"slices"

	"drover.dev/api"
)

// typical is a shape of tasks that are expected to come, with its part of them.
type typical struct {
	cpu    api.Milli
	kind   string
	need   api.Milli // of one device when below 1000, else whole devices
	models []string
	weight int64 // in 2^20
}

const (
	wholeMix   = 1 << 20
	maxTypical = 64 // shapes that are looked at, the most frequent first
	coverage   = 95 // per cent of tasks that they cover
)

// mixOf says what the typical task is: the most frequent shapes that cover 95 % of
// the tasks that the cell knows, waiting and placed, at most 64.
func (x *Index) mixOf() *taskMix {
	list := make([]*demand, 0, len(x.demands))
	total := int64(0)
	for _, d := range x.demands { // order-free: sorted below, the total is a sum
		list = append(list, d)
		total += d.count
	}
	slices.SortFunc(list, func(a, b *demand) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.key, b.key))
	})
	covered, n := int64(0), 0
	for n < len(list) && n < maxTypical && covered*100 < total*coverage {
		covered += list[n].count
		n++
	}
	m := &taskMix{list: make([]typical, n)}
	var cpu, devices int64
	for i, d := range list[:n] {
		m.list[i] = d.typical
		m.list[i].weight = d.count * wholeMix / covered
		m.all += m.list[i].weight
		if d.need > 0 {
			cpu, devices = cpu+d.count*int64(d.cpu), devices+d.count*int64(d.need)
		}
	}
	if devices > 0 {
		m.cpu = cpu * 1000 / devices
	}
	m.wants = wantsOf(m.list)
	return m
}

// taskMix is what tasks are expected to come.
type taskMix struct {
	list   []typical
	wants  []want
	all    int64             // of the weights
	worths map[string]*worth // of room on a device, by kind
	cpu    int64             // milli-cores that go with one device, in the mean of the tasks that need some
}

// want is the typical tasks that ask for the same devices: they differ in cpu.
type want struct {
	typical         // any of them
	cpus    []quota // from the least cpu on
}

// quota is the weight of those tasks that need no more cpu.
type quota struct {
	cpu    api.Milli
	weight int64
}

// wantsOf groups what asks for devices.
func wantsOf(list []typical) (out []want) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b typical) int { return cmp.Compare(a.cpu, b.cpu) })
	for i := range list {
		m := &list[i]
		if m.need == 0 {
			continue
		}
		at := slices.IndexFunc(out, func(w want) bool {
			return w.kind == m.kind && w.need == m.need && slices.Equal(w.models, m.models)
		})
		if at < 0 {
			at = len(out)
			out = append(out, want{typical: *m})
		}
		w := &out[at]
		weight := m.weight
		if n := len(w.cpus); n > 0 {
			weight += w.cpus[n-1].weight
		}
		w.cpus = append(w.cpus, quota{m.cpu, weight})
	}
	return out
}

// within is the weight of the tasks for which so much cpu is enough.
func (w *want) within(cpu api.Milli) (weight int64) {
	for _, q := range w.cpus {
		if q.cpu > cpu {
			break
		}
		weight = q.weight
	}
	return weight
}

// Expect tells the index which tasks to expect, instead of learning from those
// that are placed.
func (x *Index) Expect(tasks []api.Task) {
	y := New()
	for i := range tasks {
		y.know(&Ask{Task: &tasks[i]}, 1)
	}
	x.expected, x.mix, x.scarce = y.mixOf(), nil, nil
	x.expected.worths = worthsOf(x.expected.list)
}

// typicalMix is the mix that holds for a whole Step. Between Steps nothing is
// kept, since others may be reading.
func (x *Index) typicalMix() *taskMix {
	if x.expected != nil {
		return x.expected
	}
	if x.mix != nil {
		return x.mix
	}
	mix := x.mixOf()
	if x.stepping {
		x.mix = mix
	}
	return mix
}

// demand counts the tasks of one request of cpu and accelerators.
type demand struct {
	typical
	key   string
	count int64
}

// demandOf describes a request by what fragments the accelerators' room: cpu and
// the first accelerator. Requests of several kinds count by their first.
func demandOf(t *api.Task) (string, typical) {
	d := typical{cpu: t.Resources.CPU}
	var key []byte
	key = appendKey(key, int64(d.cpu))
	if len(t.Resources.Accelerators) > 0 {
		a := &t.Resources.Accelerators[0]
		d.kind, d.need, d.models = a.Kind, a.Count, a.Models
		key = appendKey(append(key, a.Kind...), int64(a.Count))
		for _, m := range a.Models {
			key = append(append(key, '|'), m...)
		}
	}
	return string(key), d
}

func appendKey(b []byte, n int64) []byte {
	for ; n > 0; n >>= 7 {
		b = append(b, byte(n&127)|128)
	}
	return append(b, 0)
}

// know counts a task among those that are placed. A trial counts none.
func (x *Index) know(a *Ask, by int64) {
	if x.demands == nil {
		return
	}
	if a.demand == "" {
		a.demand, _ = demandOf(a.Task)
	}
	d := x.demands[a.demand]
	if d == nil {
		_, t := demandOf(a.Task)
		d = &demand{typical: t, key: a.demand}
		x.demands[a.demand] = d
	}
	if d.count += by; d.count <= 0 {
		delete(x.demands, a.demand)
	}
}

type fragmentationTerm struct{}

// value is the quantised gradient. The steps are those of the original: 100 of
// them, in which nodes tie that differ by little; the first of them fills up,
// while an exact score would scatter tasks for gains that the typical mix only
// seems to promise.
func (fragmentationTerm) value(s *scorer, e *node) int64 {
	return sigmoid(s.growth(e)) * 10
}

type growthTerm struct{}

func (growthTerm) value(s *scorer, e *node) int64 { return -s.growth(e) / 1000 }

type backingTerm struct{}

// value looks at devices that stand idle for want of cpu before they stand idle
// for want of room: the typical task needs both.
func (backingTerm) value(s *scorer, e *node) int64 {
	cpu, devices := int64(e.free.CPU), int64(e.freeDevices)
	before := s.mix.unbacked(cpu, devices)
	return before - s.mix.unbacked(cpu-int64(s.ask.Task.Resources.CPU), devices-int64(s.devices))
}

// unbacked is how many thousandths of free devices have no free cpu beside them,
// when each takes as much as in the mean.
func (m *taskMix) unbacked(cpu, devices int64) int64 {
	if m.cpu == 0 {
		return 0
	}
	return max(devices-cpu*1000/m.cpu, 0)
}

// growth is by how many micro-devices the expected fragment of a node grows when
// the task is placed there. Within a Step it is kept until the node changes.
func (s *scorer) growth(e *node) int64 {
	if s.growths == nil {
		return s.grows(e)
	}
	c := &s.growths[e.at]
	if c.version != e.version {
		*c = kept{e.version, s.grows(e)}
	}
	return c.value
}

// kept is a value that holds for one version of a node; versions count from 1.
type kept struct {
	version uint64
	value   int64
}

// growthsOf is where the growths of a request are kept within a Step; nil between
// Steps, when others may be reading.
func (x *Index) growthsOf(a *Ask) []kept {
	if !x.stepping {
		return nil
	}
	if a.demand == "" {
		a.demand, _ = demandOf(a.Task)
	}
	if len(x.fragments) != len(x.nodes) {
		x.fragments = make([]kept, len(x.nodes))
	}
	list := x.growths[a.demand]
	if len(list) != len(x.nodes) {
		list = make([]kept, len(x.nodes))
		if x.growths == nil {
			x.growths = map[string][]kept{}
		}
		x.growths[a.demand] = list
	}
	return list
}

func (s *scorer) grows(e *node) int64 {
	devices, ok := assign(e.devices, e.Capacity.Accelerators, s.ask.Task.Resources.Accelerators)
	if !ok {
		return 0
	}
	before := s.fragment(e)
	for _, d := range devices {
		e.devices[d.Group][d.Index] -= d.Share
	}
	after := s.mix.fragment(e, e.free.CPU-s.ask.Task.Resources.CPU)
	for _, d := range devices {
		e.devices[d.Group][d.Index] += d.Share
	}
	return after - before
}

// fragment is that of a node as it is. Within a Step it is kept until it changes.
func (s *scorer) fragment(e *node) int64 {
	if s.growths == nil {
		return s.mix.fragment(e, e.free.CPU)
	}
	c := &s.x.fragments[e.at]
	if c.version != e.version {
		*c = kept{e.version, s.mix.fragment(e, e.free.CPU)}
	}
	return c.value
}

// fragment is the expected free room, in micro-devices, that a typical task cannot
// use on a node with so much cpu free: all of it when the task does not fit, needs no
// accelerator or another model, else that of the devices with too little (Weng et
// al., 2023, equations 1 to 3).
func (m *taskMix) fragment(e *node, cpu api.Milli) int64 {
	total := api.Milli(0)
	for _, g := range e.devices {
		for _, free := range g {
			total += max(free, 0)
		}
	}
	if total == 0 {
		return 0
	}
	lost := m.all * int64(total)
	for i := range m.wants {
		w := &m.wants[i]
		if weight := w.within(cpu); weight > 0 {
			lost -= weight * int64(w.usable(e))
		}
	}
	return lost / (wholeMix / 1000)
}

// usable is the room of the devices that such a task could use.
func (w *want) usable(e *node) (room api.Milli) {
	ask, least := api.Accelerator{Kind: w.kind, Models: w.models}, min(w.need, 1000)
	for g, devices := range e.devices {
		enough, sum := api.Milli(0), api.Milli(0)
		for _, free := range devices {
			if free >= least {
				enough += 1000
				sum += free
			}
		}
		if enough >= w.need && offers(&e.Capacity.Accelerators[g], &ask) {
			room += sum
		}
	}
	return room
}

// sigmoid is 100/(1+exp(growth)), rounded down, of a growth in micro-devices. A
// table keeps it the same on every processor.
func sigmoid(growth int64) int64 {
	n, _ := slices.BinarySearchFunc(sigmoidSteps[:], growth, func(step, g int64) int {
		if step >= g {
			return -1
		}
		return 1
	})
	return int64(n)
}

// sigmoidSteps holds the largest growth at which the sigmoid is 1, 2, … 99 %.
var sigmoidSteps = [99]int64{
	4595119, 3891820, 3476098, 3178053, 2944438, 2751535, 2586689, 2442347, 2313634, 2197224, 2090741,
	1992430, 1900958, 1815289, 1734601, 1658228, 1585627, 1516347, 1450010, 1386294, 1324925, 1265666,
	1208311, 1152679, 1098612, 1045968, 994622, 944461, 895384, 847297, 800119, 753771, 708185,
	663294, 619039, 575364, 532216, 489548, 447312, 405465, 363965, 322773, 281851, 241162,
	200670, 160342, 120144, 80042, 40005, 0, -40006, -80043, -120145, -160343, -200671,
	-241163, -281852, -322774, -363966, -405466, -447313, -489549, -532217, -575365, -619040, -663295,
	-708186, -753772, -800120, -847298, -895385, -944462, -994623, -1045969, -1098613, -1152680, -1208312,
	-1265667, -1324926, -1386295, -1450011, -1516348, -1585628, -1658229, -1734602, -1815290, -1900959, -1992431,
	-2090742, -2197225, -2313635, -2442348, -2586690, -2751536, -2944439, -3178054, -3476099, -3891821, -4595120,
}
