package manifest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// reference is the page that describes the workload file.
func reference(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/workload.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// notManifests are examples of other kinds, which the tests of their readers read.
var notManifests = map[string]bool{"fleet.yaml": true, "demand.yaml": true}

func TestExamplesAreValid(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/*.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("found %d examples, %v", len(files), err)
	}
	for _, f := range files {
		if notManifests[filepath.Base(f)] {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		docs, err := LoadBytes(text, Options{File: f})
		if err != nil {
			t.Error(err)
		}
		for _, d := range docs {
			if d.Workload == nil {
				continue
			}
			for _, u := range d.Workload.Unresolved() {
				name, _, _ := strings.Cut(strings.TrimPrefix(u.Message, `"`), `"`)
				if _, err := os.Stat(filepath.Join(filepath.Dir(f), name)); err != nil {
					t.Errorf("%s: %v", f, err)
				}
			}
		}
	}
}

// The page shows the files as they are.
func TestReferenceShowsTheExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?s)\\[(\\S+)\\]\\(\\.\\./examples/(\\S+)\\)\n\n```yaml\n(.*?)```").FindAllStringSubmatch(reference(t), -1)
	if all := strings.Count(reference(t), "```yaml"); len(blocks) != all || all < 8 {
		t.Fatalf("%d of %d examples name their file", len(blocks), all)
	}
	for _, b := range blocks {
		text, err := os.ReadFile(filepath.Join("../../examples", b[2]))
		if err != nil || string(text) != b[3] {
			t.Errorf("%s differs from its file: %v", b[2], err)
		}
		if _, err := LoadBytes([]byte(b[3]), Options{File: b[2]}); err != nil {
			t.Error(err)
		}
	}
}

// Every field that can be written is described.
func TestReferenceHasEveryField(t *testing.T) {
	page := reference(t)
	seen := map[*shape]bool{}
	fields := 0
	var look func(s *shape)
	look = func(s *shape) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		look(s.elem)
		for _, m := range s.fields {
			fields++
			if !strings.Contains(page, "`"+m.name+"`") {
				t.Errorf("%s of %v is not described", m.name, s.typ)
			}
			look(m.shape)
		}
	}
	look(shapes().workload)
	look(shapes().site)
	if fields < 80 {
		t.Errorf("only %d fields were looked at", fields)
	}
}
