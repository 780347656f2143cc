package live

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// A child of a cell with two servers links to either of them, whichever leads, and
// goes on when the one that it is linked to is gone.
func TestAChildOfSeveralServers(t *testing.T) {
	cfg := outside(t)
	cfg.Cell, cfg.HTTP, cfg.Heartbeat, cfg.SilentAfter = "hub", "127.0.0.1:0", 100*time.Millisecond, 2*time.Second
	cfg.Leaf = "127.0.0.1:0"
	first := run(t, named(cfg, "first"))
	second := run(t, named(cfg, "second"))
	role(t, second, "follower")
	token, err := os.ReadFile(filepath.Join(second.cfg.Dir, JoinTokenFile))
	if err != nil {
		t.Fatal(err)
	}
	// It joins by the follower, which tells both addresses as an operator would.
	second.cfg.AdvertiseLeaf = second.leafURL() + "," + first.leafURL()
	plant := run(t, Config{
		Dir: t.TempDir(), Cell: "plant", Heartbeat: 100 * time.Millisecond,
		Parent: &Parent{Server: second.URL() + "," + first.URL(), JoinToken: strings.TrimSpace(string(token)), Site: "here", Layer: api.LayerEdge},
	})
	a := press(t, plant)
	until(t, first, "the child", func(st *state.State) bool { return st.Cells["plant"] != nil })
	do(t, first, submit(abroad("one", 3)))
	until(t, first, "the acceptance", handover("one", state.Accepted))
	a.work(3)
	until(t, second, "the end of the first", ended("one", api.WorkloadSucceeded))

	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	role(t, second, "leader")
	do(t, second, submit(abroad("two", 3)))
	until(t, second, "the acceptance", handover("two", state.Accepted))
	a.work(3)
	until(t, second, "the end of the second", ended("two", api.WorkloadSucceeded))
	must[int](t)(second.Audit(t.Context()))
	must[int](t)(plant.Audit(t.Context()))
}
