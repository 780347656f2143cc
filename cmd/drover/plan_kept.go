package main

import (
	"drover.dev/api"
	"drover.dev/internal/grade"
	"drover.dev/internal/mirror"
	"drover.dev/internal/rehearse"
)

// keepForMirror leaves an answer with the mirror that runs on this machine, if one
// does: it is graded when the job comes. What holds on another fleet is not.
func (a *app) keepForMirror(f *rehearse.Foreseen, plan api.Plan) {
	dir, err := a.mirrorDir("")
	if err != nil || len(f.If) > 0 {
		return
	}
	p := &grade.Prediction{
		Tenant: a.set.tenant, Name: f.Workload, Made: api.Time(a.now().UnixNano()), Submitted: f.Submitted,
		Start: grade.Quantiles(f.Start), End: grade.Quantiles(f.End),
	}
	p.Made = min(p.Made, p.Submitted)
	if len(plan.Tasks) > 0 {
		p.Class = string(plan.Tasks[0].Profile.Class)
	}
	if err := mirror.KeepPlan(dir, p); err != nil {
		a.note("warning: the answer will not be graded: %v", err)
	}
}
