package live

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/engine"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// family is a parent cell and how a child of it is configured.
func family(t *testing.T) (hub *Cell, child Config) {
	t.Helper()
	hub = run(t, Config{Cell: "hub", HTTP: "127.0.0.1:0", Leaf: "127.0.0.1:0", Heartbeat: 100 * time.Millisecond, SilentAfter: time.Second})
	token, err := os.ReadFile(filepath.Join(hub.cfg.Dir, JoinTokenFile))
	if err != nil {
		t.Fatal(err)
	}
	return hub, Config{
		Dir: t.TempDir(), Cell: "plant", Heartbeat: 100 * time.Millisecond,
		Parent: &Parent{Server: hub.URL(), JoinToken: strings.TrimSpace(string(token)), Site: "here", Layer: api.LayerEdge},
	}
}

// abroad is a job for the child's site.
func abroad(name string, count int32) *api.Workload {
	w := job(name, count)
	w.Tasks[0].Requires.Sites = []string{"here"}
	return w
}

func handover(name string, stand state.Stand) func(*state.State) bool {
	return func(st *state.State) bool {
		w := st.Named("default", name)
		return w != nil && w.Handover != nil && w.Handover.Stand == stand
	}
}

func ended(name string, as api.WorkloadStatus) func(*state.State) bool {
	return func(st *state.State) bool { w := st.Named("default", name); return w != nil && w.Status == as }
}

// press is a node of the child's.
func press(t *testing.T, plant *Cell) *fakeAgent {
	t.Helper()
	a := join(t, plant, "press")
	a.hello()
	return a
}

// TestAChildRunsWhatIsForIt hands a job over with its artifact, and gets its
// results and outputs back.
func TestAChildRunsWhatIsForIt(t *testing.T) {
	hub, cfg := family(t)
	plant := run(t, cfg)
	a := press(t, plant)
	d, size, err := hub.artifacts.Put(t.Context(), strings.NewReader("the recipe"), "")
	if err != nil {
		t.Fatal(err)
	}
	w := abroad("inspect", 20)
	w.Tasks[0].Inputs = []api.Input{{Path: "recipe", Source: api.Source{Digest: api.Digest(d), Size: api.Bytes(size)}}}
	w.Tasks[0].Outputs = []api.Output{{Name: "out", Stdout: true}}
	until(t, hub, "the child", func(st *state.State) bool { return st.Cells["plant"] != nil })
	do(t, hub, submit(w))
	until(t, hub, "the acceptance", handover("inspect", state.Accepted))
	if _, err := plant.artifacts.Stat(t.Context(), d); err != nil {
		t.Errorf("the child accepted before it had the artifact: %v", err)
	}
	large := bytes.Repeat([]byte("result"), 2000)
	out, _, err := plant.artifacts.Put(t.Context(), bytes.NewReader(large), "")
	if err != nil {
		t.Fatal(err)
	}
	a.outputs = []api.Value{{Name: "out", Digest: api.Digest(out), Size: api.Bytes(len(large))}}
	a.work(20)
	until(t, hub, "the end", ended("inspect", api.WorkloadSucceeded))
	view(t, hub, 0, func(st *state.State) {
		w := st.Named("default", "inspect")
		if w.Counts.Succeeded != 20 || st.Totals.Placed != 0 {
			t.Errorf("the hub counts %+v and placed %d itself", w.Counts, st.Totals.Placed)
		}
		if r := w.Groups[0].Tasks[7].Result; r == nil || len(r.Outputs) != 1 || r.Outputs[0].Digest != api.Digest(out) {
			t.Errorf("result %+v", r)
		}
	})
	if _, err := hub.artifacts.Stat(t.Context(), artifact.Digest(out)); err != nil {
		t.Errorf("the output is not with the hub: %v", err)
	}
	until(t, plant, "that the hub knows", func(st *state.State) bool { return st.Named("default", "inspect").Origin.Settled })
	for _, c := range []*Cell{hub, plant} {
		must[int](t)(c.Audit(t.Context()))
	}
}

// TestACellGoesOnAlone: the child is stopped, started while its parent is gone,
// and works on; the parent comes back and learns what happened meanwhile.
func TestACellGoesOnAlone(t *testing.T) {
	hub, cfg := family(t)
	hubConfig := hub.cfg
	hubConfig.HTTP = strings.TrimPrefix(hub.URL(), "http://")
	hubConfig.Leaf = strings.TrimPrefix(hub.bus.LeafURL(), "nats://")
	plant := run(t, cfg)
	a := press(t, plant)
	until(t, hub, "the child", func(st *state.State) bool { return st.Cells["plant"] != nil })
	do(t, hub, submit(abroad("batch", 5)))
	until(t, hub, "the acceptance", handover("batch", state.Accepted))

	if err := hub.Close(); err != nil {
		t.Fatal(err)
	}
	a.nc.Close()
	if err := plant.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Parent.JoinToken = "not needed any more"
	plant = run(t, cfg)
	a = joinWith(t, plant, "press", a.token)
	a.hello()
	a.work(5)
	until(t, plant, "the end", ended("batch", api.WorkloadSucceeded))
	do(t, plant, submit(job("own", 1)))

	hub = run(t, hubConfig)
	until(t, hub, "the end", ended("batch", api.WorkloadSucceeded))
	do(t, hub, submit(abroad("next", 2)))
	until(t, hub, "the acceptance of the next", handover("next", state.Accepted))
	until(t, plant, "that the hub knows", func(st *state.State) bool { return st.Named("default", "batch").Origin.Settled })
	view(t, hub, 0, func(st *state.State) {
		if st.Totals.Submitted != 2 || st.Totals.Ended != 5 || st.Totals.Placed != 0 {
			t.Errorf("the hub's totals are %+v", st.Totals)
		}
	})
}

// TestASilentChild keeps what it owns; nothing new is offered to it.
func TestASilentChild(t *testing.T) {
	hub, cfg := family(t)
	plant := run(t, cfg)
	press(t, plant)
	until(t, hub, "the child", func(st *state.State) bool { return st.Cells["plant"] != nil })
	do(t, hub, submit(abroad("owned", 1)))
	until(t, hub, "the acceptance", handover("owned", state.Accepted))
	if err := plant.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, hub, "silence", func(st *state.State) bool { return st.Cells["plant"] != nil && st.Cells["plant"].Silent })
	_, seq := do(t, hub, submit(abroad("later", 1)), &engine.Cancel{Tenant: "default", Name: "owned"})
	view(t, hub, seq, func(st *state.State) {
		if st.Named("default", "later").Handover != nil || st.Named("default", "owned").Status.Final() {
			t.Error("something was decided about what the silent child owns, or may own")
		}
	})
	plant = run(t, cfg)
	until(t, hub, "that later is accepted", handover("later", state.Accepted))
	until(t, plant, "the wish to stop", func(st *state.State) bool { return st.Named("default", "owned").Stopping })
}

// TestACellNameIsTakenOnce: the join token alone makes nobody a child that is
// there already, and a child's token opens artifacts only.
func TestACellNameIsTakenOnce(t *testing.T) {
	hub, cfg := family(t)
	run(t, cfg)
	until(t, hub, "the child", func(st *state.State) bool { return st.Cells["plant"] != nil })
	if _, err := hub.Join(t.Context(), api.JoinRequest{Node: "plant", Cell: true}); !errors.Is(err, httpapi.ErrNameTaken) {
		t.Errorf("a stranger joins as plant: %v", err)
	}
	if _, err := hub.Join(t.Context(), api.JoinRequest{Node: "hub", Cell: true}); !errors.Is(err, httpapi.ErrNoChild) {
		t.Errorf("a child has its parent's name: %v", err)
	}
	r, err := hub.Join(t.Context(), api.JoinRequest{Node: "other", Cell: true})
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := hub.Authorize(r.Token); !ok || p.Cell != "other" || p.Admin || p.Join || p.Node != "" {
		t.Errorf("the token stands for %+v, %v", p, ok)
	}
}

func TestWhyAParentRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"without a token":   {401, `{"detail":"no valid token"}`, "copy join.token"},
		"in its words":      {403, `{"title":"Forbidden","detail":"the name is taken"}`, `"the name is taken"`},
		"no Drover at all":  {404, "<html>\x1b[2J", `"<html>\x1b[2J"`},
		"words that escape": {409, `{"detail":"\u001b[2J"}`, `"\x1b[2J"`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := whyRefused(c.status, []byte(c.body)); !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
