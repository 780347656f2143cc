package respond

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
)

// why is the reason that people are told of what stands still.
const why = "the grid asks for less power"

// batch is what is held still of one workload, as one request takes it.
type batch struct {
	workload string
	elements []api.Elements
	tasks    int
}

// batches are tasks by workload, elements that follow each other together.
func batches(tasks []Task) (out []batch) {
	list := slices.Clone(tasks)
	slices.SortFunc(list, func(a, b Task) int { return compareRefs(a.TaskRef, b.TaskRef) })
	for i, t := range list {
		name := fmt.Sprintf("~%d", t.Workload)
		same := i > 0 && list[i-1].Workload == t.Workload
		if same && list[i-1].TaskRef.Task == t.TaskRef.Task && list[i-1].Index+1 == t.Index {
			last := &out[len(out)-1]
			last.elements[len(last.elements)-1].Count++
			last.tasks++
			continue
		}
		if !same || len(out[len(out)-1].elements) == api.MaxElements {
			out = append(out, batch{workload: name})
		}
		last := &out[len(out)-1]
		last.elements = append(last.elements, api.Elements{Task: t.Task, From: t.Index, Count: 1})
		last.tasks++
	}
	return out
}

func compareRefs(a, b api.TaskRef) int {
	for _, d := range [...]int64{int64(a.Workload) - int64(b.Workload), int64(a.Task) - int64(b.Task), int64(a.Index) - int64(b.Index)} {
		if d != 0 {
			return int(max(min(d, 1), -1))
		}
	}
	return 0
}

// suspend has tasks stand still for a time, and returns those that do. What has ended
// meanwhile, or cannot stand still any more, is told and left as it is.
func suspend(ctx context.Context, c Cell, list []batch, lasts api.Duration, tell func(string)) (still []batch, missed int, err error) {
	for len(list) > 0 {
		b := list[0]
		list = list[1:]
		r := api.SuspendRequest{Elements: b.elements, For: max(lasts, api.MinSuspension), Reason: why, Operator: true}
		_, err := c.Suspend(ctx, b.workload, r)
		switch parts := b.halves(); {
		case err == nil:
			still = append(still, b)
		case ctx.Err() != nil:
			return still, missed, fmt.Errorf("hold workload %s still: %w", b.workload, err)
		case refused(err) && len(parts) > 0: // for the sake of one of them
			list = append(parts, list...)
		default:
			missed += b.tasks
			if tell != nil {
				tell(fmt.Sprintf("%d tasks of workload %s go on: %v", b.tasks, b.workload, err))
			}
		}
	}
	return still, missed, nil
}

// refused reports whether a server answered that a request cannot be followed as it is.
func refused(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && (e.Status == http.StatusConflict || e.Status == http.StatusNotFound)
}

// halves are two parts of a batch; none of a single task.
func (b batch) halves() []batch {
	if b.tasks < 2 {
		return nil
	}
	one, two := batch{workload: b.workload}, batch{workload: b.workload}
	for _, l := range b.elements {
		n := min(int(l.Count), b.tasks/2-one.tasks)
		if n > 0 {
			one.elements = append(one.elements, api.Elements{Task: l.Task, From: l.From, Count: uint32(n)})
			one.tasks += n
		}
		if rest := int(l.Count) - n; rest > 0 {
			two.elements = append(two.elements, api.Elements{Task: l.Task, From: l.From + uint32(n), Count: uint32(rest)})
			two.tasks += rest
		}
	}
	return []batch{one, two}
}

// resume lets tasks go on, also when ctx has ended. That one cannot be reached is no
// error: it goes on by itself when the event is over.
func resume(ctx context.Context, c Cell, list []batch) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second+time.Duration(len(list))*100*time.Millisecond)
	defer cancel()
	for _, b := range list {
		_, _ = c.Resume(ctx, b.workload, api.ResumeRequest{Elements: b.elements, Operator: true})
	}
}
