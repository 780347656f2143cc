package live

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/driver/wasm"
	"drover.dev/internal/series"
)

func TestTheSweepKeepsWhatIsReferredTo(t *testing.T) {
	c := run(t, Config{SweepGrace: time.Nanosecond})
	put := func(s string) artifact.Digest {
		t.Helper()
		d, _, err := c.artifacts.Put(t.Context(), strings.NewReader(s), "")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	program, input, output, nobodys := put("program"), put("input"), put("output"), put("nobody's")
	a := join(t, c, "n1")
	a.hello()
	w := job("one", 1)
	w.Tasks[0].Artifact = &api.Source{Digest: api.Digest(program)}
	w.Tasks[0].Inputs = []api.Input{{Path: "in", Source: api.Source{Digest: api.Digest(input)}}}
	w.Tasks[0].Outputs = []api.Output{{Name: "o", Path: "o"}}
	do(t, c, submit(w))
	ack := must[api.ReportsAck](t)(ask[api.ReportsAck](a, "report", api.Reports{Reports: []api.Report{{
		Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: 1}, Try: 1}, N: 1, Kind: api.ReportEnded,
		Result: &api.Result{Outputs: []api.Value{{Name: "o", Digest: api.Digest(output), Size: 6}}},
	}}}))
	must[uint64](t)(c.View(t.Context(), ack.Seq, nothing))
	if err := c.sweepOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, d := range []artifact.Digest{program, input, output} {
		if _, err := c.artifacts.Stat(t.Context(), d); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.artifacts.Stat(t.Context(), nobodys); !errors.Is(err, artifact.ErrNotFound) {
		t.Errorf("what nobody refers to: %v", err)
	}
}

func TestTheSweepKeepsFittedModels(t *testing.T) {
	now := api.Time(time.Now().UnixNano())
	c := open(t, Config{Wall: func() api.Time { return now }})
	for i := range 30 {
		if err := c.observer.store.Add("load/default/web", series.Gauge, now, float64(i%7)); err != nil {
			t.Fatal(err)
		}
		now += api.Time(api.Minute)
	}
	if err := c.observer.store.Tick(now); err != nil {
		t.Fatal(err)
	}
	c.observer.ahead.Fit(func() bool { return false })
	models := c.Outlook().FittedModels("load/").Items
	if len(models) == 0 {
		t.Fatal("no model was fitted")
	}
	if _, err := c.artifacts.Sweep(c.fitted, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, m := range models {
		if _, err := c.artifacts.Stat(t.Context(), artifact.Digest(m.Digest)); err != nil {
			t.Errorf("%s: %v", m.Model, err)
		}
	}
}

func TestProgramsAreInspected(t *testing.T) {
	c := open(t, Config{})
	put := func(b []byte) api.Digest {
		t.Helper()
		d, _, err := c.artifacts.Put(t.Context(), bytes.NewReader(b), "")
		if err != nil {
			t.Fatal(err)
		}
		return api.Digest(d)
	}
	// A module of nothing but a memory of 3 pages.
	module := []byte{0, 'a', 's', 'm', 1, 0, 0, 0, 5, 3, 1, 0, 3}
	f, err := c.Inspect(t.Context(), put(module))
	if err != nil || f.Memory != 3*wasm.PageSize || f.Program != api.Bytes(len(module)) {
		t.Errorf("got %+v, %v", f, err)
	}
	if _, err := c.Inspect(t.Context(), put([]byte("#!/bin/sh"))); !errors.Is(err, wasm.ErrNotModule) {
		t.Errorf("a script: %v", err)
	}
	if _, err := c.Inspect(t.Context(), api.Digest(artifact.Of([]byte("absent")))); !errors.Is(err, artifact.ErrNotFound) {
		t.Errorf("what is not there: %v", err)
	}
}

// A server on whose disk an artifact has come to lie, but not in the store that
// it shares with others, must not say that it is there: nobody would bring it.
func TestWhatOnlyOneServerHasIsNotThere(t *testing.T) {
	cfg := outside(t)
	cfg.HTTP, cfg.Dir = "127.0.0.1:0", t.TempDir()
	files, err := artifact.OpenFiles(filepath.Join(cfg.Dir, "artifacts"), artifact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := files.Put(t.Context(), strings.NewReader("half stored"), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	c := run(t, named(cfg, "first"))
	admin := strings.TrimSpace(string(must[[]byte](t)(os.ReadFile(filepath.Join(c.cfg.Dir, AdminTokenFile)))))
	head := func() (status int, size int64) {
		t.Helper()
		req := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodHead, c.URL()+"/v1/artifacts/"+string(d), nil))
		req.Header.Set("Authorization", "Bearer "+admin)
		resp := must[*http.Response](t)(http.DefaultClient.Do(req))
		_ = resp.Body.Close() // it has none
		return resp.StatusCode, resp.ContentLength
	}
	if status, _ := head(); status != http.StatusNotFound {
		t.Errorf("before it is shared HEAD answers %d, want 404", status)
	}
	if _, _, err := c.artifacts.Put(t.Context(), strings.NewReader("half stored"), d); err != nil {
		t.Fatal(err)
	}
	if status, size := head(); status != http.StatusOK || size != 11 {
		t.Errorf("when it is shared HEAD answers %d, %d bytes, want 200, 11", status, size)
	}
}
