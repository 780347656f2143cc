package rehearse

import (
	"fmt"
	"testing"

	"drover.dev/api"
)

func attempt(i int, job string) Attempt {
	return Attempt{
		At: api.Time(i) * api.Time(api.Minute), Job: job, Task: &api.Task{Name: "main", Driver: api.DriverProcess},
		Node: &api.Node{Layer: api.LayerEdge, Site: "plant"}, Home: "dc", Took: 4 * api.Second,
		Result: &api.Result{Wall: 3 * api.Second, Start: api.Second, Fetch: api.Second, BytesIn: 10e6 / 8},
	}
}

// A window fits the same as a whole journal would, in bounded space.
func TestWindow(t *testing.T) {
	var w Window
	for i := range 3000 {
		w.Note(attempt(i, fmt.Sprint("one-off-", i)))
	}
	for i := range 10 {
		w.Note(attempt(3000+i, "render"))
	}
	if len(w.Of) != windowKeys {
		t.Errorf("%d quantities are known", len(w.Of))
	}
	got := map[string]float64{}
	for _, f := range w.Clone().Fit(api.Time(3010)*api.Time(api.Minute), api.Day).Fits {
		got[f.What+" "+f.Of] = f.Median
		if f.Samples > windowValues {
			t.Errorf("%+v", f)
		}
	}
	for name, want := range map[string]float64{
		"run render/main on " + classOf(attempt(0, "").Node): 3, "start process": 1, "overhead process": 1, "link dc to plant": 10,
	} {
		if got[name] != want {
			t.Errorf("%s: %g, not %g", name, got[name], want)
		}
	}
	if len(got) != 4 { // of what ran once there is nothing to fit
		t.Errorf("there are fits of %v", got)
	}
	if c := w.Fit(api.Time(3010)*api.Time(api.Minute), 5*api.Minute); c.Samples != 5*4 {
		t.Errorf("in the last five minutes are %d values", c.Samples)
	}
}
