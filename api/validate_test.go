package api_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"drover.dev/api"
)

// job returns a valid job of one task.
func job(change ...func(*api.Workload)) *api.Workload {
	w := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "render",
		Tasks: []api.Task{{
			Name: "tile", Driver: api.DriverWASM, Artifact: &api.Source{File: "tile.wasm"},
			Resources: api.Resources{CPU: 500, Memory: 64 * api.MiB},
		}},
	}
	for _, f := range change {
		f(w)
	}
	return w
}

// service returns a valid service.
func service(change ...func(*api.Workload)) *api.Workload {
	w := &api.Workload{
		APIVersion: api.Version, Kind: api.KindService, Name: "web", Replicas: 3,
		Tasks: []api.Task{{
			Name: "server", Driver: api.DriverProcess, Command: []string{"httpd"},
			Ports:  []api.Port{{Name: "http", Port: 8080}},
			Checks: []api.Check{{Type: api.CheckHTTP, Port: "http", Path: "/healthz"}},
		}},
	}
	for _, f := range change {
		f(w)
	}
	return w
}

// dag returns a job with a task for each "name: needs needs".
func dag(lines ...string) *api.Workload {
	w := job()
	w.Tasks = nil
	for _, l := range lines {
		name, needs, _ := strings.Cut(l, ":")
		w.Tasks = append(w.Tasks, api.Task{Name: name, Driver: api.DriverNoop, After: strings.Fields(needs)})
	}
	return w
}

// task changes the first task.
func task(f func(*api.Task)) func(*api.Workload) {
	return func(w *api.Workload) { f(&w.Tasks[0]) }
}

type fault struct {
	name string
	w    *api.Workload
	want []string // "path: message"
}

var digest = api.Digest("sha256:" + strings.Repeat("ab", 32))

var faults = []fault{
	{"nothing", &api.Workload{}, []string{
		"apiVersion: is missing; write drover/v1",
		"kind: is missing; choose one of job, service, system",
		"name: is missing; write a name of small letters, digits and -",
		"tasks: is missing; a workload has at least one task",
	}},
	{"other version", job(func(w *api.Workload) { w.APIVersion = "drover/v9" }), []string{
		`apiVersion: "drover/v9" is not known to this version of Drover; write drover/v1`,
	}},
	{"unknown kind", job(func(w *api.Workload) { w.Kind = "Job" }), []string{`kind: "Job" is not known; did you mean job?`}},
	{"site", job(func(w *api.Workload) { w.Kind = api.KindSite }), []string{`kind: a site is not a workload; choose one of job, service, system`}},
	{"names", job(func(w *api.Workload) { w.Name, w.Tenant, w.Tasks[0].Name = "My_Job", "-", strings.Repeat("x", 64) }), []string{
		`name: "My_Job" is not a name: 1 to 63 small letters, digits and -, neither first nor last; did you mean my-job?`,
		`tenant: "-" is not a name: 1 to 63 small letters, digits and -, neither first nor last`,
		`tasks[0].name: "` + strings.Repeat("x", 64) + `" is not a name: 1 to 63 small letters, digits and -, neither first nor last`,
	}},
	{"labels", job(func(w *api.Workload) { w.Labels = map[string]string{"team": "a", "a b": "c", "-": "d", "x": "\x00"} }), []string{
		`labels.-: a label's key has 1 to 128 letters, digits, and - _ . / inside`,
		`labels["a b"]: a label's key has 1 to 128 letters, digits, and - _ . / inside`,
		`labels.x: a value has at most 128 bytes and no control characters`,
	}},
	{"numbers", job(func(w *api.Workload) { w.Priority, w.Deadline, w.Latency = 2000, -5*api.Second, 20*365*api.Day }), []string{
		"priority: 2000 is above the limit of 1000",
		"deadline: -5s is negative",
		"latency: 7300d is above the limit of 3653d",
	}},
	{"strategy", job(func(w *api.Workload) { w.Strategy, w.Objective = "Best Fit", "carbn" }), []string{
		`strategy: "Best Fit" is not a name: 1 to 63 small letters, digits and -, neither first nor last; did you mean best-fit?`,
		`objective: "carbn" is not known; did you mean carbon?`,
	}},
	{"fields of a service", job(func(w *api.Workload) {
		w.Replicas, w.Update = 2, &api.Update{}
		w.Tasks[0].Checks = []api.Check{{Type: api.CheckExec, Command: []string{"true"}}}
		w.Tasks[0].Restart = &api.Restart{Policy: api.RestartAlways}
	}), []string{
		"replicas: does not fit: only a service has replicas; an array has tasks[].count",
		"update: does not fit: only a service is updated in place",
		"tasks[0].checks: does not fit: a job is judged by its exit code; checks are for services and systems",
		"tasks[0].restart.policy: a job that is always restarted never ends; write onFailure",
	}},
	{"fields of a job", service(func(w *api.Workload) {
		w.Schedule, w.Gang, w.Deadline = &api.Schedule{Cron: "@daily"}, true, api.Hour
		t := &w.Tasks[0]
		t.Count, t.After, t.Outputs, t.Duration = 4, []string{"other"}, []api.Output{{Name: "log", Stdout: true}}, api.Second
		t.Inputs = []api.Input{{Path: "a", Task: "other", Output: "log"}}
		w.Tasks = append(w.Tasks, api.Task{Name: "other", Driver: api.DriverNoop, Outputs: []api.Output{{Name: "log", Stdout: true}}})
	}), []string{
		"schedule: does not fit: only a job runs at set times",
		"gang: does not fit: only the tasks of a job are a gang",
		"deadline: does not fit: a service does not end",
		"tasks: a service has exactly one task; this one has 2",
		"tasks[0].count: does not fit: only a job has arrays; a service has replicas",
		"tasks[0].after: does not fit: a service waits for no other task",
		"tasks[0].outputs: does not fit: a service does not end, and outputs are taken at the end",
		"tasks[0].duration: does not fit: a service does not end",
		"tasks[0].inputs[0]: does not fit: a service has one task and cannot wait for another's output",
	}},
	{"fields of a service on a system", service(func(w *api.Workload) { w.Kind, w.Update = api.KindSystem, &api.Update{} }), []string{
		"replicas: does not fit: a system runs once on every node that fits",
		"update: does not fit: only a service is updated in steps",
	}},
	{"update that cannot progress", service(func(w *api.Workload) {
		w.Update = &api.Update{MaxSurge: 1, MinHealthy: 4, HealthyAfter: api.Hour}
	}), []string{
		"update.minHealthy: 4 can never be healthy with 3 replicas; write at most 3",
		"update.healthyAfter: 1h is not below progressDeadline, 2m: every update would roll back",
	}},
	{"update shorter than a start", service(func(w *api.Workload) {
		w.Tasks[0].Checks[0].StartAfter = 5 * api.Minute
		w.Update = &api.Update{ProgressDeadline: 5 * api.Minute}
	}), []string{
		"update.progressDeadline: 5m is not above 5m, the longest startAfter of a check: a replica that starts slowly would roll every update back",
	}},
	{"schedule", job(func(w *api.Workload) {
		w.Schedule = &api.Schedule{Cron: "61 * * * *", Zone: "Europe/Berln", Overlap: "skp", Keep: -1}
	}), []string{
		`schedule.cron: minute: "61" is not a number from 0 to 59`,
		`schedule.zone: "Europe/Berln" is not a time zone; write an IANA name such as Europe/Berlin, or UTC`,
		`schedule.overlap: "skp" is not known; did you mean skip?`,
		`schedule.keep: -1 is negative`,
	}},
	{"never", job(func(w *api.Workload) { w.Schedule = &api.Schedule{Cron: "0 0 30 2 *"} }), []string{
		`schedule.cron: "0 0 30 2 *" never matches: none of its months has such a day`,
	}},
	{"large array", job(task(func(t *api.Task) { t.Count = 10_000_000 })), []string{"tasks[0].count: 10000000 is above the limit of 100000"}},
	{"many elements", func() *api.Workload {
		w := dag("a", "b")
		w.Tasks[0].Count, w.Tasks[1].Count = 60_000, 60_000
		return w
	}(), []string{"tasks: have 120000 elements together; the limit is 100000"}},
	{"many tasks", func() *api.Workload { w := job(); w.Tasks = make([]api.Task, 1001); return w }(), []string{
		"tasks: has 1001 entries; the limit is 1000",
	}},
	{"large spec", job(task(func(t *api.Task) { t.Args = slices.Repeat([]string{strings.Repeat("x", 30_000)}, 8) })), []string{
		"takes 240", // … bytes
	}},
	{"duplicate and unknown tasks", dag("build", "test: build bild", "test: build build", "deploy: xyz"), []string{
		`tasks[2].name: "test" is already the name of tasks[1]`,
		`tasks[1].after[1]: "bild" is not a task of this workload; did you mean build?`,
		`tasks[2].after[1]: repeats after[0]`,
		`tasks[3].after[0]: "xyz" is not a task of this workload; there are build, test, test, deploy`,
	}},
	{"cycle", dag("a: b", "b: a"), []string{"tasks[1].after: waits in a cycle: a → b → a"}},
	{"cycle of one", dag("a: a"), []string{"tasks[0].after: waits in a cycle: a → a"}},
	{"two cycles beside a diamond", dag("a", "b: a", "c: a", "d: b c", "x: y", "y: z", "z: x", "p: q d", "q: p"), []string{
		"tasks[6].after: waits in a cycle: x → y → z → x",
		"tasks[8].after: waits in a cycle: p → q → p",
	}},
	{"cycle through an input", func() *api.Workload {
		w := dag("a: b", "b")
		w.Tasks[0].Outputs = []api.Output{{Name: "x", Stdout: true}}
		w.Tasks[1].Inputs = []api.Input{{Path: "x", Task: "a", Output: "x"}}
		return w
	}(), []string{"tasks[1].inputs: waits in a cycle: a → b → a"}},
	{"programs", func() *api.Workload {
		w := dag("a", "b", "c", "d", "e", "f")
		w.Tasks[0].Driver = ""
		w.Tasks[1].Driver, w.Tasks[1].Command = api.DriverWASM, []string{"x"}
		w.Tasks[2].Driver = api.DriverProcess
		w.Tasks[3].Driver, w.Tasks[3].Command, w.Tasks[3].Artifact = api.DriverProcess, []string{"x"}, &api.Source{File: "x", Digest: digest}
		w.Tasks[4].Command, w.Tasks[4].Artifact = []string{"x"}, &api.Source{}
		w.Tasks[5].Driver, w.Tasks[5].Command = "kubernetes", []string{"", "a\x00"}
		return w
	}(), []string{
		"tasks[0].driver: is missing; choose one of wasm, process",
		"tasks[1].artifact: is missing; the wasm driver runs a module: write file or digest",
		"tasks[1].command: does not fit: the wasm driver runs the artifact; arguments go into args",
		"tasks[2].command: is missing; the process driver runs a command or an artifact",
		"tasks[3].command: does not fit: there is an artifact to run; arguments go into args",
		"tasks[3].artifact: names bytes twice; write either file or digest",
		"tasks[4].artifact: does not fit: the noop driver runs nothing",
		"tasks[4].command: does not fit: the noop driver runs nothing",
		"tasks[4].artifact: names no bytes; write file or digest",
		"tasks[5].command[0]: is empty; it is the program to run",
		"tasks[5].command[1]: holds a zero byte",
	}},
	{"sources", func() *api.Workload {
		w := dag("a", "b", "c", "d")
		for i, s := range []api.Source{{File: "/etc/passwd"}, {File: "../x"}, {Digest: "sha256:12"}, {File: "./a/../x", Size: -1}} {
			w.Tasks[i].Driver, w.Tasks[i].Artifact = api.DriverWASM, &s
		}
		return w
	}(), []string{
		`tasks[0].artifact.file: "/etc/passwd" is absolute; write it relative to the manifest's directory`,
		`tasks[1].artifact.file: "../x" leaves the manifest's directory; write it without ".."`,
		`tasks[2].artifact.digest: "sha256:12" is not a digest; write sha256: and 64 hexadecimal digits in small letters`,
		`tasks[3].artifact.file: "a/../x" leaves the manifest's directory; write it without ".."`,
		`tasks[3].artifact.size: -1 is negative`,
	}},
	{"environment", job(task(func(t *api.Task) {
		t.Env = map[string]string{"1X": "", "A": "\x00", "B-C": "", "DROVER_INDEX": "1", "TOKEN": "x"}
		t.Secrets = []api.Secret{
			{Ref: "db", Env: "TOKEN"},
			{Ref: "db"},
			{Ref: "", Env: "E", File: "f"},
			{Ref: "db", File: "/secrets/x"},
			{Ref: "db", File: "key"},
			{Ref: "other", File: "key"},
			{Ref: "db", Env: "DROVER_X"},
		}
	})), []string{
		"tasks[0].env.1X: is not the name of a variable: letters, digits and _, not a digit first",
		"tasks[0].env.A: holds a zero byte",
		"tasks[0].env.B-C: is not the name of a variable: letters, digits and _, not a digit first",
		"tasks[0].env.DROVER_INDEX: names beginning with DROVER_ are set by Drover",
		`tasks[0].secrets[0].env: "TOKEN" is also set by env`,
		"tasks[0].secrets[1]: needs exactly one of env and file",
		"tasks[0].secrets[2].ref: is empty",
		"tasks[0].secrets[2]: needs exactly one of env and file",
		`tasks[0].secrets[3].file: "/secrets/x" is absolute; write it relative to /secrets`,
		"tasks[0].secrets[5]: has the same target as secrets[4]",
		"tasks[0].secrets[6].env: names beginning with DROVER_ are set by Drover",
	}},
	{"resources", job(task(func(t *api.Task) {
		t.Resources = api.Resources{CPU: -1, Memory: 2 << 50, Bandwidth: 2e15, Accelerators: []api.Accelerator{
			{Kind: "gpu", Count: 500},
			{Kind: "gpu", Count: 2500, Models: []string{"a100"}},
			{Kind: "gpu", Count: 1000},
			{Count: 0},
			{Kind: "QPU", Count: 2_000_000, Models: []string{"", "x", "x"}},
		}}
	})), []string{
		"tasks[0].resources.cpu: -1m is negative",
		"tasks[0].resources.memory: 2Pi is above the limit of 1Pi",
		"tasks[0].resources.bandwidth: 2000Tbit is above the limit of 1000Tbit",
		"tasks[0].resources.accelerators[1].count: 2.5 is neither a share of one device nor a whole number; write 2 or 3",
		"tasks[0].resources.accelerators[2]: names the same devices as accelerators[0]; add up their counts",
		"tasks[0].resources.accelerators[3].kind: is missing; write for example gpu",
		"tasks[0].resources.accelerators[3].count: is 0; write a share such as 0.5, or a whole number",
		`tasks[0].resources.accelerators[4].kind: "QPU" is not a name: 1 to 63 small letters, digits and -, neither first nor last; did you mean qpu?`,
		`tasks[0].resources.accelerators[4].models[0]: "" is not a model: 1 to 128 bytes without control characters`,
		"tasks[0].resources.accelerators[4].models[2]: repeats models[1]",
		"tasks[0].resources.accelerators[4].count: 2000 is above the limit of 1000",
	}},
	{"requirements", job(task(func(t *api.Task) {
		t.Requires = api.Requirements{
			Layers: []api.Layer{"egde", "cloud", "cloud"}, Sites: []string{"Berlin"}, Labels: map[string]string{"": "x"},
			Affinity: []api.Expression{
				{Key: "zone", Op: api.OpIn},
				{Key: "a b", Op: "eq", Values: []string{"x"}},
				{Op: api.OpExists, Values: []string{"x"}},
				{Key: "cores", Op: api.OpAbove, Values: []string{"many"}},
				{Key: "cores"},
			},
			AntiAffinity: []api.Expression{{Key: "cores", Op: api.OpBelow, Values: []string{"1", "2"}}},
			Tolerations:  []api.Toleration{{Effect: "noschedule"}, {Key: "gpu"}, {Key: "gpu"}},
		}
	})), []string{
		`tasks[0].requires.layers[0]: "egde" is not a layer; did you mean edge?`,
		"tasks[0].requires.layers[2]: repeats layers[1]",
		`tasks[0].requires.sites[0]: "Berlin" is not a name: 1 to 63 small letters, digits and -, neither first nor last; did you mean berlin?`,
		`tasks[0].requires.labels: a label's key has 1 to 128 letters, digits, and - _ . / inside`,
		"tasks[0].requires.affinity[0].values: is missing; in compares with at least one value",
		`tasks[0].requires.affinity[1].key: "a b" does not fit: a label's key has 1 to 128 letters, digits, and - _ . / inside`,
		`tasks[0].requires.affinity[1].op: "eq" is not known; choose one of in, notIn, exists, absent, above, below`,
		"tasks[0].requires.affinity[2].key: is missing; write the key of a label",
		"tasks[0].requires.affinity[2].values: does not fit: exists compares with no value",
		`tasks[0].requires.affinity[3].values[0]: "many" is not a whole number`,
		"tasks[0].requires.affinity[4].op: is missing; write for example in",
		"tasks[0].requires.antiAffinity[0].values: has 2 entries; below compares with exactly one",
		"tasks[0].requires.tolerations[0].key: is missing; write the key of a label",
		`tasks[0].requires.tolerations[0].effect: "noschedule" is not known; did you mean noSchedule?`,
		"tasks[0].requires.tolerations[2]: repeats tolerations[1]",
	}},
	{"a gang's place without a gang", func() *api.Workload {
		w := job(task(func(*api.Task) {}))
		w.GangWithin = "a b"
		return w
	}(), []string{
		"gangWithin: does not fit: only the elements of a gang share a place; write gang: true",
		`gangWithin: "a b" does not fit: a label's key has 1 to 128 letters, digits, and - _ . / inside`,
	}},
	{"relations", job(task(func(t *api.Task) {
		t.Requires = api.Requirements{
			Near:   []api.Relation{{Workload: "Db"}, {Workload: "db", Labels: map[string]string{"a": "b"}, Within: "a b"}},
			Apart:  make([]api.Relation, api.MaxRelations+1),
			Spread: []api.Spread{{Over: "zone", Skew: -1}, {Labels: map[string]string{"a b": ""}}},
		}
	})), []string{
		`tasks[0].requires.near[0].workload: "Db" is not a name: 1 to 63 small letters, digits and -, neither first nor last; did you mean db?`,
		"tasks[0].requires.near[1].labels: does not fit: name a workload or labels, not both",
		`tasks[0].requires.near[1].within: "a b" does not fit: a label's key has 1 to 128 letters, digits, and - _ . / inside`,
		"tasks[0].requires.apart: has 9 entries; the limit is 8",
		"tasks[0].requires.spread[0].skew: -1 is below the least possible value, 1",
		`tasks[0].requires.spread[1].labels["a b"]: a label's key has 1 to 128 letters, digits, and - _ . / inside`,
	}},
	{"inputs and outputs", func() *api.Workload {
		w := dag("make", "take")
		w.Tasks[0].Count = 3
		w.Tasks[0].Outputs = []api.Output{
			{Name: "image", Path: "out/tile.png"},
			{Name: "image", Path: "../x"},
			{Name: "Log", Stdout: true, Path: "x"},
			{Name: "none"},
			{Name: "dir", Path: ".", Expect: -1},
			{Name: "same", Path: "out/tile.png"},
		}
		w.Tasks[1].Inputs = []api.Input{
			{Path: "a", Task: "make", Output: "imgae"},
			{Path: "a", Task: "mkae", Output: "image"},
			{Path: "/b", Source: api.Source{Digest: digest}},
			{Path: "c//d", Source: api.Source{File: "x"}},
			{Path: "e", Task: "make", Output: "image", Each: "same"},
			{Path: "f", Task: "make", Output: "image", Each: "some", Source: api.Source{File: "x"}},
			{Path: "g", Output: "image", Each: "all"},
			{Path: "", Task: "take", Output: "image"},
			{Path: "h", Task: "make"},
			{Path: ".", Source: api.Source{Digest: digest}},
			{Path: "a/b", Source: api.Source{Digest: digest}},
		}
		return w
	}(), []string{
		`tasks[0].outputs[1].path: "../x" leaves the output directory; write it without ".."`,
		`tasks[0].outputs[1].name: "image" is already the name of outputs[0]`,
		`tasks[0].outputs[2].name: "Log" is not a name: 1 to 63 small letters, digits and -, neither first nor last; did you mean log?`,
		"tasks[0].outputs[2]: needs exactly one of path and stdout",
		"tasks[0].outputs[3]: needs exactly one of path and stdout",
		"tasks[0].outputs[4].path: is the output directory itself; name a file in it",
		"tasks[0].outputs[4].expect: -1 is negative",
		`tasks[0].outputs[5].path: "out/tile.png" is already the path of outputs[0]`,
		`tasks[1].inputs[0].output: "imgae" is not an output of task make; did you mean image?`,
		`tasks[1].inputs[1].task: "mkae" is not a task of this workload; did you mean make?`,
		`tasks[1].inputs[1].path: "a" would be put at the place of inputs[0], or into it`,
		`tasks[1].inputs[2].path: "/b" is absolute; write it relative to the input directory`,
		`tasks[1].inputs[3].path: "c//d" is not in its simplest form; did you mean "c/d"?`,
		"tasks[1].inputs[4].each: same needs arrays of one size; task make has 3 elements and this one 1",
		"tasks[1].inputs[5]: names bytes twice; write either task and output, or file, or digest",
		`tasks[1].inputs[5].each: "some" is not known; did you mean same?`,
		"tasks[1].inputs[6].output: does not fit: it belongs to task, which is missing",
		"tasks[1].inputs[6].each: does not fit: it belongs to task, which is missing",
		"tasks[1].inputs[6]: names no bytes; write file, digest, or task and output",
		"tasks[1].inputs[7].path: is missing; write a path relative to the input directory",
		"tasks[1].inputs[7].output: task take has no outputs",
		"tasks[1].inputs[8].output: is missing; task make has image, image, Log, none, dir, same",
		"tasks[1].inputs[9].path: is the input directory itself; name a file in it",
		`tasks[1].inputs[10].path: "a/b" would be put at the place of inputs[1], or into it`,
		"tasks[1].inputs: waits in a cycle: take → take",
	}},
	{"volumes", job(task(func(t *api.Task) {
		t.Volumes = []api.Volume{
			{Target: "/data", HostPath: "/srv/data"},
			{Target: "/data", Scratch: api.GiB, ReadOnly: true},
			{Target: "data", HostPath: "srv/../x", Scratch: api.GiB},
			{Target: "/out/x", Scratch: -1},
			{Target: "/"},
			{HostPath: "/srv/../etc"},
		}
		t.Resources.Storage = api.GiB
	})), []string{
		"tasks[0].volumes[1].readOnly: does not fit: scratch space that cannot be written is of no use",
		`tasks[0].volumes[1].target: "/data" is already the target of volumes[0]`,
		`tasks[0].volumes[2].target: "data" is not absolute; begin it with /`,
		"tasks[0].volumes[2]: needs exactly one of hostPath and scratch",
		`tasks[0].volumes[2].hostPath: "srv/../x" is not absolute; begin it with /`,
		`tasks[0].volumes[3].target: "/out/x" is a directory of Drover's; write for example /data`,
		"tasks[0].volumes[3].scratch: -1 is negative",
		"tasks[0].volumes[4].target: is the root directory; write for example /data",
		"tasks[0].volumes[4]: needs exactly one of hostPath and scratch",
		"tasks[0].volumes[5].target: is missing; write where the task sees the directory, for example /data",
		`tasks[0].volumes[5].hostPath: "/srv/../etc" is not in its simplest form; did you mean "/etc"?`,
		"tasks[0].volumes: scratch space of 2Gi in all does not fit into resources.storage, 1Gi: that is all the task may have on the disk",
	}},
	{"ports and checks", service(task(func(t *api.Task) {
		t.Ports = []api.Port{{Name: "http", Port: 80}, {Name: "http", Port: 80}, {Name: "a", Port: 70000}, {Port: -1}}
		t.Checks = []api.Check{
			{Type: "grpc"},
			{Type: api.CheckHTTP, Port: "htp", Path: "healthz"},
			{Type: api.CheckTCP, Path: "/", Command: []string{"x"}, Interval: api.Millisecond},
			{Type: api.CheckExec, Port: "http", Timeout: -1, Failures: -1, StartAfter: -api.Second},
			{},
		}
	})), []string{
		`tasks[0].ports[1].name: "http" is already the name of ports[0]`,
		"tasks[0].ports[1].port: 80 is already the port of ports[0]",
		"tasks[0].ports[2].port: 70000 is above the limit of 65535",
		"tasks[0].ports[3].name: is missing; write a name of small letters, digits and -",
		"tasks[0].ports[3].port: -1 is negative",
		`tasks[0].checks[0].type: "grpc" is not known; choose one of tcp, http, exec`,
		`tasks[0].checks[1].port: "htp" is not a port of the task; did you mean http?`,
		`tasks[0].checks[1].path: "healthz" does not begin with /`,
		"tasks[0].checks[2].port: is missing; the task has http, http, a, ",
		"tasks[0].checks[2].command: does not fit: only an exec check runs a command",
		"tasks[0].checks[2].path: does not fit: only an http check has a path",
		"tasks[0].checks[2].interval: 1ms is below the least possible value, 10ms",
		"tasks[0].checks[3].port: does not fit: an exec check has no port",
		"tasks[0].checks[3].command: is missing; an exec check runs a command",
		"tasks[0].checks[3].timeout: -1ns is negative",
		"tasks[0].checks[3].failures: -1 is negative",
		"tasks[0].checks[3].startAfter: -1s is negative",
		"tasks[0].checks[4].type: is missing; write for example tcp",
	}},
	{"restart", func() *api.Workload {
		w := dag("a", "b", "c")
		w.Tasks[0].AtMostOnce, w.Tasks[0].Restart = true, &api.Restart{Attempts: 3}
		w.Tasks[1].Restart = &api.Restart{Policy: api.RestartNever, Attempts: 1, Backoff: api.Minute, MaxBackoff: api.Second}
		w.Tasks[2].Restart = &api.Restart{Policy: "onFail", Attempts: -2, Backoff: -1}
		w.Tasks[2].Timeout, w.Tasks[2].Grace, w.Tasks[2].OnLost, w.Tasks[2].MaxLog = -1, 2*api.Hour, "retry", 2*api.GiB
		return w
	}(), []string{
		"tasks[0].restart.attempts: 3 contradicts atMostOnce: what failed is not tried again; only what was lost is placed again, after its lease",
		"tasks[1].restart.maxBackoff: 1s is below backoff, 1m",
		"tasks[1].restart.attempts: 1 contradicts the policy never",
		`tasks[2].restart.policy: "onFail" is not known; did you mean onFailure?`,
		"tasks[2].restart.attempts: -2 is below the least possible value, -1",
		"tasks[2].restart.backoff: -1ns is negative",
		"tasks[2].timeout: -1ns is negative",
		"tasks[2].grace: 2h is above the limit of 1h",
		`tasks[2].onLost: "retry" is not known; choose one of replace, wait, fail`,
		"tasks[2].maxLog: 2Gi is above the limit of 1Gi",
	}},
}

func TestValidateFaults(t *testing.T) {
	for _, c := range faults {
		t.Run(c.name, func(t *testing.T) {
			got := c.w.Validate()
			for i, want := range c.want {
				if i >= len(got) {
					t.Errorf("missing  %s", want)
				} else if s := line(got[i]); !strings.HasPrefix(s, want) {
					t.Errorf("\n got %s\nwant %s", s, want)
				}
			}
			for _, f := range got[min(len(got), len(c.want)):] {
				t.Errorf("also     %s", line(f))
			}
		})
	}
}

// Several outputs may go into the input directory itself if their files differ.
func TestInputsSideBySide(t *testing.T) {
	w := dag("one", "many", "join")
	w.Tasks[0].Outputs = []api.Output{{Name: "a", Path: "x/a.txt"}, {Name: "log", Stdout: true}}
	w.Tasks[1].Count, w.Tasks[1].Outputs = 4, []api.Output{{Name: "tile", Path: "tile.png"}, {Name: "log", Stdout: true}}
	w.Tasks[2].Inputs = []api.Input{
		{Path: ".", Task: "one", Output: "a"},
		{Path: ".", Task: "one", Output: "log"},
		{Path: "tiles", Task: "many", Output: "tile"},
		{Path: "tiles", Task: "many", Output: "log"},
	}
	if faults := w.Validate(); faults != nil {
		t.Error(faults)
	}
	w.Tasks[0].Outputs[0].Path = "stdout"
	compare(t, w.Validate(), []string{`tasks[2].inputs[1].path: "." would be put at the place of inputs[0], or into it`})
}

func line(f api.FieldError) string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

// Normalize must neither hide a fault nor make one.
func TestNormalizeKeepsTheVerdict(t *testing.T) {
	for _, c := range faults {
		c.w.Normalize()
		if c.w.Validate() == nil {
			t.Errorf("%s: normalising hides the faults", c.name)
		}
	}
	for _, w := range []*api.Workload{job(), service(), dag("a", "b: a")} {
		if faults := w.Validate(); faults != nil {
			t.Errorf("%s: %v", w.Name, faults)
		}
		w.Normalize()
		if faults := w.Validate(); faults != nil {
			t.Errorf("%s after Normalize: %v", w.Name, faults)
		}
	}
}

func TestFaultsAreCounted(t *testing.T) {
	w := job(task(func(t *api.Task) { t.After = make([]string, 900) }))
	for i := range w.Tasks[0].After {
		w.Tasks[0].After[i] = fmt.Sprint("t", i)
	}
	got := w.Validate()
	if len(got) != api.MaxErrors+1 || got[api.MaxErrors].Message != "there are 800 more faults; correct these first" {
		t.Errorf("got %d faults, the last %v", len(got), got[len(got)-1])
	}
}

func TestUnresolved(t *testing.T) {
	w := dag("a", "b", "c")
	w.Tasks[0].Artifact = &api.Source{File: "a.wasm"}
	w.Tasks[1].Artifact = &api.Source{Digest: digest}
	w.Tasks[2].Inputs = []api.Input{{Path: "x", Source: api.Source{Digest: digest}}, {Path: "y", Source: api.Source{File: "y.csv"}}}
	want := []api.FieldError{
		{Path: "tasks[0].artifact.file", Message: `"a.wasm" is on the client; upload it and write its digest`},
		{Path: "tasks[2].inputs[1].file", Message: `"y.csv" is on the client; upload it and write its digest`},
	}
	if got := w.Unresolved(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestValidateNode(t *testing.T) {
	n := api.Node{Name: "edge-1", Site: "field", Layer: api.LayerEdge, Drivers: []string{"wasm"}, Capacity: api.Resources{
		CPU: 4000, Accelerators: []api.Accelerator{{Kind: "gpu", Models: []string{"orin"}, Count: 1000}},
	}}
	n.Normalize()
	if got := n.Validate(); got != nil || n.Speed != 1000 {
		t.Errorf("got %v, speed %v", got, n.Speed)
	}
	bad := api.Node{
		Name: "Edge", Layer: "fog", Labels: map[string]string{"a b": ""}, Taints: []api.Taint{{Key: "x"}},
		Capacity: api.Resources{CPU: -1, Accelerators: []api.Accelerator{{Kind: "gpu", Count: 500}}},
		Drivers:  []string{"a", "a", "B"}, Speed: -1,
		Power: &api.PowerModel{Idle: 10, Full: 5}, Price: &api.Money{Micro: -1, Currency: "euro"},
	}
	want := []string{
		`name: "Edge" is not a name: 1 to 63 small letters, digits and -, neither first nor last; did you mean edge?`,
		"site: is missing; write a name of small letters, digits and -",
		`layer: "fog" is not a layer; choose one of cloud, edge, device`,
		`labels["a b"]: a label's key has 1 to 128 letters, digits, and - _ . / inside`,
		"taints[0].effect: is missing; write for example noSchedule",
		"capacity.cpu: -1m is negative",
		"capacity.accelerators[0].models: has 0 entries; a node lists each model on its own",
		"capacity.accelerators[0].count: 500m is not whole; a node has whole devices",
		"drivers[1]: repeats drivers[0]",
		`drivers[2]: "B" is not a name: 1 to 63 small letters, digits and -, neither first nor last; did you mean b?`,
		"speed: -1m is negative",
		"power.fullMilliwatts: 5 is below idleMilliwatts, 10",
		`price: "euro" is not a currency; write an ISO 4217 code such as EUR`,
		"price: -0.000001 euro is negative",
	}
	compare(t, bad.Validate(), want)
}

func TestValidateSite(t *testing.T) {
	s := api.Site{Name: "field", Layer: api.LayerEdge, Zone: "DE", Links: []api.Link{{To: "hq", RTT: 20 * api.Millisecond, Bandwidth: 1e8}}}
	s.Normalize()
	if got := s.Validate(); got != nil || s.PUE != 1000 {
		t.Errorf("got %v, PUE %v", got, s.PUE)
	}
	bad := api.Site{Name: "field", PUE: 500, Zone: "\n", Links: []api.Link{
		{To: "field", Bandwidth: 1}, {To: "hq", RTT: 2 * api.Hour}, {To: "hq", Bandwidth: -1},
	}}
	compare(t, bad.Validate(), []string{
		`layer: "" is not a layer; choose one of cloud, edge, device`,
		`zone: "\n" holds control characters`,
		"pue: 500m is below the least possible value, 1",
		"links[0].to: a site has no link to itself",
		"links[1].rtt: 2h is above the limit of 1h",
		"links[1].bandwidth: is missing; write for example 100Mbit",
		"links[2].to: there is a link to hq already, links[1]",
		"links[2].bandwidth: -1bit is negative",
	})
}

func compare(t *testing.T, got []api.FieldError, want []string) {
	t.Helper()
	lines := make([]string, len(got))
	for i, f := range got {
		lines[i] = line(f)
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func BenchmarkValidate(b *testing.B) {
	w := job()
	w.Normalize()
	b.ReportAllocs()
	for b.Loop() {
		if w.Validate() != nil {
			b.Fatal("not valid")
		}
	}
}
