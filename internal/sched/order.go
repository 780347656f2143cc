package sched

import (
	"math"
	"math/bits"

	"drover.dev/api"
)

// order says which of two waiting tasks is tried first: the one of the smaller
// rank, then the older, then the one with the smaller number. A rank depends on
// the task alone, so that the queue needs no sorting as time passes.
type order struct {
	name, doc, source string
	rank              func(*Item) (int64, int64)
	fair              bool // tenants take turns by their shares
}

// FixedPriority is the order of a cell that was told none.
const FixedPriority = "fixed-priority"

// orders is the registry of orders.
func orders() []order {
	return []order{
		{name: FixedPriority, doc: "the higher priority first, then the older", rank: byPriority},
		{name: "fifo", doc: "the older first, whatever its priority", rank: func(*Item) (int64, int64) { return 0, 0 }},
		{
			name: "dynamic-priority",
			doc:  "the one first that runs out of patience first: waiting raises it, so that nothing starves",
			rank: byPatience,
		},
		{
			name: "deadline", doc: "the earliest deadline first; tasks without one come last, by priority",
			source: "Liu and Layland, 1973, Scheduling Algorithms for Multiprogramming in a Hard-Real-Time Environment", rank: byDeadline,
		},
		{
			name: "shortest-first", doc: "the one first that is predicted to run shortest",
			source: "Smith, 1956, Various Optimizers for Single-Stage Production", rank: func(it *Item) (int64, int64) { return int64(it.Run), 0 },
		},
		{
			name: "fair-share", doc: "the tenant first that has the smallest part of its dominant resource by its weight, and within a tenant by priority; tenants within their quota before all others",
			source: "Ghodsi et al., 2011, Dominant Resource Fairness: Fair Allocation of Multiple Resource Types", rank: byPriority, fair: true,
		},
	}
}

func orderNamed(name string) order {
	list := orders()
	for _, o := range list {
		if o.name == name {
			return o
		}
	}
	return list[0]
}

func byPriority(it *Item) (int64, int64) { return -int64(it.Ask.Priority), 0 }

func byDeadline(it *Item) (int64, int64) {
	if it.Due == 0 {
		return math.MaxInt64, -int64(it.Ask.Priority)
	}
	return int64(it.Due), -int64(it.Ask.Priority)
}

// Patience of a class: how long a task of priority 0 may wait until one that
// comes then no longer overtakes it. Each step of priority is worth a second.
const (
	patienceLatency = 5 * api.Second
	patienceOthers  = 5 * api.Minute
	patienceBest    = 30 * api.Minute
)

// byPatience ranks by the time at which a task should have been placed: the end
// of its patience, or when it must start to make its deadline if it takes as long
// as nine of ten do.
func byPatience(it *Item) (int64, int64) {
	patience := patienceOthers
	switch it.Class {
	case api.ClassLatency:
		patience = patienceLatency
	case api.ClassBest:
		patience = patienceBest
	}
	at := int64(it.Ready.Add(patience - api.Duration(it.Ask.Priority)*api.Second))
	if it.Due != 0 {
		at = min(at, int64(it.Due)-int64(min(it.RunHigh, maxEstimate)))
	}
	return at, 0
}

// tenant is what a cell was told of a tenant.
type tenant struct {
	api.Tenant
	touched  bool   // may use more than when blocked shapes were last looked at
	withheld string // why its tasks wait, whatever room there is
}

// usage is what a tenant's placed tasks hold, or what all nodes have.
type usage struct {
	cpu       api.Milli
	memory    api.Bytes
	storage   api.Bytes
	bandwidth api.Rate
	devices   api.Milli
}

func (u *usage) add(r *api.Resources, times int64) {
	u.cpu += r.CPU * api.Milli(times)
	u.memory += r.Memory * api.Bytes(times)
	u.storage += r.Storage * api.Bytes(times)
	u.bandwidth += r.Bandwidth * api.Rate(times)
	for i := range r.Accelerators {
		u.devices += r.Accelerators[i].Count * api.Milli(times)
	}
}

func (u *usage) list() [5]int64 {
	return [5]int64{int64(u.cpu), int64(u.memory), int64(u.storage), int64(u.bandwidth), int64(u.devices)}
}

// dominant is the largest part of any resource of all that is used, in millionths
// divided by the weight.
func (u *usage) dominant(all *usage, weight int64) (most int64) {
	have := all.list()
	for i, used := range u.list() {
		most = max(most, parts(used, have[i]))
	}
	return most / max(weight, 1)
}

// parts is part/whole in millionths times a thousand, so that dividing by a weight
// leaves enough to compare; it saturates.
func parts(part, whole int64) int64 {
	const scale = 1_000_000_000
	if part <= 0 || whole <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(part), scale)
	if hi >= uint64(whole) {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(whole))
	return int64(min(q, math.MaxInt64))
}

// turnOf is a tenant's place under fair share: first those whose next task stays
// within their quota, then the others that borrow; among equals the smaller
// dominant share.
func (x *Index) turnOf(name string, next *Ask) (borrows bool, share int64) {
	u, t := x.usedBy(name), x.tenants[name]
	weight := int64(1)
	borrows = true
	if t != nil {
		weight = int64(t.Weight)
		if t.Quota != nil {
			borrows = exceeds(u, next, t.Quota, "") != ""
		}
	}
	return borrows, u.dominant(&x.capacity, weight)
}

// overLimit says which limit of its tenant a task, or its whole gang, would
// exceed; "" is none.
func (x *Index) overLimit(a *Ask, times int64) string {
	t := x.tenants[a.Tenant]
	if t != nil && t.withheld != "" {
		return t.withheld
	}
	if t == nil || t.Limit == nil {
		return ""
	}
	u := *x.usedBy(a.Tenant)
	u.add(&a.Task.Resources, times-1)
	return exceeds(&u, a, t.Limit, a.Tenant)
}

// exceeds says what one more task would exceed; zero resources are not bounded.
func exceeds(u *usage, next *Ask, bound *api.Resources, tenant string) string {
	after := *u
	after.add(&next.Task.Resources, 1)
	if most := after.over(bound); most != "" {
		return "limit of tenant " + tenant + ": " + most
	}
	return ""
}

// over is the first bound that is exceeded; "" is none.
func (u *usage) over(bound *api.Resources) string {
	var most usage
	most.add(bound, 1)
	have := most.list()
	for i, used := range u.list() {
		if have[i] > 0 && used > have[i] {
			return amount(i, have[i])
		}
	}
	return ""
}

// Holdings adds up what tasks of a tenant hold, to be held against its limit.
type Holdings struct{ sum usage }

// Add adds what a task holds.
func (h *Holdings) Add(r *api.Resources) { h.sum.add(r, 1) }

// Over is the first bound of a limit that is exceeded, such as "cpu 4"; "" is none.
// Zero resources are not bounded.
func (h *Holdings) Over(limit *api.Resources) string { return h.sum.over(limit) }

func amount(i int, v int64) string {
	if i < len(dimensions) {
		return dimensions[i].text(v) + " " + dimensions[i].name
	}
	return api.Milli(v).String() + " accelerators"
}

func (x *Index) usedBy(tenant string) *usage {
	if u := x.used[tenant]; u != nil {
		return u
	}
	return &usage{}
}

func (x *Index) usedByAll() *usage {
	var sum usage
	for _, u := range x.used { // order-free: sums
		sum.cpu, sum.memory, sum.storage = sum.cpu+u.cpu, sum.memory+u.memory, sum.storage+u.storage
		sum.bandwidth, sum.devices = sum.bandwidth+u.bandwidth, sum.devices+u.devices
	}
	return &sum
}

// Used is what the placed tasks of a tenant, or of all together (api.AllTenants), hold,
// and the dominant share in thousandths of what all nodes have.
func (x *Index) Used(tenant string) (api.Resources, api.Milli) {
	u := x.usedBy(tenant)
	if tenant == api.AllTenants {
		u = x.usedByAll()
	}
	r := api.Resources{CPU: u.cpu, Memory: u.memory, Storage: u.storage, Bandwidth: u.bandwidth}
	if u.devices > 0 {
		r.Accelerators = []api.Accelerator{{Kind: "any", Count: u.devices}}
	}
	return r, api.Milli(u.dominant(&x.capacity, 1) / 1_000_000)
}
