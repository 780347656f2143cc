package api_test

import (
	"strings"
	"testing"

	"drover.dev/api"
)

// TestResidency: each row gives tasks "name residency < inputs", and says where the
// data of each may be once defaults are written.
func TestResidency(t *testing.T) {
	for name, c := range map[string]struct {
		tasks []string
		want  string
		fault string
	}{
		"none":                         {[]string{"a - <", "b - < a"}, "- -", ""},
		"passed on":                    {[]string{"a de,fr <", "b - < a", "c - < b"}, "de,fr de,fr de,fr", ""},
		"in any order of the tasks":    {[]string{"c - < b", "b - < a", "a de,fr <"}, "de,fr de,fr de,fr", ""},
		"narrowed":                     {[]string{"a de,fr <", "b fr,it < a"}, "de,fr fr", ""},
		"of several inputs":            {[]string{"a de,fr <", "b fr,it <", "c - < a b"}, "de,fr fr,it fr", ""},
		"not by what it only waits on": {[]string{"a de <", "b it <", "c - < b"}, "de it it", ""},
		"nowhere":                      {[]string{"a de <", "b it < a"}, "de it", "tasks[1].residency.sites: leaves no site for inputs[0]: the data of task a may be at de only"},
		"nowhere, from afar":           {[]string{"a de <", "b it <", "c - < a b"}, "de it de", "tasks[2].residency.sites: leaves no site for inputs[1]: the data of task b may be at it only"},
		"no site":                      {[]string{"a , <"}, ",", `tasks[0].residency.sites[0]: "" is not a name`},
	} {
		t.Run(name, func(t *testing.T) {
			w := job()
			w.Tasks = nil
			for _, text := range c.tasks {
				head, inputs, _ := strings.Cut(text, "<")
				f := strings.Fields(head)
				task := api.Task{Name: f[0], Driver: api.DriverNoop, Outputs: []api.Output{{Name: "out", Stdout: true}}}
				if f[1] != "-" {
					task.Residency = &api.Residency{Sites: strings.Split(f[1], ",")}
				}
				for _, from := range strings.Fields(inputs) {
					task.Inputs = append(task.Inputs, api.Input{Path: from, Task: from, Output: "out"})
				}
				w.Tasks = append(w.Tasks, task)
			}
			w.Normalize()
			once := w.Size()
			w.Normalize()
			var got []string
			for i := range w.Tasks {
				text := "-"
				if r := w.Tasks[i].Residency; r != nil {
					text = strings.Join(r.Sites, ",")
				}
				got = append(got, text)
			}
			if s := strings.Join(got, " "); s != c.want || w.Size() != once {
				t.Errorf("got %s, want %s", s, c.want)
			}
			faults := w.Validate()
			if c.fault == "" && len(faults) > 0 || c.fault != "" && (len(faults) == 0 || !strings.HasPrefix(faults[0].Path+": "+faults[0].Message, c.fault)) {
				t.Errorf("faults are %v, want %q", faults, c.fault)
			}
		})
	}
}

func TestResidencyFaults(t *testing.T) {
	for want, change := range map[string]func(*api.Task){
		"residency.sites: is missing; write at least one site where the data may be": func(t *api.Task) { t.Residency = &api.Residency{} },
		"residency.sites[1]: repeats sites[0]":                                       func(t *api.Task) { t.Residency = &api.Residency{Sites: []string{"de", "de"}} },
		"residency.sites: allows none of requires.sites, it: the task could run nowhere": func(t *api.Task) {
			t.Residency, t.Requires.Sites = &api.Residency{Sites: []string{"de"}}, []string{"it"}
		},
	} {
		w := job(task(change))
		w.Normalize()
		if faults := w.Validate(); len(faults) != 1 || faults[0].Path+": "+faults[0].Message != "tasks[0]."+want {
			t.Errorf("faults are %v, want %q", faults, want)
		}
	}
}
