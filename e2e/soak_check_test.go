//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"drover.dev/api"
)

// check compares what a finished job came to with what is right.
func (w *work) check(ctx context.Context, e *errand, v *api.WorkloadView) {
	name := e.spec.Name
	w.mu.Lock()
	id := w.accepted[e.at][name]
	w.mu.Unlock()
	if v.Status != api.WorkloadSucceeded.String() || v.ID != id {
		w.s.violated("%s ended %s (%s) as number %d; %d was answered\n%s", name, v.Status, v.Reason, v.ID, id, w.stuck(e.at, []string{name}))
		return
	}
	got := map[string]string{}
	for r, err := range w.s.clients[e.at].Results(ctx, name, "") {
		if err != nil {
			w.s.violated("the results of %s: %v", name, err)
			return
		}
		text, err := w.output(ctx, e, &r)
		if err != nil || r.Outcome != api.OutcomeSucceeded {
			w.s.violated("%s: %+v, %v", name, r, err)
		}
		got[fmt.Sprintf("%s/%d", r.Task, r.Index)] = text
	}
	for at, want := range e.want {
		if text, ok := got[at]; !ok || text != want {
			w.s.violated("%s: the output of %s is %.60q (there: %v), want %.60q", name, at, text, ok, want)
		}
	}
	again := w.runs(e)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checked++
	w.ran += len(got)
	w.took = append(w.took, time.Duration(v.Finished-v.Submitted))
	if e.once {
		w.onceAgain += again
	} else {
		w.again += again
	}
}

func (w *work) output(ctx context.Context, e *errand, r *api.TaskResult) (string, error) {
	if len(e.want) == 0 {
		return "", nil
	}
	if len(r.Outputs) != 1 {
		return "", fmt.Errorf("%d outputs, want one", len(r.Outputs))
	}
	if r.Outputs[0].Digest == "" {
		return string(r.Outputs[0].Inline), nil
	}
	var b bytes.Buffer
	err := w.s.clients[e.at].Download(ctx, r.Outputs[0].Digest, &b)
	return b.String(), err
}

// runs counts by their side effects how often elements were run once more. An
// attempt runs once; attempts of a task with atMostOnce never overlap.
func (w *work) runs(e *errand) (again int) {
	for i := range e.spec.Tasks {
		t := &e.spec.Tasks[i]
		if t.Env["SIDE"] == "" {
			continue
		}
		for index := range max(1, t.Count) {
			path := fmt.Sprintf("%s.%s.%d", t.Env["SIDE"], t.Name, index)
			b, err := os.ReadFile(path)
			if err != nil {
				w.s.violated("%s succeeded and left no side effect: %v", e.spec.Name, err)
				continue
			}
			lines := strings.Fields(string(b))
			seen := map[string]bool{}
			for j, attempt := range lines {
				follows := j > 0 && lines[j-1] == attempt
				if seen[attempt] && !(e.once && follows) {
					w.s.violated("%s: %s: an attempt ran twice, or two at the same time: %v", e.spec.Name, filepath.Base(path), lines)
					break
				}
				seen[attempt] = true
			}
			again += len(seen) - 1
		}
	}
	return again
}
