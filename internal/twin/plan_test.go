package twin

import (
	"reflect"
	"testing"

	"drover.dev/internal/engine"
)

// Under every planner all work ends although nodes die, and a world that is run
// again comes out the same.
func TestPlanners(t *testing.T) {
	for _, name := range []string{"min-cost-assignment", "min-total-completion", "dynamic"} {
		t.Run(name, func(t *testing.T) {
			play := func() Result {
				cfg := failing(3)
				cfg.Nodes = fleet(t, "6x4,16Gi+2x8,16Gi")
				cfg.Settings = []engine.Input{&engine.PutSettings{Strategy: name}}
				w, err := New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				got, err := w.Run(mixed(60, 3), nil)
				if err != nil {
					t.Fatal(err)
				}
				if p := w.State().Planning; p == nil || p.N < 10 {
					t.Errorf("few plans were made: %+v", p)
				}
				return got
			}
			a, b := play(), play()
			if a.Workloads != 60 || a.Unfinished != 0 || a.Refused != 0 {
				t.Errorf("%+v", a)
			}
			if !reflect.DeepEqual(a, b) {
				t.Errorf("the second time\n%+v, the first\n%+v", b, a)
			}
		})
	}
}
