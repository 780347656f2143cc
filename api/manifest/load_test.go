package manifest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/api/manifest"
)

const twoDocuments = `# A job and where it runs.
apiVersion: drover/v1
kind: job
name: render
labels: {team: graphics, "cost/center": "42"}
tasks:
  - name: tile
    driver: wasm
    count: 64
    artifact:
      file: tile.wasm
    args: ["--index", "{index}"]
    resources:
      cpu: 2
      memory: 1073741824
      storage: 1.5G
      accelerators:
        - {kind: gpu, count: 0.5}
    timeout: 1h30m
    atMostOnce: true
---
---
apiVersion: drover/v1
kind: site
name: field
layer: edge
pue: 1.2
links:
  - to: hq
    rtt: 20ms
    bandwidth: 100Mbit
    pricePerGB: 0.02 EUR
`

func TestLoad(t *testing.T) {
	docs, err := manifest.LoadBytes([]byte(twoDocuments), manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	job := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "render",
		Labels: map[string]string{"team": "graphics", "cost/center": "42"},
		Tasks: []api.Task{{
			Name: "tile", Driver: "wasm", Count: 64, Artifact: &api.Source{File: "tile.wasm"}, Args: []string{"--index", "{index}"},
			Resources: api.Resources{CPU: 2000, Memory: api.GiB, Storage: 15e8, Accelerators: []api.Accelerator{{Kind: "gpu", Count: 500}}},
			Timeout:   90 * api.Minute, AtMostOnce: true,
		}},
	}
	site := &api.Site{Name: "field", Layer: api.LayerEdge, PUE: 1200, Links: []api.Link{{
		To: "hq", RTT: 20 * api.Millisecond, Bandwidth: 1e8, PricePerGB: &api.Money{Micro: 20_000, Currency: "EUR"},
	}}}
	if len(docs) != 2 || !reflect.DeepEqual(docs[0].Workload, job) || !reflect.DeepEqual(docs[1].Site, site) {
		t.Errorf("got %+v", docs)
	}
	if docs[0].Line != 2 || docs[1].Line != 23 || docs[1].Index != 1 {
		t.Errorf("documents begin at lines %d and %d", docs[0].Line, docs[1].Line)
	}
}

func TestLoadJSON(t *testing.T) {
	one := "\t{\"apiVersion\":\"drover/v1\",\"kind\":\"job\",\"name\":\"a\",\"tasks\":[{\"name\":\"t\",\"driver\":\"noop\",\"resources\":{\"cpu\":0.5}}]}"
	docs, err := manifest.LoadBytes([]byte("["+one+",\n"+one+"]"), manifest.Options{})
	if err != nil || len(docs) != 2 || docs[1].Workload.Tasks[0].Resources.CPU != 500 {
		t.Errorf("got %+v, %v", docs, err)
	}
}

// Anchors and merge keys spare repetition.
func TestLoadAliases(t *testing.T) {
	docs, err := manifest.LoadBytes([]byte(`
apiVersion: drover/v1
kind: job
name: a
tasks:
  - &base
    name: one
    driver: process
    command: [echo]
    env: &env {A: "1", B: "2"}
  - <<: *base
    name: two
    env:
      <<: *env
      B: "3"
  - <<: [{name: three}, *base]
`), manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tasks := docs[0].Workload.Tasks
	if two := tasks[1]; two.Name != "two" || two.Driver != "process" || two.Env["A"] != "1" || two.Env["B"] != "3" {
		t.Errorf("got %+v", two)
	}
	if three := tasks[2]; three.Name != "three" || three.Env["B"] != "2" || tasks[0].Env["B"] != "2" {
		t.Errorf("got %+v", three)
	}
}

func TestLoadFaults(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"everything at once", `apiVersion: drover/v1
kind: job
name: My_Job
repliacs: 3
tasks:
  - name: build
    driver: process
    comand: [make]
    env: {PORT: 8080, ON: yes, SET: true, "a b": x}
  - name: test
    after: [bild]
    driver: noop
    count: many
    resources: {memory: 12Gb, cpu: [1], storage: 1.5}
    timeout: 30
    atMostOnce: "yes"
    ports: {http: 80}
    name: again
---
kind: sites
apiVersion: 1
---
kind: site
name: x
links: [{to: y, bandwith: 1Mbit}]
---
just text
`, `f.yaml:3:7: name: "My_Job" is not a name: 1 to 63 small letters, digits and -, neither first nor last; did you mean my-job?
f.yaml:4:1: repliacs: is not a known field; did you mean replicas?
f.yaml:8:5: tasks[0].comand: is not a known field; did you mean command?
f.yaml:9:17: tasks[0].env.PORT: 8080 is not text; put it into quotes: "8080"
f.yaml:9:37: tasks[0].env.SET: true is not text; put it into quotes: "true"
f.yaml:9:50: tasks[0].env["a b"]: is not the name of a variable: letters, digits and _, not a digit first
f.yaml:11:13: tasks[1].after[0]: "bild" is not a task of this workload; did you mean build?
f.yaml:13:12: tasks[1].count: is the text "many"; write a whole number
f.yaml:14:25: tasks[1].resources.memory: "12Gb" is not a size; did you mean 12Gi?
f.yaml:14:36: tasks[1].resources.cpu: is a list; write a text or a number
f.yaml:14:50: tasks[1].resources.storage: "1.5" is not a whole number; write 512, 64Ki, 12Gi or 1.5G
f.yaml:15:14: tasks[1].timeout: "30" is not a duration; did you mean 30s?
f.yaml:16:17: tasks[1].atMostOnce: is the text "yes"; write true or false
f.yaml:17:12: tasks[1].ports: is a mapping; write a list
f.yaml:18:5: tasks[1].name: is given twice
f.yaml:20:1: name: is missing; write a name of small letters, digits and -
f.yaml:20:1: tasks: is missing; a workload has at least one task
f.yaml:20:7: kind: "sites" is not known; did you mean site?
f.yaml:21:13: apiVersion: 1 is not text; put it into quotes: "1"
f.yaml:23:1: apiVersion: is missing; write drover/v1
f.yaml:23:1: layer: "" is not a layer; choose one of cloud, edge, device
f.yaml:25:17: links[0].bandwith: is not a known field; did you mean bandwidth?
f.yaml:27:1: is the text "just text"; a document is a mapping with apiVersion, kind and name`},
		{
			"JSON has places, too", "{\n  \"apiVersion\": \"drover/v1\", \"kind\": \"job\",\n  \"näme\": 1, \"name\": \"a\", \"name\": \"b\",\n  \"tasks\": [{\"name\": \"t\", \"driver\": \"noop\", \"count\": 1e3}]\n}",
			`f.yaml:3:3: ["näme"]: is not a known field; did you mean name?
f.yaml:3:27: name: is given twice
f.yaml:4:54: tasks[0].count: 1e3 is not a whole number`,
		},
		{"a mapping for a list", "apiVersion: drover/v1\nkind: job\nname: a\ntasks: {name: t}\n", `f.yaml:4:8: tasks: is a mapping; write a list`},
		{"nothing in a list", "apiVersion: drover/v1\nkind: job\nname: a\ntasks:\n- name: t\n  driver: process\n  command: [x, null]\n", `f.yaml:7:16: tasks[0].command[1]: is nothing; write a value or leave the entry out`},
		{"too large a number", "apiVersion: drover/v1\nkind: job\nname: a\npriority: 99999999999\ntasks: [{name: t, driver: noop}]\n", `f.yaml:4:11: priority: 99999999999 is out of range`},
		{"no document", "# nothing\n", "f.yaml: there is no document in it"},
		{"empty", "", "f.yaml: there is no document in it"},
		{"unknown alias", "name: *x\n", "f.yaml:1:7: there is no anchor &x before this alias"},
		{"an anchor in itself", "a: &x [*x]\n", "f.yaml:1:8: there is no anchor &x before this alias"},
		{"tag", "name: !!binary x\n", "f.yaml:1:7: the tag !!binary is not supported; leave it out"},
		{"not UTF-8", "name: a\nlabels: {a: \xff}\n", "f.yaml:2:13: is not UTF-8 text"},
		{"unclosed", "name: [a, b\nkind: job\n", "f.yaml:2:1: is not YAML: "},
		{"unclosed quote", "name: a\nkind: \"job\n", "f.yaml:2:7: is not YAML: "},
		{"tab", "name: a\ntasks:\n\t- name: x\n", "f.yaml:3:1: is not YAML: "},
		{"bad indentation", "name: a\n  kind: job\n", "f.yaml:1:7: is not YAML: "},
		{"deep flow", strings.Repeat("[", 100_000), "f.yaml:1:65: is nested more than 64 deep"},
		{"deep blocks", strings.Repeat("- ", 100_000), "f.yaml:1:129: is nested more than 64 deep"},
		{"deep keys", strings.Repeat("? ", 100_000), "f.yaml:1:129: is nested more than 64 deep"},
		{"deep tags", strings.Repeat("!a ", 100_000), "f.yaml:1:129: is nested more than 64 deep"},
		{"deep anchors", strings.Repeat("&a ", 100_000), "f.yaml:1:193: is nested more than 64 deep"},
		{"deep indentation", deepIndentation(), "f.yaml:513:513: is indented by more than 512 columns"},
		{"deep JSON", strings.Repeat("[", 9000) + strings.Repeat("]", 9000), "f.yaml:1:65: is nested more than 64 deep"},
		{"many values", `{"a": [` + strings.Repeat("1,", 500_000) + "1]}", "f.yaml:1:800004: has more than 400000 values"},
		{"many keys", strings.Repeat("a: b\n", 5000), "f.yaml:4001:2: is a mapping of more than 4000 keys"},
		{"a billion laughs", laughs(), "f.yaml:6:30: has more than 400000 values"},
		{"too large", strings.Repeat("#", 5<<20), "f.yaml: is larger than 4Mi: submit it in parts, and put large values into artifacts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			docs, err := manifest.Load(strings.NewReader(c.text), manifest.Options{File: "f.yaml"})
			var faults *manifest.Errors
			if !errors.As(err, &faults) || docs != nil {
				t.Fatalf("got %v, %v", docs, err)
			}
			got, want := strings.Split(err.Error(), "\n"), strings.Split(c.want, "\n")
			for i := range max(len(got), len(want)) {
				switch {
				case i >= len(got):
					t.Errorf("missing %s", want[i])
				case i >= len(want):
					t.Errorf("also    %s", got[i])
				case got[i] != want[i] && !(strings.HasSuffix(want[i], "YAML: ") && strings.HasPrefix(got[i], want[i])):
					t.Errorf("\n got %s\nwant %s", got[i], want[i])
				}
			}
		})
	}
}

// laughs is the billion-laughs attack: nine lists of nine aliases each.
func laughs() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 10; i++ {
		at, last := string(rune('0'+i)), string(rune('0'+i-1))
		b.WriteString("a" + at + ": &a" + at + " [" + strings.Repeat("*a"+last+", ", 8) + "*a" + last + "]\n")
	}
	return b.String()
}

func deepIndentation() string {
	var b strings.Builder
	for i := range 1000 {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestDecodeJSON(t *testing.T) {
	text := `{"apiVersion":"drover/v1","kind":"job","name":"a\u0062","labels":{"x":"\"\\"},"tasks":[{"name":"t","driver":"noop","resources":{"cpu":2,"memory":"1Gi"},"timeout":"5s"}]}`
	var got, want api.Workload
	if faults := manifest.DecodeJSON([]byte(text), &got); faults != nil {
		t.Fatal(faults)
	}
	if err := json.Unmarshal([]byte(text), &want); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for text, want := range map[string]string{
		`{"Name":"a"}`:           "Name: is not a known field; did you mean name?",
		`{"name":"a","name":""}`: "name: is given twice",
		`[]`:                     ": is a list; write a mapping with fields such as apiVersion, kind, name, tenant",
		`null`:                   ": is null; write a workload",
		`{"name":1}`:             `name: 1 is not text; put it into quotes: "1"`,
		``:                       ": is empty",
		`{"a":}`:                 ": is not JSON: invalid character '}' looking for beginning of value",
		`{} {}`:                  ": is not JSON: invalid character '{' after top-level value",
		"{\"a\":\"\xff\"}":       ": is not UTF-8 text",
		`{"tasks":[{"inputs":[{"path":"a","digest":"x","fiel":1}]}]}`: "tasks[0].inputs[0].fiel: is not a known field; did you mean file?",
	} {
		faults := manifest.DecodeJSON([]byte(text), new(api.Workload))
		if len(faults) == 0 || faults[0].Path+": "+faults[0].Message != want {
			t.Errorf("%s:\n got %v\nwant %s", text, faults, want)
		}
	}
}

// A fault of form does not hide others, and is not reported twice.
func TestDecodeJSONAllFaults(t *testing.T) {
	faults := manifest.DecodeJSON([]byte(`{"apiVersion":"drover/v1","kind":"job","name":"A","tasks":[{"nam":"t","driver":"noop","count":-1,"timeout":5}]}`), new(api.Workload))
	var got []string
	for _, f := range faults {
		got = append(got, f.Path)
	}
	if want := []string{"tasks[0].nam", "tasks[0].timeout", "name", "tasks[0].count"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What JSON accepts, encoding/json reads alike.
func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(oneTask))
	f.Add([]byte(`{"name":"\ud800","labels":{"":"\n"},"tasks":[{"env":{"a":null}},{"count":-0}]}`))
	f.Add([]byte(`[{}, [[["]"]]], {"workloads":[{}]}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want api.Workload
		if manifest.DecodeJSON(data, &got) != nil {
			return
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("encoding/json refuses: %v", err)
		}
		if g, w := asJSON(t, got), asJSON(t, want); g != w {
			t.Fatalf("got %s\nwant %s", g, w)
		}
	})
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(twoDocuments))
	f.Add([]byte(laughs()[:200]))
	f.Add([]byte(oneTask))
	f.Add([]byte("a: |\n  x\n  y\nb: >-\n  z\n? [c]\n: !!str d\n--- !t\n- &x *x\n<<: {}\n...\n%YAML 1.2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := manifest.LoadBytes(data, manifest.Options{})
		var faults *manifest.Errors
		if err != nil && (!errors.As(err, &faults) || len(faults.List) == 0) {
			t.Fatalf("not a list of faults: %v", err)
		}
		for _, d := range docs {
			if (d.Workload == nil) == (d.Site == nil) {
				t.Fatalf("neither workload nor site: %+v", d)
			}
		}
	})
}

const oneTask = `{"apiVersion":"drover/v1","kind":"job","name":"render-000123","tenant":"graphics","labels":{"team":"a"},` +
	`"priority":5,"objective":"latency","tasks":[{"name":"tile","driver":"wasm",` +
	`"artifact":{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"args":["--index","{index}"],` +
	`"env":{"MODE":"fast"},"resources":{"cpu":"500m","memory":"64Mi"},"requires":{"layers":["edge","cloud"]},` +
	`"outputs":[{"name":"image","path":"tile.png"}],"timeout":"30s"}]}`

func BenchmarkDecodeJSON(b *testing.B) {
	b.SetBytes(int64(len(oneTask)))
	b.ReportAllocs()
	for b.Loop() {
		var w api.Workload
		if faults := manifest.DecodeJSON([]byte(oneTask), &w); faults != nil {
			b.Fatal(faults)
		}
	}
}

// What a server does with a submission before it goes to the engine.
func BenchmarkSubmission(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var w api.Workload
		if faults := manifest.DecodeJSON([]byte(oneTask), &w); faults != nil {
			b.Fatal(faults)
		}
		w.Normalize()
		if faults := w.Validate(); faults != nil {
			b.Fatal(faults)
		}
	}
}

func BenchmarkEncodingJSON(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var w api.Workload
		d := json.NewDecoder(strings.NewReader(oneTask))
		d.DisallowUnknownFields()
		if err := d.Decode(&w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoadYAML(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := manifest.LoadBytes([]byte(twoDocuments), manifest.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
