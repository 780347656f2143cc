package api_test

import (
	"testing"

	"drover.dev/api"
)

func TestScaleFaults(t *testing.T) {
	scaled := func(replicas int32, s api.Scale) *api.Workload {
		return service(func(w *api.Workload) {
			w.Replicas, w.Scale = replicas, &s
			w.Tasks[0].Resources.CPU = 500
		})
	}
	for _, c := range []struct {
		name string
		w    *api.Workload
		path string // of the only fault; "" is none
	}{
		{"the least there is to say", scaled(0, api.Scale{Max: 5}), ""},
		{"everything", scaled(3, api.Scale{Min: 2, Max: 5, Target: 1000, Quantile: 500, Cooldown: 30 * api.Minute}), ""},
		{"no most", scaled(1, api.Scale{Min: 2}), "scale.max"},
		{"a negative most", scaled(0, api.Scale{Max: -1}), "scale.max"},
		{"too many", scaled(0, api.Scale{Max: api.MaxArray + 1}), "scale.max"},
		{"most below least", scaled(0, api.Scale{Min: 3, Max: 2}), "scale.max"},
		{"a negative least", scaled(0, api.Scale{Min: -1, Max: 2}), "scale.min"},
		{"target above all of it", scaled(0, api.Scale{Max: 2, Target: 1001}), "scale.target"},
		{"target in percent", scaled(0, api.Scale{Max: 2, Target: 70_000}), "scale.target"},
		{"quantile below the median", scaled(0, api.Scale{Max: 2, Quantile: 499}), "scale.quantile"},
		{"certainty", scaled(0, api.Scale{Max: 2, Quantile: 1000}), "scale.quantile"},
		{"a hasty cool-down", scaled(0, api.Scale{Max: 2, Cooldown: api.Second}), "scale.cooldown"},
		{"a cool-down beyond what is foreseen", scaled(0, api.Scale{Max: 2, Cooldown: api.Hour}), "scale.cooldown"},
		{"a beginning above the most", scaled(3, api.Scale{Max: 2}), "replicas"},
		{"a beginning below the least", scaled(1, api.Scale{Min: 2, Max: 3}), "replicas"},
		{"no request to count by", service(func(w *api.Workload) { w.Scale = &api.Scale{Max: 5} }), "tasks[0].resources.cpu"},
		{"a job", job(func(w *api.Workload) { w.Scale = &api.Scale{Max: 5} }), "scale"},
		{"fewer healthy than the least", service(func(w *api.Workload) {
			w.Replicas, w.Scale, w.Update = 0, &api.Scale{Min: 3, Max: 5}, &api.Update{MinHealthy: 3}
			w.Tasks[0].Resources.CPU = 500
		}), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults := c.w.Validate()
			c.w.Normalize()
			after := c.w.Validate()
			for _, list := range [][]api.FieldError{faults, after} {
				if c.path == "" && len(list) > 0 || c.path != "" && (len(list) != 1 || list[0].Path != c.path) {
					t.Errorf("the faults are %v, want one at %q", list, c.path)
				}
			}
			if s := c.w.Scale; c.path == "" && !s.Sound() {
				t.Errorf("%+v is not sound", s)
			}
		})
	}
}

func TestScaleDefaults(t *testing.T) {
	w := service(func(w *api.Workload) { w.Replicas, w.Scale = 0, &api.Scale{Min: 2, Max: 5} })
	w.Normalize()
	if want := (api.Scale{Min: 2, Max: 5, Target: 700, Quantile: 900, Cooldown: 5 * api.Minute}); *w.Scale != want || w.Replicas != 2 {
		t.Errorf("%d replicas and %+v, want 2 and %+v", w.Replicas, *w.Scale, want)
	}
}
