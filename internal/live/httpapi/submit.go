package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
	"github.com/danielgtaylor/huma/v2"
)

// document is a request whose body is read by this package: huma would decode
// it twice, and report one fault at a time.
type document struct {
	Tenancy
	Command
	RawBody []byte `contentType:"application/json"`
}

// submitted answers a submission: api.Applied, or api.BatchReply for a batch.
type submitted struct {
	Status int
	Seq    uint64 `header:"Drover-Seq" doc:"Sequence of the record that holds the submission."`
	Body   any
}

func (s *Server) submitRoutes() {
	submit := s.operation("submit", http.MethodPost, "/v1/workloads", "workloads",
		"Submit a workload, or a batch of at most 1000; a service or a schedule of the same name gets a new revision",
		http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests)
	submit.SkipValidateBody = true
	huma.Register(s.api, submit, s.submit)
	plan := s.operation("plan", http.MethodPost, "/v1/plan", "workloads",
		"Say what would be decided now for a workload, and change nothing",
		http.StatusBadRequest, http.StatusRequestEntityTooLarge)
	plan.SkipValidateBody = true
	huma.Register(s.api, plan, s.plan)
	s.documentSubmit()
}

// documentSubmit tells the OpenAPI document the types of what is read and
// answered raw.
func (s *Server) documentSubmit() {
	one, batch := s.schema(api.Workload{}), s.schema(api.Batch{})
	paths := s.api.OpenAPI().Paths
	post := paths["/v1/workloads"].Post
	post.RequestBody.Content["application/json"].Schema = &huma.Schema{OneOf: []*huma.Schema{one, batch}}
	reply := &huma.Schema{OneOf: []*huma.Schema{s.schema(api.Applied{}), s.schema(api.BatchReply{})}}
	post.Responses["200"].Content = content("application/json", reply)
	post.Responses["201"] = &huma.Response{
		Description: http.StatusText(http.StatusCreated), Headers: post.Responses["200"].Headers,
		Content: content("application/json", s.schema(api.Applied{})),
	}
	paths["/v1/plan"].Post.RequestBody.Content["application/json"].Schema = one
}

// submit brings the workloads of a body into the cell. A single one that is
// refused is a problem; in a batch each item has its own status.
func (s *Server) submit(ctx context.Context, in *document) (*submitted, error) {
	raw, batch, refusal := split(in.RawBody)
	if refusal != nil {
		return nil, refusal
	}
	c := s.newChecker(ctx, in.Tenancy)
	entries := make([]entry, len(raw))
	for i := range raw {
		entries[i] = c.check(raw[i])
		if i%16 == 15 {
			runtime.Gosched() // a large batch is long work: reads that came meanwhile go first
		}
	}
	if c.broken != nil {
		return nil, problemOf(c.broken)
	}
	if !batch && len(entries[0].faults) > 0 {
		return nil, invalid(entries[0].faults)
	}
	s.warn(ctx, entries)
	answers, seq, err := s.do(ctx, submits(ctx, entries, in.Key, batch))
	if err != nil {
		return nil, err
	}
	if batch {
		return &submitted{Status: http.StatusOK, Seq: seq, Body: batchReply(entries, answers)}, nil
	}
	if p := refused(answers[0]); p != nil {
		return nil, p
	}
	return &submitted{Status: codeStatus(answers[0]), Seq: seq, Body: applied(&entries[0], answers[0])}, nil
}

// submits makes the commands for the entries without faults. Of a batch each
// has a key of its own.
func submits(ctx context.Context, entries []entry, key string, batch bool) []engine.Input {
	who := principalOf(ctx).Name
	inputs := make([]engine.Input, 0, len(entries))
	for i, e := range entries {
		if len(e.faults) > 0 {
			continue
		}
		in := &engine.Submit{Caller: engine.Caller{Principal: who, Key: key}, Workload: e.workload, Facts: e.facts}
		if batch && key != "" {
			in.Key = key + "/" + strconv.Itoa(i)
		}
		inputs = append(inputs, in)
	}
	return inputs
}

// do is Cell.Do with a time limit; nothing to do is done at once. What was too
// much for one record is done again for the next one.
func (s *Server) do(ctx context.Context, inputs []engine.Input) (answers []state.Answer, seq uint64, err error) {
	if len(inputs) == 0 {
		return nil, s.cell.Status().Seq, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.opt.DoTimeout)
	defer cancel()
	answers = make([]state.Answer, len(inputs))
	places := make([]int, len(inputs)) // of the inputs among answers
	for i := range places {
		places[i] = i
	}
	for {
		got, at, err := s.cell.Do(ctx, inputs)
		if err != nil {
			return nil, 0, problemOf(err)
		}
		if len(got) != len(inputs) {
			return nil, 0, fmt.Errorf("the cell gave %d answers to %d commands", len(got), len(inputs))
		}
		seq = at
		var rest []engine.Input
		var left []int
		for i, a := range got {
			if answers[places[i]] = a; a.Code == state.CodeBusy {
				rest, left = append(rest, inputs[i]), append(left, places[i])
			}
		}
		if len(rest) == 0 || len(rest) == len(inputs) {
			return answers, seq, nil // done, or no progress: the client may try later
		}
		inputs, places = rest, left
	}
}

func batchReply(entries []entry, answers []state.Answer) api.BatchReply {
	items := make([]api.BatchItem, len(entries))
	for i, e := range entries {
		if len(e.faults) > 0 {
			items[i] = refusedItem(e, http.StatusUnprocessableEntity, e.faults)
			continue
		}
		a := answers[0]
		answers = answers[1:]
		if a.Code != state.CodeOK {
			items[i] = refusedItem(e, codeStatus(a), []api.FieldError{{Message: a.Message}})
			continue
		}
		items[i] = api.BatchItem{Applied: applied(&e, a), Status: codeStatus(a)}
	}
	return api.BatchReply{Items: items}
}

func refusedItem(e entry, status int, faults []api.FieldError) api.BatchItem {
	return api.BatchItem{Applied: api.Applied{Name: e.workload.Name, Tenant: e.workload.Tenant, Errors: faults}, Status: status}
}

func applied(e *entry, a state.Answer) api.Applied {
	w := e.workload
	return api.Applied{ID: a.ID, Name: w.Name, Tenant: w.Tenant, Revision: a.Revision, Action: a.Action, Warnings: e.warnings}
}

// warn notes what is accepted but probably not meant. A cell that cannot be read
// now takes submissions all the same.
func (s *Server) warn(ctx context.Context, entries []entry) {
	var seq uint64
	_ = s.view(ctx, Reading{}, &seq, func(en *engine.Engine) { // best effort, as said
		w := newWarner(en)
		for i := range entries {
			if len(entries[i].faults) == 0 {
				entries[i].warnings = w.warnings(entries[i].workload)
			}
		}
	})
}

// plan asks the engine for its decisions and keeps nothing.
func (s *Server) plan(ctx context.Context, in *document) (*answer[api.Plan], error) {
	raw, batch, refusal := split(in.RawBody)
	if refusal == nil && batch {
		refusal = newProblem(http.StatusBadRequest, "a plan is for one workload: ask for each alone")
	}
	if refusal != nil {
		return nil, refusal
	}
	c := s.newChecker(ctx, in.Tenancy)
	e := c.check(raw[0])
	if c.broken != nil {
		return nil, problemOf(c.broken)
	}
	if len(e.faults) > 0 {
		return nil, invalid(e.faults)
	}
	var out answer[api.Plan]
	var why error
	err := s.view(ctx, Reading{}, &out.Seq, func(en *engine.Engine) {
		out.Body.Tasks, why = en.Plan(e.workload, e.facts)
		out.Body.Warnings = newWarner(en).warnings(e.workload)
	})
	if err == nil && why != nil {
		err = newProblem(http.StatusUnprocessableEntity, "the workload would be refused: "+why.Error())
	}
	return &out, err
}
