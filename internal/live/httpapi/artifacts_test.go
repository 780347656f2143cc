package httpapi_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/engine"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/live/httpapi/httpapitest"
)

func TestArtifacts(t *testing.T) {
	w := start(t, httpapi.Options{MaxArtifact: 100})
	w.token = httpapitest.Node
	const text = "the bytes of an artifact"
	path := "/v1/artifacts/" + string(artifact.Of([]byte(text)))
	if r := w.do("HEAD", path, ""); r.StatusCode != 404 {
		t.Errorf("HEAD before: %d", r.StatusCode)
	}
	var stored api.Stored
	w.into(w.do("PUT", path, text), 201, &stored)
	w.into(w.do("PUT", path, text), 200, &stored)
	if stored.Size != api.Bytes(len(text)) || "/v1/artifacts/"+string(stored.Digest) != path {
		t.Errorf("stored %+v", stored)
	}
	if r := w.do("HEAD", path, ""); r.StatusCode != 200 || r.ContentLength != int64(len(text)) {
		t.Errorf("HEAD after: %d, %d bytes", r.StatusCode, r.ContentLength)
	}
	if r := w.do("GET", path, ""); string(r.body) != text {
		t.Errorf("GET %q", r.body)
	}
	if r := w.do("GET", path, "", "Range", "bytes=4-8"); r.StatusCode != 206 || string(r.body) != "bytes" {
		t.Errorf("range: %d %q", r.StatusCode, r.body)
	}
	w.problem(w.do("PUT", path[:len(path)-1]+"!", text), 422)
	other := "/v1/artifacts/" + string(artifact.Of([]byte("other")))
	w.problem(w.do("PUT", other, text), 422)
	large := strings.Repeat("x", 101)
	w.problem(w.do("PUT", "/v1/artifacts/"+string(artifact.Of([]byte(large))), large), 413)
}

// chunked hides the length of a body.
type chunked struct{ *bytes.Reader }

func TestArtifactOfUnknownLengthIsBounded(t *testing.T) {
	w := start(t, httpapi.Options{MaxArtifact: 100})
	large := bytes.Repeat([]byte("x"), 1000)
	r := w.request("PUT", "/v1/artifacts/"+string(artifact.Of(large)), "")
	r.Body, r.ContentLength = readCloser{chunked{bytes.NewReader(large)}}, -1
	res, err := w.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 413 {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestArtifactsOfAWorkload(t *testing.T) {
	w := start(t, httpapi.Options{})
	module := []byte("module")
	d := artifact.Of(module)
	body := strings.Replace(job("prog"), `"noop"`, `"wasm","resources":{"memory":"1Mi"},"artifact":{"digest":"`+string(d)+`"}`, 1)

	p := w.problem(w.do("POST", "/v1/workloads", body), 422)
	if len(p.Errors) != 1 || p.Errors[0].Location != "body.tasks[0].artifact.digest" || !strings.Contains(p.Errors[0].Message, string(d)) {
		t.Errorf("missing artifact: %+v", p.Errors)
	}
	w.do("PUT", "/v1/artifacts/"+string(d), string(module))
	w.cell.Facts = func(api.Digest) (engine.Fact, error) { return engine.Fact{}, errors.New("not a WebAssembly module") }
	p = w.problem(w.do("POST", "/v1/workloads", body), 422)
	if len(p.Errors) != 1 || p.Errors[0].Message != "not a WebAssembly module" {
		t.Errorf("bad module: %+v", p.Errors)
	}
	asked := 0
	w.cell.Facts = func(api.Digest) (engine.Fact, error) { asked++; return engine.Fact{Memory: 2 * api.MiB}, nil }
	p = w.problem(w.do("POST", "/v1/workloads", body), 422)
	if len(p.Errors) != 1 || p.Errors[0].Location != "body.tasks[0].resources.memory" {
		t.Errorf("too little memory: %+v", p.Errors)
	}
	var facts []engine.Fact
	w.cell.Did = func(in []engine.Input) { facts = in[0].(*engine.Submit).Facts }
	w.into(w.do("POST", "/v1/workloads", strings.Replace(body, "1Mi", "4Mi", 1)), 201, new(api.Applied))
	if len(facts) != 1 || facts[0].Program != 6 || facts[0].Memory != 2*api.MiB || asked != 1 {
		t.Errorf("facts %+v after %d inspections", facts, asked)
	}
	file := strings.Replace(job("file"), `"noop"`, `"wasm","artifact":{"file":"x.wasm"}`, 1)
	w.problem(w.do("POST", "/v1/workloads", file), 422)
}
