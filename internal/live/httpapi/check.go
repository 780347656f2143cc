package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"unicode/utf8"

	"drover.dev/api"
	"drover.dev/api/manifest"
	"drover.dev/internal/artifact"
	"drover.dev/internal/engine"
)

// split takes a body apart into its workloads. A batch is an object whose first
// and only field is "workloads"; everything else is one workload.
func split(body []byte) (raw []json.RawMessage, batch bool, refusal *problem) {
	if !utf8.Valid(body) {
		return nil, false, newProblem(http.StatusBadRequest, "the body is not valid UTF-8")
	}
	if !isBatch(body) {
		return []json.RawMessage{body}, false, nil
	}
	var list struct {
		Workloads []json.RawMessage `json:"workloads"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, true, newProblem(http.StatusBadRequest, "the body is not a batch of workloads: "+err.Error())
	}
	if rest := bytes.TrimSpace(body[d.InputOffset():]); len(rest) > 0 {
		return nil, true, newProblem(http.StatusBadRequest, "something follows the batch: send one JSON object")
	}
	if n := len(list.Workloads); n == 0 || n > api.MaxBatch {
		return nil, true, newProblem(http.StatusBadRequest,
			fmt.Sprintf("the batch has %d workloads: send 1 to %d at once", n, api.MaxBatch))
	}
	return list.Workloads, true, nil
}

// isBatch looks at the first key of the object only.
func isBatch(body []byte) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{"))
	return ok && bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`"workloads"`))
}

// entry is a workload of a request: what is known of its programs, or its faults.
type entry struct {
	workload *api.Workload
	facts    []engine.Fact
	faults   []api.FieldError
	warnings []api.FieldError
}

// checker checks the workloads of one request. It asks the store for each
// artifact once.
type checker struct {
	s      *Server
	ctx    context.Context
	tenant Tenancy
	sizes  map[api.Digest]size
	broken error // why the store could not be asked: no fault of the workloads
}

type size struct {
	bytes api.Bytes
	err   error
}

func (s *Server) newChecker(ctx context.Context, t Tenancy) *checker {
	return &checker{s: s, ctx: ctx, tenant: t}
}

// check reads one workload, fills in defaults and finds all its faults.
func (c *checker) check(raw []byte) entry {
	e := entry{workload: new(api.Workload)}
	w := e.workload
	if e.faults = manifest.DecodeJSON(raw, w); len(e.faults) > 0 {
		return e
	}
	if w.Tenant == "" {
		w.Tenant = c.tenant.named()
	} else if n := c.tenant.named(); n != "" && n != w.Tenant {
		e.fault("tenant", fmt.Sprintf("is %s, but the request is of tenant %s: make it one of tenant %[1]s (drover --tenant %[1]s), or leave the field out", w.Tenant, n))
	}
	w.Normalize()
	e.faults = append(e.faults, w.Validate()...)
	e.faults = append(e.faults, w.Unresolved()...)
	if len(e.faults) == 0 {
		c.resolve(&e)
	}
	return e
}

func (e *entry) fault(path, message string) {
	e.faults = append(e.faults, api.FieldError{Path: path, Message: message})
}

// resolve finds the artifacts of a workload in the store and notes what is
// known of them. Facts stay nil when there is nothing to know.
func (c *checker) resolve(e *entry) {
	for i := range e.workload.Tasks {
		t := &e.workload.Tasks[i]
		if t.Artifact == nil && len(t.Inputs) == 0 {
			continue
		}
		if e.facts == nil {
			e.facts = make([]engine.Fact, len(e.workload.Tasks))
		}
		e.facts[i] = c.facts(e, t, "tasks["+strconv.Itoa(i)+"]")
	}
}

// facts is what is known of one task.
func (c *checker) facts(e *entry, t *api.Task, path string) (f engine.Fact) {
	if t.Artifact != nil {
		f = c.program(e, t, path)
	}
	for i := range t.Inputs {
		if src := &t.Inputs[i].Source; src.Digest != "" {
			c.source(e, src, path+".inputs["+strconv.Itoa(i)+"]")
			f.Inputs += src.Size
		}
	}
	return f
}

// source fills in the size of an artifact. It reports whether it is there.
func (c *checker) source(e *entry, src *api.Source, path string) bool {
	got, known := c.sizes[src.Digest]
	if !known {
		info, err := c.s.cell.Artifacts().Stat(c.ctx, artifact.Digest(src.Digest))
		got = size{api.Bytes(info.Size), err}
		if c.sizes == nil {
			c.sizes = map[api.Digest]size{}
		}
		c.sizes[src.Digest] = got
	}
	switch {
	case errors.Is(got.err, artifact.ErrNotFound):
		e.fault(path+".digest", fmt.Sprintf("the store holds no artifact %s: upload it first", src.Digest))
	case got.err != nil:
		c.broken = got.err
	}
	src.Size = got.bytes
	return got.err == nil
}

// program inspects a task's artifact and holds its needs against the task's.
func (c *checker) program(e *entry, t *api.Task, path string) engine.Fact {
	if !c.source(e, t.Artifact, path+".artifact") {
		return engine.Fact{}
	}
	if t.Driver != api.DriverWASM {
		return engine.Fact{Program: t.Artifact.Size}
	}
	f, err := c.s.facts.get(c.ctx, t.Artifact.Digest, c.s.cell.Inspect)
	switch {
	case errors.Is(err, artifact.ErrUnavailable):
		c.broken = err
	case err != nil:
		e.fault(path+".artifact.digest", err.Error())
	}
	if limit := t.Resources.Memory; limit > 0 && f.Memory > limit {
		e.fault(path+".resources.memory",
			fmt.Sprintf("the module needs at least %s, the task may use %s", f.Memory, limit))
	}
	f.Program = t.Artifact.Size
	return f
}

// maxFacts bounds the memory of a factCache: about 100 bytes each.
const maxFacts = 8192

// factCache remembers what is known of programs: content never changes under a
// digest. A full cache starts anew.
type factCache struct {
	mu    sync.Mutex
	known map[api.Digest]engine.Fact
}

func (c *factCache) get(ctx context.Context, d api.Digest, inspect func(context.Context, api.Digest) (engine.Fact, error)) (engine.Fact, error) {
	c.mu.Lock()
	f, ok := c.known[d]
	c.mu.Unlock()
	if ok {
		return f, nil
	}
	f, err := inspect(ctx, d)
	if err != nil {
		return f, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxFacts {
		c.known = map[api.Digest]engine.Fact{}
	}
	c.known[d] = f
	return f, nil
}
