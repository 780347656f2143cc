package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// missing refuses a request for something that there is not; kind is one of the
// api's types of problems.
func missing(kind, format string, args ...any) *problem {
	p := newProblem(http.StatusNotFound, fmt.Sprintf(format, args...))
	p.Type = kind
	return p
}

// maxNear bounds among how many names a near one is looked for.
const maxNear = 5000

// didYouMean ends a message about an unknown name with the nearest one; "" when
// none is near.
func didYouMean(name string, known []string) string {
	if near := api.Nearest(name, known); near != "" {
		return fmt.Sprintf(": did you mean %s?", near)
	}
	return ""
}

// workloadNames are names of a tenant's workloads; none in a cell that has too
// many to look through.
func workloadNames(st *state.State, tenant string) (names []string) {
	if len(st.Workloads) > maxNear {
		return nil
	}
	for _, w := range st.Workloads {
		if w.Spec.Tenant == tenant {
			names = append(names, w.Spec.Name)
		}
	}
	return names
}

func nodeNames(st *state.State) (names []string) {
	if len(st.Nodes) > maxNear {
		return nil
	}
	for name := range st.Nodes {
		names = append(names, name)
	}
	return names
}

// whatIsMissing completes the refusal of a command for something that there is
// not: with its type, and with a name that is near.
func (s *Server) whatIsMissing(ctx context.Context, in engine.Input, what api.Applied, p *problem) {
	var seq uint64
	_ = s.view(ctx, Reading{}, &seq, func(e *engine.Engine) { // without it there is no suggestion
		switch in.(type) {
		case *engine.Drain, *engine.RemoveNode, *engine.Power:
			p.Type = api.ProblemNoNode
			p.Detail += didYouMean(what.Name, nodeNames(e.State()))
		case *engine.Suspend:
			if e.State().Named(what.Tenant, what.Name) != nil {
				p.Type = api.ProblemNoTask
				break
			}
			p.Type = api.ProblemNoWorkload
			p.Detail += didYouMean(what.Name, workloadNames(e.State(), what.Tenant))
		case *engine.Cancel, *engine.Rollback:
			p.Type = api.ProblemNoWorkload
			p.Detail += didYouMean(what.Name, workloadNames(e.State(), what.Tenant))
		}
	})
}
