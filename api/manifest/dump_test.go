package manifest

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"drover.dev/api"
	"pgregory.net/rapid"
)

func TestDump(t *testing.T) {
	w := api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: "render", Labels: map[string]string{"b": "yes", "a": "1.5", "empty": ""},
		Tasks: []api.Task{{
			Name: "tile", Driver: "process", Command: []string{"sh", "-c", "set -e\n  make: all\n"},
			Args: []string{"--index={index}", "a # b", "key: value", "- x"}, Env: map[string]string{},
			Resources: api.Resources{CPU: 500, Memory: 12 * api.GiB, Accelerators: []api.Accelerator{{Kind: "gpu", Count: 2000}}},
			Timeout:   90 * api.Second,
		}},
	}
	got, err := Dump(w)
	if err != nil {
		t.Fatal(err)
	}
	want := `apiVersion: drover/v1
kind: job
name: render
labels:
  a: "1.5"
  b: "yes"
  empty: ""
tasks:
  - name: tile
    driver: process
    command:
      - sh
      - "-c"
      - |
        set -e
          make: all
    args:
      - "--index={index}"
      - "a # b"
      - "key: value"
      - "- x"
    resources:
      cpu: 500m
      memory: 12Gi
      accelerators:
        - kind: gpu
          count: "2"
    requires: {}
    timeout: 1m30s
`
	if string(got) != want {
		t.Errorf("got\n%s", got)
	}
	for v, want := range map[any]string{nil: "null\n", 3: "3\n", "a\nb": "|-\n  a\n  b\n", true: "true\n"} {
		if got, err := Dump(v); err != nil || string(got) != want {
			t.Errorf("%v: got %q, %v", v, got, err)
		}
	}
	if _, err := Dump(math.NaN()); err == nil {
		t.Error("what is not JSON was written")
	}
}

// anyText draws what YAML could misread.
func anyText() *rapid.Generator[string] {
	odd := rapid.SampledFrom([]string{
		"", "~", "null", "Null", "yes", "on", "0x1F", "1e3", "1_000", "12:30", "2026-03-01", "2026-03-01T12:00:00Z", ".5", ".inf", "-", "--- x", "...",
		"a: b", "a:", ":a", "a #b", "#a", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "{}", "[a]", "'", "\"", " a", "a ", "a\n", "a\n\n", "\n", "a\n b", " a\nb", "a\tb",
		"\x00", "é", "\u2028", "\U0001F600", "a\r\nb", "<<", "=", "12Gi", "sha256:ab", "/a/b", "?", "? a", "- a", "a, b", "x\n---\ny", "\\n", "a\\", "x\n\ny",
	})
	return rapid.OneOf(odd, rapid.String(), rapid.StringMatching(`[ -~\n]{0,20}`))
}

func TestDumpReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var value func(depth int) any
		value = func(depth int) any {
			kinds := 4
			if depth > 3 {
				kinds = 2
			}
			switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
			case 0:
				return rapid.SampledFrom([]any{true, false, 0, -5, 1234567890123}).Draw(t, "scalar")
			case 1:
				return anyText().Draw(t, "text")
			case 2:
				list := make([]any, rapid.IntRange(0, 3).Draw(t, "length"))
				for i := range list {
					list[i] = value(depth + 1)
				}
				return list
			}
			m := map[string]any{}
			for range rapid.IntRange(0, 3).Draw(t, "length") {
				m[anyText().Draw(t, "key")] = value(depth + 1)
			}
			return m
		}
		v := map[string]any{"root": value(0), "texts": rapid.SliceOfN(anyText(), 8, 8).Draw(t, "texts")}
		text, err := Dump(v)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		a, err := parseJSON(want)
		if err != nil {
			t.Fatal(err)
		}
		docs, err := parseYAML(text)
		if err != nil || len(docs) != 1 || docs[0].err != nil {
			t.Fatalf("%v: cannot be read back: %v\n%s", docs, err, text)
		}
		if got, want := show(docs[0].root), show(a); got != want {
			t.Fatalf("got  %s\nwant %s\nfrom %q", got, want, text)
		}
	})
}

// show writes a node without places.
func show(n *node) string {
	var b strings.Builder
	switch n.kind {
	case kindList:
		for i := range n.items {
			b.WriteString(show(&n.items[i]) + ",")
		}
		return "[" + b.String() + "]"
	case kindMapping:
		for i := range n.fields {
			key, _ := json.Marshal(n.fields[i].key)
			b.WriteString(string(key) + ":" + show(&n.fields[i].value) + ",")
		}
		return "{" + b.String() + "}"
	case kindString:
		text, _ := json.Marshal(n.text)
		return string(text)
	}
	return n.text
}
