package engine

import (
	"drover.dev/api"
	"drover.dev/internal/sched"
)

// SizeOf estimates how much room an input needs in a record: for itself, or for
// the events that follow from it at once, whichever is more. Batches whose inputs
// are within half of what a record holds fit into it with their events.
func SizeOf(in Input) int {
	switch v := in.(type) {
	case *Submit:
		return smallSize + submitSize(v.Workload) + callerSize(&v.Caller) + factsSize(v.Facts)
	case *Reports:
		return smallSize + len(v.Node) + reportsSize(v.Reports)
	case *Register:
		return nodeSize(&v.Node)
	case *PutSite:
		return siteSize(&v.Site) + callerSize(&v.Caller)
	case *Cancel:
		return smallSize + callerSize(&v.Caller) + len(v.Tenant) + len(v.Name)
	case *Rollback:
		return smallSize + callerSize(&v.Caller) + len(v.Tenant) + len(v.Name) + api.MaxSpec/4
	case *Suspend:
		return smallSize + callerSize(&v.Caller) + len(v.Tenant) + len(v.Name) + (len(v.Elements)+len(v.Reason)/smallSize+1)*(2*smallSize+maxName+len(v.Reason)+len(v.Principal))
	case *Drain:
		return smallSize + callerSize(&v.Caller) + len(v.Node)
	case *Battery:
		return 2*smallSize + len(v.Site) + len(v.Failed)
	case *Power:
		return smallSize + callerSize(&v.Caller) + len(v.Node)
	case *RemoveNode:
		return smallSize + callerSize(&v.Caller) + len(v.Node)
	case *CellHello:
		return cellSize(&v.Cell)
	case *RemoveCell:
		return smallSize + callerSize(&v.Caller) + len(v.Cell)
	case *Handovers:
		n := smallSize + len(v.Cell)
		for i := range v.Reports {
			n += 5*smallSize + len(v.Reports[i].Reason) + elementsSize(v.Reports[i].Elements)
		}
		return n
	case *Accept:
		return 2*smallSize + submitSize(v.Workload) + len(v.ID.Cell) + factsSize(v.Facts)
	case *Decline:
		return 2*smallSize + len(v.ID.Cell) + len(v.Reason)
	case *Settle:
		return smallSize + idSize*len(v.IDs)
	case *Planned:
		return plannedSize(v)
	case *PutSettings:
		return 4*smallSize + maxText + callerSize(&v.Caller) + len(v.Home) + len(v.Strategy) + probationSize(v.Probation) + stagesSize(v.Stages)
	case *Shadowed:
		return smallSize + 10*numberSize + len(v.Strategy)
	case *Resized:
		return 3 * smallSize
	case *Scaled:
		return 3*smallSize + len(v.Why.Model)
	case *Strained:
		return strainedSize(v)
	case *PutStrategy:
		return strategySize(&v.Strategy) + callerSize(&v.Caller)
	case *PutSignal:
		return signalSize(&v.Signal) + callerSize(&v.Caller)
	case *BuyOffset:
		return offsetSize(&v.Offset) + callerSize(&v.Caller) + maxName
	case *EndOffset:
		return 2*smallSize + len(v.Serial) + len(v.Note) + callerSize(&v.Caller)
	case *PutTenant:
		return tenantSize(&v.Tenant) + callerSize(&v.Caller)
	}
	return smallSize
}

// callerSize counts what a remembered answer repeats.
func callerSize(c *Caller) int { return len(c.Principal) + len(c.Key) + 2*headSize + maxText }

// submitSize is what a submission adds to a batch: its specification, and a
// profile of each task.
func submitSize(w *api.Workload) int {
	if w == nil {
		return 0
	}
	return smallSize + specSize(w) + profileSize*len(w.Tasks)
}

func factsSize(list []Fact) int {
	n := headSize
	for i := range list {
		n += 4*numberSize + textsSize(list[i].Imports)
	}
	return n
}

func reportsSize(list []api.Report) int {
	n := headSize
	for i := range list {
		r := &list[i]
		n += 2*smallSize + resultSize(r.Result) + 2*len(r.Detail) + portsSize(r.Ports)
		if r.Result != nil {
			n += min(len(r.Result.Reason)+len(r.Result.Detail), maxText)
			if r.Result.Reason == api.ReasonMemory { // its task, and that of its schedule, may get another size
				n += 4 * smallSize
			}
			n += 3*smallSize + numberSize*sched.GeneratedHours(r.Result.Wall) // what its site made itself
		}
	}
	return n
}
