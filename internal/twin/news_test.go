package twin

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// A cell hears news at its times, what was before it began at once; and a world ends when
// nothing but news is left.
func TestNews(t *testing.T) {
	start := api.Time(1_700_006_400e9)
	var list []News
	for h := -2; h <= 50; h++ {
		at := start.Add(api.Duration(h) * api.Hour)
		list = append(list, News{At: at, Input: &engine.PutSignal{Signal: api.Signal{
			Kind: api.SignalCarbon, Zone: "DE", Start: at, Step: api.Hour, Values: []int64{int64(100 + h)}, Known: 1, Origin: "test",
		}}})
	}
	job := func(name string, cpu api.Milli, at api.Time) Arrival {
		w := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: name, Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Resources: api.Resources{CPU: cpu}}}}
		w.Normalize()
		return Arrival{At: at, Workload: w, Truth: []Truth{{Run: 3 * api.Hour}}}
	}
	w, err := New(Config{Start: start, Nodes: fleet(t, "1x4,16Gi"), News: Recorded(list), Check: true})
	if err != nil {
		t.Fatal(err)
	}
	known := func() int64 {
		s := w.State().Signals["carbon/DE"]
		return s.Values[len(s.Values)-1]
	}
	if got := known(); got != 100 {
		t.Errorf("when it begins %d is known, which was said at its first moment", got)
	}
	arrivals := []Arrival{job("fits", 1000, start.Add(api.Hour)), job("never", 99_000, start.Add(2*api.Hour))}
	got, err := w.Run(func() (a Arrival, ok bool) {
		if len(arrivals) == 0 {
			return a, false
		}
		a, arrivals = arrivals[0], arrivals[1:]
		return a, true
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Unfinished != 1 || got.Workloads != 1 {
		t.Errorf("%+v", got)
	}
	ended := w.State().Now
	if want := 100 + int64(ended.Sub(start)/api.Hour); known() != want || ended > start.Add(2*api.Day) {
		t.Errorf("it ended at %s and knows %d, which was not said then", ended, known())
	}
}
