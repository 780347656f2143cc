package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
	"github.com/danielgtaylor/huma/v2"
)

func (s *Server) taskRoutes() {
	huma.Register(s.api, s.operation("listTasks", http.MethodGet, "/v1/workloads/{workload}/tasks", "tasks",
		"List the elements of a workload's tasks, in order", http.StatusNotFound), s.listTasks)
	huma.Register(s.api, s.operation("getTask", http.MethodGet, "/v1/workloads/{workload}/tasks/{task}/{index}", "tasks",
		"Show one element with its last decision", http.StatusNotFound), s.getTask)
	huma.Register(s.api, s.operation("explainTask", http.MethodGet, "/v1/workloads/{workload}/tasks/{task}/{index}/explain", "tasks",
		"Say why an element is where it is, or what would admit it", http.StatusNotFound), s.explainTask)
	huma.Register(s.api, s.operation("listResults", http.MethodGet, "/v1/workloads/{workload}/results", "tasks",
		"List what the ended elements of a workload left behind", http.StatusNotFound), s.listResults)
}

// Paging asks for a page of elements.
type Paging struct {
	Task  string `query:"task" doc:"Only elements of the task with this name." maxLength:"63"`
	Limit int    `query:"limit" doc:"Items of the page." minimum:"1" maximum:"1000" default:"100"`
	After string `query:"after" doc:"The next of the page before." maxLength:"32"`
}

type listTasks struct {
	One
	Reading
	Paging
	Status []string `query:"status" doc:"Only elements in one of these statuses." enum:"waiting,pending,backoff,placed,running,stopping,succeeded,failed,cancelled,suspended,checkpointed" maxItems:"11"`
}

func (s *Server) listTasks(ctx context.Context, in *listTasks) (*answer[api.TaskPage], error) {
	out := &answer[api.TaskPage]{Body: api.TaskPage{Items: []api.TaskView{}}}
	err := s.read(ctx, in.One, in.Reading, &out.Stand, func(e *engine.Engine, w *state.Workload) (p *problem) {
		views := e.Views()
		out.Body.Next, p = in.page(w, func(t *state.Task) bool {
			if len(in.Status) > 0 && !slices.Contains(in.Status, engine.TaskStatusOf(t)) {
				return false
			}
			out.Body.Items = append(out.Body.Items, views.Task(w, t, false))
			return true
		})
		return p
	})
	return out, err
}

type listResults struct {
	One
	Reading
	Paging
}

func (s *Server) listResults(ctx context.Context, in *listResults) (*answer[api.ResultPage], error) {
	out := &answer[api.ResultPage]{Body: api.ResultPage{Items: []api.TaskResult{}}}
	err := s.read(ctx, in.One, in.Reading, &out.Stand, func(_ *engine.Engine, w *state.Workload) (p *problem) {
		out.Body.Next, p = in.page(w, func(t *state.Task) bool {
			if !t.Status.Final() || t.Result == nil {
				return false
			}
			out.Body.Items = append(out.Body.Items, resultOf(w, t))
			return true
		})
		return p
	})
	return out, err
}

func resultOf(w *state.Workload, t *state.Task) api.TaskResult {
	return api.TaskResult{
		Task: w.SpecOf(t).Name, Index: t.Ref.Index, Name: w.NameOf(t),
		Status: t.Status.String(), Reason: t.Reason, Node: t.Node,
		Outcome: t.Result.Outcome, Exit: t.Result.ExitCode, Outputs: t.Result.Outputs, Took: t.Took,
	}
}

// page gives elements after the cursor to take, which says whether it took
// them, until the page is full. next is "" when no element follows.
func (p Paging) page(w *state.Workload, take func(*state.Task) bool) (next string, refusal *problem) {
	task, index, refusal := p.cursor()
	if refusal != nil {
		return "", refusal
	}
	if p.Task != "" && taskNamed(w, p.Task) < 0 {
		return "", noTask(w, p.Task)
	}
	left := p.Limit
	for ; task < len(w.Groups); task, index = task+1, 0 {
		if p.Task != "" && w.Spec.Tasks[task].Name != p.Task {
			continue
		}
		for _, t := range w.Groups[task].Tasks {
			if t.Ref.Index < index {
				continue
			}
			if left == 0 {
				return strconv.Itoa(task) + "." + strconv.FormatUint(uint64(t.Ref.Index), 10), nil
			}
			if take(t) {
				left--
			}
		}
	}
	return "", nil
}

// cursor reads "task.index", the element where the page begins.
func (p Paging) cursor() (task int, index uint32, refusal *problem) {
	if p.After == "" {
		return 0, 0, nil
	}
	first, second, _ := strings.Cut(p.After, ".")
	t, err1 := strconv.ParseUint(first, 10, 16)
	i, err2 := strconv.ParseUint(second, 10, 32)
	if err1 != nil || err2 != nil {
		return 0, 0, newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("after=%q is not the next of a page before", p.After))
	}
	return int(t), uint32(i), nil
}

// taskNamed is the position of a task in the present specification, or -1.
func taskNamed(w *state.Workload, name string) int {
	return slices.IndexFunc(w.Spec.Tasks, func(t api.Task) bool { return t.Name == name })
}

func taskNames(w *state.Workload) []string {
	names := make([]string, len(w.Spec.Tasks))
	for i := range w.Spec.Tasks {
		names[i] = w.Spec.Tasks[i].Name
	}
	return names
}

// listOf writes names for people, the first ten of many.
func listOf(names []string) string {
	const most = 10
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

func noTask(w *state.Workload, name string) *problem {
	names := taskNames(w)
	hint := didYouMean(name, names)
	if hint == "" {
		hint = ": it has " + listOf(names)
	}
	return missing(api.ProblemNoTask, "workload %s has no task %q%s", w.Spec.Name, name, hint)
}

// element names one element of a workload.
type element struct {
	One
	Reading
	Task  string `path:"task" doc:"The name of a task." maxLength:"63" example:"main"`
	Index uint32 `path:"index" doc:"Of an array element or a replica; 0 for a single task."`
}

// readElement views one element.
func (s *Server) readElement(ctx context.Context, in *element, stand *Stand, f func(*engine.Engine, *state.Workload, *state.Task)) error {
	return s.read(ctx, in.One, in.Reading, stand, func(e *engine.Engine, w *state.Workload) *problem {
		t, refusal := find(w, in.Task, in.Index)
		if refusal == nil {
			f(e, w, t)
		}
		return refusal
	})
}

// find returns the element of a task.
func find(w *state.Workload, task string, index uint32) (*state.Task, *problem) {
	i := taskNamed(w, task)
	if i < 0 {
		return nil, noTask(w, task)
	}
	if t := w.Groups[i].Get(index); t != nil {
		return t, nil
	}
	return nil, missing(api.ProblemNoTask, "task %s of workload %s has no element %d%s", task, w.Spec.Name, index, indexes(&w.Groups[i]))
}

// indexes says which elements a task has.
func indexes(g *state.Group) string {
	switch n := len(g.Tasks); {
	case n == 0:
		return ": it has none yet"
	case n == 1:
		return fmt.Sprintf(": it has element %d only", g.Tasks[0].Ref.Index)
	default:
		return fmt.Sprintf(": its %d elements are between %d and %d", n, g.Tasks[0].Ref.Index, g.Tasks[n-1].Ref.Index)
	}
}

func (s *Server) getTask(ctx context.Context, in *element) (*answer[api.TaskView], error) {
	out := new(answer[api.TaskView])
	err := s.readElement(ctx, in, &out.Stand, func(e *engine.Engine, w *state.Workload, t *state.Task) {
		out.Body = e.Views().Task(w, t, true)
	})
	return out, err
}

func (s *Server) explainTask(ctx context.Context, in *element) (*answer[api.Explanation], error) {
	out := new(answer[api.Explanation])
	err := s.readElement(ctx, in, &out.Stand, func(e *engine.Engine, w *state.Workload, t *state.Task) {
		out.Body = e.Explain(w, t)
	})
	return out, err
}
