package live

import (
	"fmt"
	"sync"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// Heartbeats are answered with the version of each node's set, and leave no trace
// in the journal.
func TestHeartbeatsWriteNoRecords(t *testing.T) {
	c := run(t, Config{})
	var herd []*fakeAgent
	for i := range 20 {
		a := join(t, c, fmt.Sprint("n", i))
		a.hello()
		herd = append(herd, a)
	}
	do(t, c, submit(job("one", 1)))
	until(t, c, "the placement", func(st *state.State) bool { return st.Totals.Placed == 1 })
	want := map[string]api.Hint{}
	view(t, c, 0, func(st *state.State) {
		for name, n := range st.Nodes {
			want[name] = api.Hint{Epoch: st.Epoch, Version: n.Version}
		}
	})
	before := records(c)
	var all sync.WaitGroup
	for _, a := range herd {
		all.Go(func() {
			for range 10 {
				if h, err := ask[api.Hint](a, "beat", api.Beat{}); err != nil || h != want[a.name] {
					t.Errorf("node %s hears %+v, %v; want %+v", a.name, h, err, want[a.name])
					return
				}
			}
		})
	}
	all.Wait()
	if n, more := c.count.beats.Load(), records(c)-before; n != 200 || more != 0 {
		t.Errorf("%d heartbeats wrote %d records, want 200 and 0", n, more)
	}
}
