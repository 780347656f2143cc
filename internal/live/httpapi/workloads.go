package httpapi

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
	"github.com/danielgtaylor/huma/v2"
)

// One names a workload: by its name in a tenant, or by its number.
type One struct {
	Tenancy
	Workload string `path:"workload" doc:"A name, or a number as ~17." maxLength:"80" example:"hello"`
}

func (s *Server) workloadRoutes() {
	s.submitRoutes()
	huma.Register(s.api, s.operation("listWorkloads", http.MethodGet, "/v1/workloads", "workloads",
		"List workloads, the newest first"), s.listWorkloads)
	huma.Register(s.api, s.operation("getWorkload", http.MethodGet, "/v1/workloads/{workload}", "workloads",
		"Show a workload with its specification", http.StatusNotFound), s.getWorkload)
	huma.Register(s.api, s.operation("cancelWorkload", http.MethodDelete, "/v1/workloads/{workload}", "workloads",
		"Cancel a workload", http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests), s.cancelWorkload)
	huma.Register(s.api, s.operation("rollbackWorkload", http.MethodPost, "/v1/workloads/{workload}/rollback", "workloads",
		"Give a service an earlier revision again", http.StatusNotFound, http.StatusConflict,
		http.StatusTooManyRequests), s.rollbackWorkload)
	huma.Register(s.api, s.operation("suspendWorkload", http.MethodPost, "/v1/workloads/{workload}/suspend", "workloads",
		"Have a job, or elements of it, stand still for a while", http.StatusNotFound, http.StatusConflict,
		http.StatusTooManyRequests), s.suspendWorkload)
	huma.Register(s.api, s.operation("resumeWorkload", http.MethodPost, "/v1/workloads/{workload}/resume", "workloads",
		"Let what was suspended go on before its time", http.StatusNotFound, http.StatusConflict,
		http.StatusTooManyRequests), s.resumeWorkload)
}

// find returns the workload that the request means, or a problem.
func (o One) find(st *state.State) (*state.Workload, *problem) {
	digits, byNumber := strings.CutPrefix(o.Workload, "~")
	if !byNumber {
		if w := st.Named(o.tenant(), o.Workload); w != nil {
			return w, nil
		}
		return nil, missing(api.ProblemNoWorkload, "tenant %s has no workload %q%s",
			o.tenant(), o.Workload, didYouMean(o.Workload, workloadNames(st, o.tenant())))
	}
	id, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return nil, missing(api.ProblemNoWorkload, "%q is not the number of a workload", o.Workload)
	}
	w := st.Workloads[id]
	if n := o.named(); w == nil || n != "" && w.Spec.Tenant != n {
		return nil, missing(api.ProblemNoWorkload, "there is no workload %s: it may have been forgotten after its retention", o.Workload)
	}
	return w, nil
}

// read views one workload.
func (s *Server) read(ctx context.Context, o One, at Reading, stand *Stand, f func(*engine.Engine, *state.Workload) *problem) error {
	var refusal *problem
	err := s.viewAt(ctx, at, stand, func(e *engine.Engine) {
		w, missing := o.find(e.State())
		if refusal = missing; missing == nil {
			refusal = f(e, w)
		}
	})
	if err == nil && refusal != nil {
		return refusal
	}
	return err
}

type getWorkload struct {
	One
	Reading
}

func (s *Server) getWorkload(ctx context.Context, in *getWorkload) (*answer[api.WorkloadView], error) {
	out := new(answer[api.WorkloadView])
	err := s.read(ctx, in.One, in.Reading, &out.Stand, func(e *engine.Engine, w *state.Workload) *problem {
		out.Body = e.Views().Workload(w, true)
		return nil
	})
	return out, err
}

type listWorkloads struct {
	Tenancy
	Reading
	Kind   string   `query:"kind" doc:"Only workloads of this kind." enum:"job,service,system"`
	Status []string `query:"status" doc:"Only workloads in one of these statuses." enum:"pending,running,updating,degraded,scheduled,stopping,succeeded,failed,cancelled" maxItems:"9"`
	Prefix string   `query:"prefix" doc:"Only workloads whose name begins so." maxLength:"63"`
	Parent uint64   `query:"parent" doc:"Only runs of the schedule with this number."`
	All    bool     `query:"allTenants" doc:"Of every tenant."`
	Limit  int      `query:"limit" doc:"Items of the page." minimum:"1" maximum:"1000" default:"100"`
	After  uint64   `query:"after" doc:"The next of the page before."`
}

func (s *Server) listWorkloads(ctx context.Context, in *listWorkloads) (*answer[api.WorkloadPage], error) {
	out := &answer[api.WorkloadPage]{Body: api.WorkloadPage{Items: []api.WorkloadView{}}}
	err := s.viewAt(ctx, in.Reading, &out.Stand, func(e *engine.Engine) {
		ids, more := in.pick(e)
		views := e.Views()
		for _, id := range ids {
			out.Body.Items = append(out.Body.Items, views.Workload(e.State().Workloads[id], false))
		}
		if more {
			out.Body.Next = strconv.FormatUint(ids[len(ids)-1], 10)
		}
	})
	return out, err
}

// pick returns the numbers of the page, the newest first, and whether more
// follow.
func (in *listWorkloads) pick(e *engine.Engine) (ids []uint64, more bool) {
	for w := range newestFirst(e.State(), in.After) {
		if !in.wants(w) {
			continue
		}
		if len(ids) == in.Limit {
			return ids, true
		}
		ids = append(ids, w.ID)
	}
	return ids, false
}

// newestFirst walks through the workloads before a number; 0 is the end. Numbers
// are given in order, so the first page of very many costs no more than that of a
// few. Where most numbers are of workloads that are forgotten, what is left is
// sorted.
func newestFirst(st *state.State, before uint64) iter.Seq[*state.Workload] {
	if before == 0 || before > st.NextID {
		before = st.NextID
	}
	return func(yield func(*state.Workload) bool) {
		id, missed := before, 0
		for missed <= len(st.Workloads) {
			if id--; id == 0 {
				return
			}
			if w := st.Workloads[id]; w == nil {
				missed++
			} else if !yield(w) {
				return
			}
		}
		var rest []uint64
		for old := range st.Workloads {
			if old < id {
				rest = append(rest, old)
			}
		}
		slices.Sort(rest)
		for _, old := range slices.Backward(rest) {
			if !yield(st.Workloads[old]) {
				return
			}
		}
	}
}

func (in *listWorkloads) wants(w *state.Workload) bool {
	return (in.All || w.Spec.Tenant == in.tenant()) &&
		(in.Kind == "" || string(w.Spec.Kind) == in.Kind) &&
		(in.Parent == 0 || w.Parent == in.Parent) &&
		strings.HasPrefix(w.Spec.Name, in.Prefix) &&
		(len(in.Status) == 0 || slices.Contains(in.Status, engine.StatusOf(w)))
}

// OfWorkload is a change of one workload.
type OfWorkload struct {
	One
	Command
}

func (s *Server) cancelWorkload(ctx context.Context, in *OfWorkload) (*answer[api.Applied], error) {
	name, id, err := s.identify(ctx, in.One)
	if err != nil {
		return nil, err
	}
	c := &engine.Cancel{Caller: caller(ctx, in.Command), Tenant: name.Tenant, Name: name.Name, ID: id}
	return s.change(ctx, c, name)
}

type rollbackWorkload struct {
	OfWorkload
	Body *api.RollbackRequest
}

func (s *Server) rollbackWorkload(ctx context.Context, in *rollbackWorkload) (*answer[api.Applied], error) {
	name, _, err := s.identify(ctx, in.One)
	if err != nil {
		return nil, err
	}
	c := &engine.Rollback{Caller: caller(ctx, in.Command), Tenant: name.Tenant, Name: name.Name}
	if in.Body != nil {
		c.Revision = in.Body.Revision
	}
	return s.change(ctx, c, name)
}

type suspendWorkload struct {
	OfWorkload
	Body *api.SuspendRequest
}

func (s *Server) suspendWorkload(ctx context.Context, in *suspendWorkload) (*answer[api.Applied], error) {
	var r api.SuspendRequest
	if in.Body != nil {
		r = *in.Body
	}
	r.Normalize()
	if faults := r.Validate(); len(faults) > 0 {
		return nil, invalid(faults)
	}
	return s.suspension(ctx, &in.OfWorkload, &engine.Suspend{Elements: r.Elements, For: r.For, Reason: r.Reason, Operator: r.Operator})
}

type resumeWorkload struct {
	OfWorkload
	Body *api.ResumeRequest
}

func (s *Server) resumeWorkload(ctx context.Context, in *resumeWorkload) (*answer[api.Applied], error) {
	var r api.ResumeRequest
	if in.Body != nil {
		r = *in.Body
	}
	if faults := r.Validate(); len(faults) > 0 {
		return nil, invalid(faults)
	}
	return s.suspension(ctx, &in.OfWorkload, &engine.Suspend{Elements: r.Elements, Operator: r.Operator, Off: true})
}

// suspension has the command be about the workload that a request names.
func (s *Server) suspension(ctx context.Context, in *OfWorkload, c *engine.Suspend) (*answer[api.Applied], error) {
	name, id, err := s.identify(ctx, in.One)
	if err != nil {
		return nil, err
	}
	c.Caller, c.Tenant, c.Name, c.ID = caller(ctx, in.Command), name.Tenant, name.Name, id
	return s.change(ctx, c, name)
}

// identify gives a workload's tenant and name; id is set when the request names
// a number. A name is not looked up: the command does that, under its key.
func (s *Server) identify(ctx context.Context, o One) (name api.Applied, id uint64, err error) {
	if !strings.HasPrefix(o.Workload, "~") {
		return api.Applied{Tenant: o.tenant(), Name: o.Workload}, 0, nil
	}
	var stand Stand
	err = s.read(ctx, o, Reading{}, &stand, func(_ *engine.Engine, w *state.Workload) *problem {
		name, id = api.Applied{Tenant: w.Spec.Tenant, Name: w.Spec.Name}, w.ID
		return nil
	})
	return name, id, err
}

func caller(ctx context.Context, c Command) engine.Caller {
	return engine.Caller{Principal: principalOf(ctx).Name, Key: c.Key}
}

// change does one command and completes what it changed from the answer.
func (s *Server) change(ctx context.Context, in engine.Input, what api.Applied) (*answer[api.Applied], error) {
	answers, seq, err := s.do(ctx, []engine.Input{in})
	if err != nil {
		return nil, err
	}
	a := answers[0]
	if p := refused(a); p != nil {
		if p.Status == http.StatusNotFound {
			s.whatIsMissing(ctx, in, what, p)
		}
		return nil, p
	}
	what.ID, what.Revision, what.Action = a.ID, a.Revision, a.Action
	return &answer[api.Applied]{Stand: Stand{Seq: seq}, Body: what}, nil
}
