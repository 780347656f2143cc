package main

import (
	"context"
	"fmt"
	"time"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
)

// explained is what is said of a task, with what the twin expects of its job.
type explained struct {
	api.Explanation
	Twin *expected `json:"twin,omitempty"` // with --twin
}

// expected is when a job's first element begins to run and its last one ends, over worlds
// that go on from the cell as it stands.
type expected struct {
	Seeds    int               `json:"seeds"`
	Arrivals rehearse.Arrivals `json:"arrivals"`
	From     api.Time          `json:"from"`            // when the worlds begin
	Began    api.Time          `json:"began,omitempty"` // it has begun already: there is no start
	Start    rehearse.Moments  `json:"start"`
	End      rehearse.Moments  `json:"end"`
}

// expect asks the twin when a job of the cell will start and end.
func (a *app) expect(ctx context.Context, o *foresight, told []api.Explanation) (*expected, error) {
	if len(told) == 0 {
		return nil, nil
	}
	s, err := a.stand(ctx, o)
	if err != nil {
		return nil, err
	}
	q := rehearse.Waiting{
		State: s.State, Now: s.Now, Jobs: []uint64{told[0].Task.Workload}, Besides: rehearse.BesidesOf(s.Startup), Came: s.Came,
		Seeds: s.Seeds, Horizon: s.Horizon, Workers: s.Workers,
	}
	rehearse.AlikeIn(q.State).Inform(q.State)
	bar := report.NewProgress(a.err, a.terminal, a.style(), "worlds", int64(q.Seeds), time.Now)
	q.Done = func(n int) { bar.Set(int64(n)) }
	got, err := rehearse.Await(ctx, q)
	bar.Done("")
	if err != nil {
		return nil, err
	}
	if len(got) == 0 {
		return nil, usageError{errText("the twin tells of jobs that have not ended, and %s is none", told[0].Task.Name), "leave --twin out"}
	}
	return &expected{
		Seeds: q.Seeds, Arrivals: rehearse.ArrivalsLike(q.Came), From: q.Now, Began: got[0].Began,
		Start: rehearse.Moments(got[0].Start), End: rehearse.Moments(got[0].End),
	}, nil
}

// tellExpected tells of the whole job.
func (a *app) tellExpected(x *expected) error {
	fmt.Fprintln(a.out)
	a.say("In %d worlds that go on from here:", x.Seeds)
	starts := "it has begun"
	if x.Began == 0 {
		starts = span(x.Start, x.From, x.Seeds, x.Seeds)
	}
	return report.Pairs(a.out, a.style(), []report.Pair{
		{Key: "Starts", Value: starts},
		{Key: "Ends", Value: span(x.End, x.From, x.Seeds, x.Seeds)},
		{Key: "Others come", Value: arrivalsText(&x.Arrivals)},
	})
}
