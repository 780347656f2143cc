package sched

import "drover.dev/api"

// brand is what tells devices apart that tasks may name.
type brand struct{ kind, model string }

// supply is the devices of one model that the nodes of a cell have, taken and free.
type supply struct {
	brand
	count  api.Milli
	groups int // of how many groups of devices; 0: the place is free
}

// stock enters a node's devices into the supplies.
func (x *Index) stock(e *node) {
	x.scarce, e.supplies = nil, make([]int32, len(e.Capacity.Accelerators))
	for g := range e.Capacity.Accelerators {
		a := &e.Capacity.Accelerators[g]
		at := x.supplyOf(brand{a.Kind, modelOf(a)})
		x.supplies[at].count += a.Count
		x.supplies[at].groups++
		e.supplies[g] = at
	}
}

// unstock takes out what stock has entered.
func (x *Index) unstock(e *node) {
	x.scarce = nil
	for g, at := range e.supplies {
		s := &x.supplies[at]
		s.count -= e.Capacity.Accelerators[g].Count
		if s.groups--; s.groups == 0 {
			delete(x.supplyAt, s.brand)
			x.freeSupplies = append(x.freeSupplies, at)
		}
	}
	e.supplies = nil
}

// supplyOf is the place of a model among the supplies, one that is free before others.
func (x *Index) supplyOf(m brand) int32 {
	at, known := x.supplyAt[m]
	if known {
		return at
	}
	if n := len(x.freeSupplies); n > 0 {
		at, x.freeSupplies = x.freeSupplies[n-1], x.freeSupplies[:n-1]
		x.supplies[at] = supply{brand: m}
	} else {
		at = int32(len(x.supplies))
		x.supplies = append(x.supplies, supply{brand: m})
	}
	x.supplyAt[m] = at
	return at
}

func modelOf(a *api.Accelerator) string {
	if len(a.Models) == 0 {
		return ""
	}
	return a.Models[0]
}

// mostScarce bounds a scarcity: beyond, all that there is will be asked for twice.
const mostScarce = 2 * unit

// scarcities says of each supply how much of it is asked for, in thousandths, by
// typical tasks that can use no other, when tasks ask for as many devices of a kind
// as there are: Σ part of the task in what is asked for / part of the models that it
// names in what there is. At 1000 whoever could go elsewhere takes what others need.
// It is empty when no typical task names a model.
func (x *Index) scarcities() []int64 {
	if x.scarce != nil {
		return x.scarce
	}
	out := x.howScarce(x.typicalMix().list)
	if x.stepping {
		x.scarce = out
	}
	return out
}

func (x *Index) howScarce(list []typical) []int64 {
	asked, have, named := map[string]int64{}, map[string]int64{}, false
	for i := range list {
		asked[list[i].kind] += list[i].asks()
		named = named || len(list[i].models) > 0
	}
	if !named {
		return []int64{}
	}
	for i := range x.supplies {
		have[x.supplies[i].kind] += int64(x.supplies[i].count)
	}
	out := make([]int64, len(x.supplies))
	for i := range list {
		if m := &list[i]; len(m.models) > 0 {
			x.claim(m, asked[m.kind], have[m.kind], out)
		}
	}
	return out
}

// asks is how many thousandths of devices a typical task asks for, times its weight.
// It stays below 2^41: a task asks for at most a thousand devices.
func (m *typical) asks() int64 { return m.weight * int64(m.need) }

// claim adds what a typical task asks for to the scarcity of the models it names.
func (x *Index) claim(m *typical, asked, have int64, scarce []int64) {
	const million = 1_000_000
	of := int64(0)
	for _, name := range m.models {
		if at, known := x.supplyAt[brand{m.kind, name}]; known {
			of += int64(x.supplies[at].count)
		}
	}
	if of == 0 || asked == 0 {
		return
	}
	part := m.asks() * million / asked
	most := min(part*million/max(parts(of, have), 1), mostScarce)
	for _, name := range m.models {
		if at, known := x.supplyAt[brand{m.kind, name}]; known {
			scarce[at] = min(scarce[at]+most, mostScarce)
		}
	}
}

type scarcityTerm struct{}

func (scarcityTerm) concerns(a *Ask) bool { return len(a.Task.Resources.Accelerators) > 0 }

// value counts devices by what others need them for. A node with devices of one
// kind, which is the usual, leaves no choice of them.
func (scarcityTerm) value(s *scorer, e *node) (sum int64) {
	if len(e.supplies) == 1 {
		return -int64(s.devices) * s.scarce[e.supplies[0]] / unit
	}
	devices, _ := assign(e.devices, e.Capacity.Accelerators, s.ask.Task.Resources.Accelerators)
	for _, d := range devices {
		sum -= int64(d.Share) * s.scarce[e.supplies[d.Group]] / unit
	}
	return sum
}
