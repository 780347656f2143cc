package rehearse

import (
	"math"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/twin"
)

// TestGradeOfAPastThatTheTwinMade: a twin that replays its own doings errs nowhere.
func TestGradeOfAPastThatTheTwinMade(t *testing.T) {
	c := burst(t)
	late := c.Work[0]
	late.At = api.Time(500 * api.Second)
	c.Work = append(c.Work, late)
	past := &Past{Fleet: c.Fleet, Work: c.Work, Overhead: map[string]api.Duration{api.DriverNoop: 50 * api.Millisecond}}
	next := 0
	w, err := twin.New(twin.Config{
		Nodes: c.Fleet.Nodes, Startup: overheads(past.Overhead), Seed: 1, Retain: retained,
		Observe: func(e twin.Ended) { past.Ended = append(past.Ended, e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Run(func() (twin.Arrival, bool) {
		if next == len(c.Work) {
			return twin.Arrival{}, false
		}
		next++
		return c.Work[next-1], true
	}, nil); err != nil {
		t.Fatal(err)
	}
	g, err := GradePast(t.Context(), past, GradeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if g.Tasks != len(c.Work) || g.SameNode != 100 || g.SameClass != 100 || g.CompletionMAPE != 0 || g.Live != g.Mean {
		t.Errorf("the grade is %+v", g)
	}
	if g.Persistence == 0 {
		t.Error("persistence is perfect, too")
	}

	// What took twice as long is seen as an error of a half.
	for i := range past.Ended {
		e := &past.Ended[i]
		e.At = e.At.Add(e.At.Sub(e.Submitted))
	}
	if g, err = GradePast(t.Context(), past, GradeOptions{}); err != nil || math.Abs(g.CompletionMAPE-50) > 1e-6 {
		t.Errorf("%+v, %v", g, err)
	}
	if _, err := GradePast(t.Context(), &Past{}, GradeOptions{}); err == nil {
		t.Error("nothing was graded")
	}
}

func TestRowsOfAPastNameNobody(t *testing.T) {
	job := func(tenant string, tasks ...api.Task) *api.Workload {
		return &api.Workload{Name: "secret", Tenant: tenant, Tasks: tasks}
	}
	p := &Past{Work: Work{
		{At: 0, Workload: job("acme", api.Task{Name: "a", Count: 2}), Truth: []twin.Truth{{Each: []api.Duration{api.Second, 3 * api.Second}}}},
		{At: 5, Workload: job("umbrella", api.Task{Name: "a"}, api.Task{Name: "b"}), Truth: []twin.Truth{{Run: 1}, {Run: 2}}},
		{At: 9, Workload: job("acme", api.Task{Name: "a"}), Truth: []twin.Truth{{Run: 4}}},
	}}
	rows := p.Rows()
	var got []string
	for _, r := range rows {
		got = append(got, r.ID+" "+r.User)
	}
	want := []string{"j1 u1", "j2.1 u2", "j2.2 u2", "j3 u1"}
	for i := range want {
		if len(got) != len(want) || got[i] != want[i] {
			t.Fatalf("rows are %q, want %q", got, want)
		}
	}
	if rows[0].Run != 2*api.Second || rows[0].Count != 2 || rows[2].Run != 2 || rows[3].Submit != 9 {
		t.Errorf("rows are %+v", rows)
	}
}
