package api_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"drover.dev/api"
	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

func TestNormalizeFillsDefaults(t *testing.T) {
	w := service(func(w *api.Workload) { w.Replicas = 0 })
	w.Normalize()
	got, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"apiVersion":"drover/v1","kind":"service","name":"web","tenant":"default","objective":"balanced","replicas":1,` +
		`"update":{"maxSurge":1,"minHealthy":1,"progressDeadline":"2m"},"tasks":[{"name":"server","driver":"process","count":1,` +
		`"command":["httpd"],"resources":{},"requires":{},"ports":[{"name":"http","port":8080}],` +
		`"checks":[{"type":"http","port":"http","path":"/healthz","interval":"5s","timeout":"2s","failures":3}],` +
		`"restart":{"policy":"always","attempts":-1,"backoff":"1s","maxBackoff":"1m"},"grace":"5s","onLost":"replace","maxLog":"10Mi"}]}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Without a deadline of its own, an update waits for replicas that start slowly.
func TestNormalizeWaitsForSlowStarts(t *testing.T) {
	w := service(func(w *api.Workload) { w.Tasks[0].Checks[0].StartAfter = 5 * api.Minute })
	w.Normalize()
	if got := w.Update.ProgressDeadline; got != 7*api.Minute {
		t.Errorf("progressDeadline is %v", got)
	}
	if faults := w.Validate(); faults != nil {
		t.Error(faults)
	}
}

func TestNormalizeJob(t *testing.T) {
	w := dag("make", "take", "once", "never", "slow")
	w.Schedule = &api.Schedule{Cron: "@daily"}
	w.Tasks[0].Outputs = []api.Output{{Name: "x", Stdout: true}}
	w.Tasks[1].Inputs = []api.Input{{Path: "x", Task: "make", Output: "x"}, {Path: "y", Task: "make", Output: "x"}}
	w.Tasks[2].AtMostOnce = true
	w.Tasks[3].Restart = &api.Restart{Policy: api.RestartNever}
	w.Tasks[4].Restart = &api.Restart{Backoff: api.Hour}
	w.Tasks[4].Volumes = []api.Volume{{Target: "/a", Scratch: api.GiB}, {Target: "/b", Scratch: api.MiB}}
	w.Normalize()
	if want := (&api.Schedule{Cron: "@daily", Zone: "UTC", Overlap: api.OverlapSkip, Keep: 10}); !reflect.DeepEqual(w.Schedule, want) {
		t.Errorf("schedule: %+v", w.Schedule)
	}
	if got := w.Tasks[4].Resources.Storage; got != api.GiB+api.MiB {
		t.Errorf("storage for two scratch volumes: %v", got)
	}
	if take := &w.Tasks[1]; !reflect.DeepEqual(take.After, []string{"make"}) || take.Inputs[0].Each != api.EachAll {
		t.Errorf("a task that takes an output: after %v, each %q", take.After, take.Inputs[0].Each)
	}
	for i, want := range []api.Restart{
		{Policy: api.RestartOnFailure, Attempts: 2, Backoff: api.Second, MaxBackoff: api.Minute},
		{Policy: api.RestartOnFailure, Attempts: 2, Backoff: api.Second, MaxBackoff: api.Minute},
		{Policy: api.RestartNever, Backoff: api.Second, MaxBackoff: api.Minute},
		{Policy: api.RestartNever, Backoff: api.Second, MaxBackoff: api.Minute},
		{Policy: api.RestartOnFailure, Attempts: 2, Backoff: api.Hour, MaxBackoff: api.Hour},
	} {
		if got := *w.Tasks[i].Restart; got != want {
			t.Errorf("%s: got %+v, want %+v", w.Tasks[i].Name, got, want)
		}
	}
	if faults := w.Validate(); faults != nil {
		t.Error(faults)
	}
}

// After must not write into an array that another workload shares.
func TestNormalizeDoesNotShare(t *testing.T) {
	shared := make([]string, 1, 4)
	shared[0] = "a"
	one, two := dag("a", "b", "c"), dag("a", "b", "c")
	one.Tasks[2].After, one.Tasks[2].Inputs = shared, []api.Input{{Path: "x", Task: "b"}}
	two.Tasks[2].After, two.Tasks[2].Inputs = shared, []api.Input{{Path: "x", Task: "a"}, {Path: "y", Task: "c"}}
	one.Normalize()
	two.Normalize()
	if one.Tasks[2].After[1] != "b" || two.Tasks[2].After[1] != "c" {
		t.Errorf("got %v and %v", one.Tasks[2].After, two.Tasks[2].After)
	}
}

// mostly draws good values, and now and then one of the bad.
func mostly[T any](good []T, bad ...T) *rapid.Generator[T] {
	var all []T
	for len(all) < 12*len(bad) {
		all = append(all, good...)
	}
	return rapid.SampledFrom(append(append(all, good...), bad...))
}

// anyWorkload draws workloads of which a good part is valid.
func anyWorkload() *rapid.Generator[*api.Workload] {
	duration := mostly([]api.Duration{0, api.Second, api.Minute}, -api.Second, 5000*api.Day)
	small := mostly([]int32{0, 1, 2, 3}, -2)
	sometimes := rapid.SampledFrom([]bool{false, false, true})
	restart := rapid.Custom(func(t *rapid.T) *api.Restart {
		return &api.Restart{
			Policy:   mostly([]api.RestartPolicy{"", api.RestartOnFailure}, api.RestartNever, api.RestartAlways, "x").Draw(t, "policy"),
			Attempts: small.Draw(t, "attempts"), Backoff: duration.Draw(t, "backoff"), MaxBackoff: duration.Draw(t, "max"),
		}
	})
	taskOf := func(i int, kind api.Kind) *rapid.Generator[api.Task] {
		return rapid.Custom(func(t *rapid.T) api.Task {
			out := api.Task{
				Name: string(rune('a' + i)), Driver: mostly([]string{"noop"}, "wasm", "").Draw(t, "driver"),
				Resources: api.Resources{CPU: api.Milli(mostly([]int64{0, 500, 1e6}, -1, 1<<62).Draw(t, "cpu"))},
				Timeout:   duration.Draw(t, "timeout"), Grace: duration.Draw(t, "grace"),
			}
			if sometimes.Draw(t, "once") {
				out.AtMostOnce = true
			}
			if sometimes.Draw(t, "restarts") {
				out.Restart = restart.Draw(t, "restart")
			}
			if kind == api.KindJob {
				out.Count = small.Draw(t, "count")
				out.Outputs = []api.Output{{Name: "o", Stdout: true}}
				if i > 0 {
					out.Inputs = []api.Input{{Path: "i", Task: mostly([]string{"a"}, "z", "b").Draw(t, "task"), Output: "o", Each: mostly([]string{"", "all"}, "same").Draw(t, "each")}}
				}
			} else if sometimes.Draw(t, "check") {
				out.Checks = []api.Check{{Type: api.CheckExec, Command: []string{"true"}, Interval: duration.Draw(t, "interval")}}
			}
			return out
		})
	}
	return rapid.Custom(func(t *rapid.T) *api.Workload {
		kind := rapid.SampledFrom([]api.Kind{api.KindJob, api.KindService, api.KindSystem}).Draw(t, "kind")
		w := &api.Workload{
			APIVersion: api.Version, Kind: kind, Name: "w", Tenant: mostly([]string{"", "a"}, "B").Draw(t, "tenant"),
		}
		tasks := 1
		if kind == api.KindJob {
			tasks = mostly([]int{1, 2, 3}, 0).Draw(t, "tasks")
		}
		for i := range tasks {
			w.Tasks = append(w.Tasks, taskOf(i, kind).Draw(t, "task"))
		}
		if kind == api.KindService && sometimes.Draw(t, "update") {
			w.Update = &api.Update{MaxSurge: small.Draw(t, "surge"), MinHealthy: small.Draw(t, "healthy"), HealthyAfter: duration.Draw(t, "after")}
			w.Replicas = small.Draw(t, "replicas")
		}
		if kind == api.KindJob && sometimes.Draw(t, "schedule") {
			w.Schedule = &api.Schedule{Cron: mostly([]string{"@daily"}, "x", "").Draw(t, "cron"), Keep: small.Draw(t, "keep")}
		}
		return w
	})
}

func TestNormalizeProperties(t *testing.T) {
	valid := 0
	mode, err := cbor.CanonicalEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorkload().Draw(t, "workload")
		before, size := w.Validate() == nil, w.Size()
		w.Normalize()
		if after := w.Validate() == nil; after != before {
			t.Fatalf("valid before: %v, after: %v: %v", before, after, w.Validate())
		}
		once, err := mode.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		if size < len(once) || w.Size() < len(once) {
			t.Fatalf("Size says %d before and %d after Normalize; the journal takes %d", size, w.Size(), len(once))
		}
		w.Normalize()
		if twice, _ := mode.Marshal(w); string(twice) != string(once) {
			t.Fatalf("Normalize changes its own result: %+v", w)
		}
		if before {
			valid++
		}
	})
	if !testing.Short() && valid < 10 {
		t.Errorf("only %d workloads were valid", valid)
	}
}

// A workload with every field set shows that Size counts every field.
func TestSizeCountsEverything(t *testing.T) {
	w := &api.Workload{}
	fill(reflect.ValueOf(w).Elem())
	w.Normalize()
	b, err := cbor.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Size(); got < len(b) || got > len(b)*3/2 {
		t.Errorf("Size says %d; the journal takes %d", got, len(b))
	}
}

// fill sets every field to a large value and every list to three entries.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("twenty-four letters long")
	case reflect.Int32:
		v.SetInt(1 << 30)
	case reflect.Int64:
		v.SetInt(1 << 60)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range 3 {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"key": "a value of some length", "key-2": ""}))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}
