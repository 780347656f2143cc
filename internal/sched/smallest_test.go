package sched_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/sched"
)

// TestNoSmallerChange: whatever single change of the listed kinds would admit a
// refused task is suggested, and of a resource the largest request that fits is.
func TestNoSmallerChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := sched.New()
		for i := range rapid.IntRange(1, 4).Draw(t, "nodes") {
			x.PutNode(drawNode(t, fmt.Sprint("n", i)))
		}
		a := askOf(drawTask(t))
		if decide(x, a).Chosen != nil {
			return
		}
		var said []string
		for _, s := range x.Suggest(a) {
			said = append(said, s.Change)
		}
		for _, c := range single {
			b, task := *a, *a.Task
			b.Task, b.Shape = &task, "changed"
			if task.Requires.Labels != nil {
				task.Requires.Labels = map[string]string{"k": "a"}
			}
			if c.change(&task); decide(x, &b).Chosen != nil && !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, c.says) }) {
				t.Fatalf("%q would admit it, said is only %q", c.says, said)
			}
		}
		for _, c := range []struct {
			says string
			want int64
			set  func(*api.Task, int64)
		}{
			{"cpu (%s)", int64(a.Task.Resources.CPU), func(t *api.Task, v int64) { t.Resources.CPU = api.Milli(v) }},
			{"memory (%s)", int64(a.Task.Resources.Memory), func(t *api.Task, v int64) { t.Resources.Memory = api.Bytes(v) }},
		} {
			for v := c.want - 1; v > 0; v-- {
				b, task := *a, *a.Task
				b.Task, b.Shape = &task, "changed"
				if c.set(&task, v); decide(x, &b).Chosen == nil {
					continue
				}
				text := fmt.Sprintf(c.says, api.Milli(v))
				if strings.HasPrefix(c.says, "memory") {
					text = fmt.Sprintf(c.says, api.Bytes(v))
				}
				if !slices.ContainsFunc(said, func(s string) bool { return strings.HasSuffix(s, text) }) {
					t.Fatalf("%q would admit it, said is only %q", text, said)
				}
				break
			}
		}
	})
}

// single are changes of a task, and how a suggestion of each begins.
var single = []struct {
	says   string
	change func(*api.Task)
}{
	{"allow layers", func(t *api.Task) { t.Requires.Layers = nil }},
	{"allow sites", func(t *api.Task) { t.Requires.Sites = nil }},
	{"allow its data at site s2", func(t *api.Task) {
		if t.Residency != nil {
			t.Residency = &api.Residency{Sites: []string{"s1", "s2"}}
		}
	}},
	{"drop the label", func(t *api.Task) { t.Requires.Labels = nil }},
	{"drop the accelerator", func(t *api.Task) { t.Resources.Accelerators = nil }},
	{"tolerate the taint", func(t *api.Task) { t.Requires.Tolerations = []api.Toleration{{Key: "t"}} }},
}
