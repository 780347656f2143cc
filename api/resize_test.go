package api_test

import (
	"testing"

	"drover.dev/api"
)

func TestResizeFaults(t *testing.T) {
	sized := func(r api.Resize) *api.Workload {
		return job(func(w *api.Workload) {
			w.Resize = &r
			w.Tasks[0].Resources.CPU, w.Tasks[0].Resources.Memory = 1000, api.GiB
		})
	}
	for _, c := range []struct {
		name string
		w    *api.Workload
		path string // of the only fault; "" is none
	}{
		{"the least there is to say", sized(api.Resize{Mode: "auto"}), ""},
		{"limits", sized(api.Resize{Mode: "auto", Min: &api.Resources{CPU: 100, Memory: api.GiB}, Max: &api.Resources{CPU: 1000}}), ""},
		{"another mode", sized(api.Resize{Mode: "always"}), "resize.mode"},
		{"no mode", sized(api.Resize{}), ""},
		{"least above what is asked for", sized(api.Resize{Mode: "auto", Min: &api.Resources{CPU: 1001}}), "resize.min.cpu"},
		{"most below what is asked for", sized(api.Resize{Mode: "auto", Max: &api.Resources{Memory: api.MiB}}), "resize.max.memory"},
		{"less than nothing", sized(api.Resize{Mode: "auto", Min: &api.Resources{CPU: -1}}), "resize.min.cpu"},
		{"more than there can be", sized(api.Resize{Mode: "auto", Max: &api.Resources{Memory: api.MaxMemory + 1}}), "resize.max.memory"},
		{"what does not follow use", sized(api.Resize{Mode: "auto", Max: &api.Resources{Storage: api.GiB}}), "resize.max"},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults := c.w.Validate()
			if c.path == "" && len(faults) > 0 || c.path != "" && (len(faults) != 1 || faults[0].Path != c.path) {
				t.Errorf("the faults are %v, want one at %q", faults, c.path)
			}
			c.w.Normalize()
			if sound := c.w.Resize.Sound(c.w); sound != (c.path == "") && c.path != "resize.min.cpu" && c.path != "resize.max" {
				t.Errorf("it is sound: %v", sound)
			}
		})
	}
}

func TestResizeBounds(t *testing.T) {
	asked := &api.Resources{CPU: 1000, Memory: api.GiB}
	r := &api.Resize{Mode: "auto", Max: &api.Resources{CPU: 2000}}
	for _, c := range []struct {
		name       string
		asked      *api.Resources
		cpu        api.Milli
		memory     api.Bytes
		wantCPU    api.Milli
		wantMemory api.Bytes
	}{
		{"within", asked, 900, api.GiB / 2, 900, api.GiB / 2},
		{"too little", asked, 1, 1, 125, api.GiB / 8},
		{"too much", asked, 9000, 9 * api.GiB, 2000, 4 * api.GiB},
		{"not asked for", &api.Resources{}, 500, api.GiB, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if cpu, memory := r.Bounds(c.asked, c.cpu, c.memory); cpu != c.wantCPU || memory != c.wantMemory {
				t.Errorf("it is %d and %d, want %d and %d", cpu, memory, c.wantCPU, c.wantMemory)
			}
		})
	}
}
