package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/driver/wasm"
	"drover.dev/internal/engine"
)

// transferTime bounds one transfer of an artifact; a later round tries again.
const transferTime = 15 * time.Minute

// token opens the artifacts of the parent.
func (f *forwarder) token() string {
	_, joined := f.link()
	return joined.Token
}

// take gets what a workload of the parent's needs, then accepts it, or a new wish
// about it. What can never be had is refused; else a later round tries again.
func (f *forwarder) take(ctx context.Context, item api.HandoverItem) {
	var spec api.HandoverSpec
	if err := f.call(ctx, "spec", item.ID, &spec); err != nil || spec.Workload == nil || spec.ID != item.ID {
		return // the next round finds it again, if it still stands
	}
	in, refusal, err := f.prepare(ctx, &spec)
	if err != nil {
		f.cell.log.Warn("a workload of the parent is not ready to be taken yet", "handover", item.ID.String(), "error", err)
		pause(ctx, joinPause)
		return
	}
	var do engine.Input = in
	if refusal != "" {
		do = &engine.Decline{ID: item.ID, Reason: refusal}
	}
	if !f.listed(item.ID) {
		return // the parent has given it up
	}
	if _, _, err := f.cell.Do(ctx, []engine.Input{do}); err != nil && ctx.Err() == nil {
		f.cell.log.Warn("an answer to the parent is not recorded yet", "handover", item.ID.String(), "error", err)
	}
}

// prepare checks a specification as one that a user submits, and fetches its
// artifacts, so that it can run when the link is cut.
func (f *forwarder) prepare(ctx context.Context, spec *api.HandoverSpec) (in *engine.Accept, refusal string, err error) {
	w := spec.Workload
	w.Normalize()
	if faults := w.Validate(); len(faults) > 0 {
		return nil, faults[0].Path + ": " + faults[0].Message, nil
	}
	for _, d := range needs(w) {
		if refusal, err := f.fetch(ctx, d); err != nil || refusal != "" {
			return nil, refusal, err
		}
	}
	in = &engine.Accept{ID: spec.ID, Asked: spec.Asked, Workload: w, Facts: make([]engine.Fact, len(w.Tasks))}
	for i := range w.Tasks {
		if in.Facts[i], refusal = f.facts(ctx, &w.Tasks[i]); refusal != "" {
			return nil, refusal, nil
		}
	}
	return in, "", nil
}

func (f *forwarder) facts(ctx context.Context, t *api.Task) (fact engine.Fact, refusal string) {
	if t.Artifact != nil {
		fact.Program = t.Artifact.Size
		if t.Driver == api.DriverWASM {
			got, err := f.cell.Inspect(ctx, t.Artifact.Digest)
			var unknown *wasm.ImportError
			switch {
			case errors.Is(err, wasm.ErrNotModule), errors.As(err, &unknown):
				return fact, "task " + t.Name + ": " + err.Error()
			case err == nil:
				fact = got
			}
		}
	}
	for i := range t.Inputs {
		fact.Inputs += t.Inputs[i].Size
	}
	return fact, ""
}

// fetch brings an artifact from the parent's store into the child's.
func (f *forwarder) fetch(ctx context.Context, d api.Digest) (refusal string, err error) {
	if _, err := f.cell.artifacts.Stat(ctx, artifact.Digest(d)); err == nil {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, transferTime)
	defer cancel()
	resp, err := f.cell.askParent(ctx, http.MethodGet, "/v1/artifacts/"+string(d), f.token(), nil, 0)
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", d, err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return "the parent's store has no artifact " + string(d), nil
	default:
		return "", fmt.Errorf("fetch %s: the parent answers %s", d, resp.Status)
	}
	_, _, err = f.cell.artifacts.Put(ctx, resp.Body, artifact.Digest(d))
	var large *artifact.TooLargeError
	if errors.As(err, &large) {
		return "artifact " + string(d) + " is larger than that cell takes", nil
	}
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", d, err)
	}
	return "", nil
}

// push brings an output into the parent's store. One that cannot be had here any
// more, or that the parent will not take, must not keep the result back.
func (f *forwarder) push(ctx context.Context, d api.Digest) {
	if err := f.tryPush(ctx, d); err != nil {
		f.cell.log.Warn("an output is not with the parent yet", "artifact", d, "error", err)
		pause(ctx, joinPause)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.done) > maxRemembered {
		clear(f.done) // asking the parent again costs little
	}
	f.done[d] = true
}

// maxRemembered bounds how many digests are remembered as carried.
const maxRemembered = 100_000

func (f *forwarder) tryPush(ctx context.Context, d api.Digest) error {
	ctx, cancel := context.WithTimeout(ctx, transferTime)
	defer cancel()
	path := "/v1/artifacts/" + string(d)
	if resp, err := f.cell.askParent(ctx, http.MethodHead, path, f.token(), nil, 0); err == nil {
		_ = resp.Body.Close() // it has none
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	r, size, err := f.cell.artifacts.Open(ctx, artifact.Digest(d))
	if errors.Is(err, artifact.ErrNotFound) {
		f.cell.log.Error("an output is gone; its result is reported without it", "artifact", d)
		return nil
	}
	if err != nil {
		return err
	}
	resp, err := f.cell.askParent(ctx, http.MethodPut, path, f.token(), io.NopCloser(r), size)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing of it is used
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return nil
	case http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		f.cell.log.Error("the parent refuses an output; its result is reported without it", "artifact", d, "status", resp.Status)
		return nil
	}
	return fmt.Errorf("the parent answers %s", resp.Status)
}
