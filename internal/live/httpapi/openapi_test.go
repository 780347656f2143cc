package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/live/httpapi/httpapitest"
)

func TestOpenAPI(t *testing.T) {
	w := start(t, httpapi.Options{Version: "v1.2.3"})
	w.token = ""
	var doc struct {
		OpenAPI    string
		Info       struct{ Version string }
		Paths      map[string]map[string]struct{ OperationID string }
		Components struct{ Schemas map[string]map[string]any }
	}
	whole := w.get("/openapi.json", &doc)
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || doc.Info.Version != "v1.2.3" {
		t.Errorf("OpenAPI %s of version %s", doc.OpenAPI, doc.Info.Version)
	}
	ids := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s %s: operation %q has no name of its own", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
		}
	}
	for _, id := range []string{"submit", "plan", "listWorkloads", "explainTask", "readLogs", "watch", "drainNode", "putArtifact", "join", "metrics"} {
		if !ids[id] {
			t.Errorf("operation %s is not described", id)
		}
	}
	for rest := string(whole.body); ; {
		_, after, more := strings.Cut(rest, `"$ref":"#/components/schemas/`)
		if !more {
			break
		}
		name, after, _ := strings.Cut(after, `"`)
		if doc.Components.Schemas[name] == nil {
			t.Errorf("schema %s is referred to, but not described", name)
		}
		rest = after
	}
}

// Every path of the document leads somewhere: to anything but "nothing here".
func TestDescribedPathsExist(t *testing.T) {
	s := httpapi.New(httpapitest.New(t), httpapi.Options{})
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(s.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	w := start(t, httpapi.Options{})
	for path, methods := range doc.Paths {
		if path == "/v1/watch" || path == "/v1/journal" {
			continue // they do not end by themselves
		}
		for method := range methods {
			r := w.do(strings.ToUpper(method), strings.NewReplacer("{", "x", "}", "x").Replace(path), "")
			if strings.Contains(string(r.body), "there is nothing at") || r.StatusCode == 405 {
				t.Errorf("%s %s: %d", method, path, r.StatusCode)
			}
		}
	}
}
