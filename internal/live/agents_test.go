package live

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

func TestANodeThatSaysNothingIsSilentUntilItDoes(t *testing.T) {
	c := run(t, Config{Heartbeat: 10 * time.Millisecond, SilentAfter: 100 * time.Millisecond})
	a := join(t, c, "n1")
	if w := a.hello(); w.Epoch != 1 || w.SilentAfter != 100*api.Millisecond {
		t.Errorf("welcomed with %+v", w)
	}
	do(t, c, submit(job("one", 1)))
	until(t, c, "the silence", func(st *state.State) bool { return st.Nodes["n1"] != nil && st.Nodes["n1"].Silent })
	if seen := c.LastSeen("n1"); seen == 0 {
		t.Error("nobody knows when the node was heard of last")
	}
	if _, err := ask[api.Hint](a, "beat", api.Beat{}); err != nil && !strings.Contains(err.Error(), "until its return is recorded") {
		t.Error(err)
	}
	until(t, c, "the return", func(st *state.State) bool { return !st.Nodes["n1"].Silent })
	must[int](t)(c.Audit(t.Context()))
}

// TestTheLeaseOfASilentNodeIsNotRenewed: its tasks may be given up at any moment.
func TestTheLeaseOfASilentNodeIsNotRenewed(t *testing.T) {
	st := state.New()
	for _, ev := range []state.Event{
		&state.LeaderStarted{Epoch: 3},
		&state.NodeRegistered{Node: api.Node{Name: "awake"}}, &state.NodeRegistered{Node: api.Node{Name: "silent"}}, &state.NodeRegistered{Node: api.Node{Name: "doubted"}},
		&state.NodeSilent{Node: "silent"},
	} {
		if err := st.Apply(1, ev); err != nil {
			t.Fatal(err)
		}
	}
	s := newShadow(st, journal.Link{}, 0, 1)
	got := s.hints([]beat{{node: "silent"}, {node: "awake"}, {node: "unknown"}, {node: "doubted"}}, 0, func(node string, _ uint64) bool { return node == "doubted" })
	if want := []api.Hint{{}, {Epoch: 3, Version: 1}, {}, {}}; !slices.Equal(got, want) {
		t.Errorf("answers to heartbeats are %v, want %v: nothing for who is not to go on", got, want)
	}
}

func TestALeaderThatReturnsGivesEveryNodeAGrace(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, Heartbeat: 10 * time.Millisecond, SilentAfter: time.Hour}
	c := run(t, cfg)
	join(t, c, "n1").hello()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = run(t, cfg)
	for _, ch := range c.alive.check() {
		t.Errorf("at once after the start: %+v", ch)
	}
	if !c.alive.heard("n1") {
		t.Error("the node is not listened for")
	}
}

func TestAgentsAreNotTrusted(t *testing.T) {
	c := run(t, Config{})
	a := join(t, c, "n1")
	b := join(t, c, "n2")
	b.hello()
	impostor := b.node()
	for name, try := range map[string]struct {
		do   func() error
		want string
	}{
		"a name that is not its own": {func() error {
			_, err := ask[api.Welcome](a, "hello", api.Hello{Node: impostor})
			return err
		}, "its credentials are those of"},
		"absurd capacity": {func() error {
			n := a.node()
			n.Capacity.CPU = -1
			_, err := ask[api.Welcome](a, "hello", api.Hello{Node: n})
			return err
		}, "cpu"},
		"reports before hello": {func() error {
			_, err := ask[api.ReportsAck](a, "report", api.Reports{Reports: make([]api.Report, 1)})
			return err
		}, "say hello first"},
		"a pull before hello": {func() error {
			_, err := ask[api.AssignmentSet](a, "pull", api.Pull{})
			return err
		}, "say hello first"},
		"a beat before hello": {func() error {
			_, err := ask[api.Hint](a, "beat", api.Beat{})
			return err
		}, "say hello first"},
		"no reports": {func() error {
			_, err := ask[api.ReportsAck](b, "report", api.Reports{})
			return err
		}, "1 to 1024"},
		"too many reports": {func() error {
			_, err := ask[api.ReportsAck](b, "report", api.Reports{Reports: make([]api.Report, 2000)})
			return err
		}, "1 to 1024"},
		"too many bytes": {func() error {
			_, err := ask[api.ReportsAck](b, "report", api.Reports{Reports: []api.Report{{Detail: strings.Repeat("x", maxReportsBody)}}})
			return err
		}, "at most"},
		"something else": {func() error {
			_, err := ask[api.Hint](b, "beat", "hello")
			return err
		}, "beat:"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := try.do(); err == nil || !strings.Contains(err.Error(), try.want) {
				t.Errorf("got %v, want an error with %q", err, try.want)
			}
		})
	}
	view(t, c, 0, func(st *state.State) {
		if len(st.Nodes) != 1 {
			t.Errorf("%d nodes are registered, want n2", len(st.Nodes))
		}
	})
}

// A node cannot have the server speak to another node in its place.
func TestAnswersGoToTheSenderOnly(t *testing.T) {
	c := run(t, Config{})
	a, b := join(t, c, "n1"), join(t, c, "n2")
	a.hello()
	if err := a.nc.PublishRequest(bus.AgentSubject("n1", "beat"), bus.NodeSubject("n2", "hint"), []byte{0xa0}); err != nil {
		t.Fatal(err)
	}
	must[api.Hint](t)(ask[api.Hint](a, "beat", api.Beat{})) // came after
	if err := b.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case h := <-b.hint:
		t.Errorf("the other node heard %+v", h)
	default:
	}
}

func TestLogsComeFromTheNode(t *testing.T) {
	c := run(t, Config{})
	a := join(t, c, "n1")
	a.hello()
	req := api.LogRequest{Stream: "stdout", Limit: 100}
	if _, err := c.Log(t.Context(), "n1", req); err == nil || !strings.Contains(err.Error(), "not connected") {
		t.Errorf("without a listener: %v", err)
	}
	must[*nats.Subscription](t)(a.nc.Subscribe(bus.NodeSubject("n1", "log"), func(m *nats.Msg) {
		b, err := c.codec.enc.Marshal(api.LogChunk{Data: []byte("hello"), Next: 5, Final: true})
		if err == nil {
			err = m.Respond(b)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	if err := a.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	got, err := c.Log(t.Context(), "n1", req)
	if err != nil || string(got.Data) != "hello" || !got.Final {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := c.Log(t.Context(), "n1.>", req); err == nil {
		t.Error("a name that is no node was asked")
	}
}

// A text that is not UTF-8 is mended: it keeps no report back, and the journal can
// be read.
func TestReportsWithBadTextAreRecorded(t *testing.T) {
	dir := t.TempDir()
	c := run(t, Config{Dir: dir})
	a := join(t, c, "n1")
	a.hello()
	do(t, c, submit(job("one", 1)))
	until(t, c, "the placement", func(st *state.State) bool {
		return st.Workloads[1] != nil && st.Workloads[1].Groups[0].Tasks[0].Node == "n1"
	})
	a.pull()
	for id := range a.held {
		must[api.ReportsAck](t)(ask[api.ReportsAck](a, "report", api.Reports{Reports: []api.Report{
			{Attempt: id, N: 1, Detail: "\xff\xfe", Ports: []api.Port{{Name: "\xff"}}},
			{Attempt: id, N: 2, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeFailed, Reason: "500 \xff\xfe", Signal: "\xff"}},
		}}))
	}
	until(t, c, "the reason, made text", func(st *state.State) bool {
		return strings.HasPrefix(st.Workloads[1].Groups[0].Tasks[0].Reason, "500 ?")
	})
	must[int](t)(c.Audit(t.Context()))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	run(t, Config{Dir: dir})
}
