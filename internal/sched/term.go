package sched

import "drover.dev/api"

// term values how well a node suits a task; higher is better. Most lie between
// -1000 and 1000, so that weights can be compared.
type term interface {
	value(s *scorer, e *node) int64
}

// conditional is a term that says nothing about most tasks; it is left out of
// their scores.
type conditional interface {
	concerns(a *Ask) bool
}

// termKind says what a term depends on, besides the task; an index is built on it.
type termKind uint8

const (
	ofNode termKind = iota // anything
	ofSpot                 // what nodes of one spot have in common
	ofLoad                 // what the node holds, alike for all tasks, and its size
)

type namedTerm struct {
	name, doc, source string
	kind              termKind
	term              term
}

var (
	_ term        = latencyTerm{}
	_ term        = machineTerm{}
	_ term        = packingTerm{}
	_ term        = tasksTerm{}
	_ term        = fitTerm{}
	_ term        = alignmentTerm{}
	_ term        = fragmentationTerm{}
	_ term        = growthTerm{}
	_ term        = backingTerm{}
	_ term        = choicesTerm{}
	_ term        = sourceTerm{}
	_ term        = turnTerm{}
	_ conditional = spreadTerm{}
	_ conditional = wishesTerm{}
	_ conditional = scarcityTerm{}
	_ conditional = remnantTerm{}
)

// terms is the registry of terms.
func terms() []namedTerm {
	return append([]namedTerm{
		{"latency", "1000 is no time beyond the run on a reference node, 500 is twice that: T = transfer + wait + run + return", "", ofSpot, latencyTerm{}},
		{"packing", "how full the node would be, 0 to 1000: cpu and memory alike", "", ofLoad, packingTerm{}},
		{"tasks", "minus the number of tasks on the node", "", ofLoad, tasksTerm{}},
		{
			"fit", "how little would be left, 0 to 1000: 1000 less the free cpu and accelerators (without any: memory) as parts of the largest node's",
			"Weng et al., 2023", ofNode,
			fitTerm{},
		},
		{"alignment", "minus the product of request and free room, cpu and accelerators, as parts of the largest node's", "Panigrahy et al., 2011", ofNode, alignmentTerm{}},
		{
			"fragmentation", "1000 times the sigmoid of minus the growth, in whole devices, of the room that the typical task cannot use; rounded down to tens",
			"Weng et al., 2023", ofNode,
			fragmentationTerm{},
		},
		{"growth", "minus the thousandths of a device by which the room grows that the typical task cannot use", "Weng et al., 2023, without the rounding", ofNode, growthTerm{}},
		{"backing", "minus the thousandths of a device by which the room grows that has no cpu beside it, at as much a device as the typical task takes", "", ofNode, backingTerm{}},
		{"scarcity", "minus the thousandths of devices taken, times the part of such devices that typical tasks will ask for which can use no other", "", ofNode, scarcityTerm{}},
		{
			"remnant", "minus the thousandths of a device by which the device is worth less in two parts, the task's and what is left; worth is what typical shares can make of room",
			"Gilmore and Gomory, 1961, for the prices", ofNode,
			remnantTerm{},
		},
		{"two-choices", "minus the tasks on the node; compares only two nodes that the task's number draws", "Mitzenmacher, 2001", ofNode, choicesTerm{}},
		{"source", "hash of the task's source and the node; far below when the node holds more than 1.25 times the mean", "Mirrokni et al., 2018", ofNode, sourceTerm{}},
		{"turn", "minus the steps from the node whose turn it is: by the numbers of workload, element and attempt", "", ofNode, turnTerm{}},
		{"spread", "1000 on a node without a replica of the task, 500 with one, and so on", "", ofNode, spreadTerm{}},
		{"wishes", "how much of its soft requirements a node meets, 0 to 1000", "", ofNode, wishesTerm{}},
		{"avoid", "-1000 on a node with a taint that says avoid and is not tolerated", "", ofSpot, avoidTerm{}},
	}, greenTerms()...)
}

// unit is the scale of a term.
const unit = 1000

type latencyTerm struct{}

// value is nearness; nodes of one site and speed have the same, so the last is
// remembered.
func (latencyTerm) value(s *scorer, e *node) int64 {
	if !s.known || s.speed != e.Speed || s.site != e.Site {
		s.estimate = s.x.estimate(e, s.ask)
		s.latency = nearness(&s.estimate, s.ask)
		s.known, s.speed, s.site = true, e.Speed, e.Site
	}
	return s.latency
}

// machineTerm is latencyTerm for tasks that run faster on some kinds of machines:
// nodes of one site and speed need not be alike.
type machineTerm struct{}

func (machineTerm) value(s *scorer, e *node) int64 {
	est := s.x.estimate(e, s.ask)
	return nearness(&est, s.ask)
}

type packingTerm struct{}

func (packingTerm) value(s *scorer, e *node) int64 { return e.packed + e.packs(&s.ask.Task.Resources) }

// packs is how much a request adds to how packed a node is.
func (e *node) packs(r *api.Resources) int64 {
	cpu, memory := e.parts(r)
	return cpu + memory
}

// parts are the parts of a node's cpu and its memory that a request takes, together
// 1000 when it takes all of both. They are rounded one by one, so that a sum does not
// depend on the order in which tasks came.
func (e *node) parts(r *api.Resources) (cpu, memory int64) {
	c, m := int64(e.Capacity.CPU), int64(e.Capacity.Memory>>10) // KiB, so that the product cannot overflow
	half := int64(unit / 2)
	if c <= 0 || m <= 0 {
		half = unit
	}
	if c > 0 {
		cpu = int64(r.CPU) * half / c
	}
	if m > 0 {
		memory = int64(r.Memory>>10) * half / m
	}
	return cpu, memory
}

type tasksTerm struct{}

func (tasksTerm) value(_ *scorer, e *node) int64 { return -int64(e.tasks) }

type fitTerm struct{}

func (fitTerm) value(s *scorer, e *node) int64 {
	r, l := &s.ask.Task.Resources, &s.x.largest
	left := share(int64(e.free.CPU-r.CPU), l.cpu)
	if l.devices > 0 {
		return unit - (left+share(int64(e.freeDevices-s.devices), l.devices))/2
	}
	return unit - (left+share(int64(e.free.Memory-r.Memory)>>10, l.memory))/2
}

// alignmentTerm counts in hundredths, as the published implementation does: nodes
// that are nearly alike tie, the first of them fills up, and less is left over.
type alignmentTerm struct{}

func (alignmentTerm) value(s *scorer, e *node) int64 {
	r, l := &s.ask.Task.Resources, &s.x.largest
	dot := share(int64(r.CPU), l.cpu) * share(int64(e.free.CPU), l.cpu)
	if l.devices > 0 {
		dot += share(int64(s.devices), l.devices) * share(int64(e.freeDevices), l.devices)
	} else {
		dot += share(int64(r.Memory>>10), l.memory) * share(int64(e.free.Memory>>10), l.memory)
	}
	const hundredth = 2 * unit * unit / 100
	return -(dot + hundredth - 1) / hundredth * (unit / 100)
}

// share is a part of a whole in thousandths.
func share(part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return part * unit / whole
}

type choicesTerm struct{}

func (choicesTerm) value(_ *scorer, e *node) int64 { return -int64(e.tasks) }

type sourceTerm struct{}

func (sourceTerm) value(s *scorer, e *node) int64 {
	v := int64(mix(s.source^e.hash) >> 44) // 20 bits
	// More than 1.25 times the mean, this task counted: c = 1 + 1/4.
	if int64(e.tasks+1)*4*int64(len(s.x.nodes)) > 5*(s.x.placed+1)+4*int64(len(s.x.nodes)) {
		v -= 1 << 20
	}
	return v
}

type turnTerm struct{}

func (turnTerm) value(s *scorer, e *node) int64 {
	n := uint64(len(s.x.nodes))
	return -int64((uint64(e.at) + n - s.turn%n) % n)
}

type spreadTerm struct{}

func (spreadTerm) concerns(a *Ask) bool { return a.Spread }

func (spreadTerm) value(s *scorer, e *node) int64 {
	return unit / int64(1+e.groups[group{s.ref.Workload, s.ref.Task}])
}

type avoidTerm struct{}

func (avoidTerm) value(s *scorer, e *node) int64 {
	if len(e.Taints) > 0 && e.avoided(s.ask) {
		return -unit
	}
	return 0
}
