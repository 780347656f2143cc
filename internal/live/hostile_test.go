package live

import (
	"context"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/state"
)

// records is how many records the cell has written.
func records(c *Cell) uint64 { return c.count.batches.Load() }

// Reports about attempts that do not exist, or that the node was never given, are
// answered as received, and leave no trace in the journal.
func TestReportsThatConcernNothingAreNotRecorded(t *testing.T) {
	c := run(t, Config{})
	a, b := join(t, c, "n1"), join(t, c, "n2")
	a.hello()
	do(t, c, submit(job("one", 1)))
	until(t, c, "the placement", func(st *state.State) bool { return st.Totals.Placed == 1 })
	b.hello()
	until(t, c, "the second node", func(st *state.State) bool { return st.Nodes["n2"] != nil })
	before := records(c)
	other := api.Attempt{TaskRef: api.TaskRef{Workload: 1}, Try: 1} // is n1's
	strange := []api.Attempt{other, {TaskRef: api.TaskRef{Workload: 99}, Try: 1}, {TaskRef: other.TaskRef, Try: 7}}
	for _, id := range strange {
		ack := must[api.ReportsAck](t)(ask[api.ReportsAck](b, "report", api.Reports{Reports: []api.Report{
			{Attempt: id, N: 1, Kind: api.ReportStarted},
			{Attempt: id, N: 2, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeSucceeded}},
		}}))
		if ack.Seq == 0 || ack.Epoch != 1 {
			t.Errorf("acknowledged with %+v", ack)
		}
	}
	if n, more := c.count.unknown.Load(), records(c)-before; n != 6 || more != 0 {
		t.Errorf("%d reports were unknown, want 6; %d records were written", n, more)
	}
	set := must[api.AssignmentSet](t)(ask[api.AssignmentSet](b, "pull", api.Pull{Have: 1}))
	if !set.Full && len(set.Gone) != len(strange) {
		t.Errorf("the node is told that %v are gone, want %v", set.Gone, strange)
	}
	a.work(1) // its own report counts
	until(t, c, "the end", finished(1))
	t.Logf("unknown %d, records for them 0", c.count.unknown.Load())
}

// While the shadow is behind, a report about what only the leader knows is passed
// on to it.
func TestAShadowThatIsBehindDropsNoReport(t *testing.T) {
	c := run(t, Config{})
	join(t, c, "n1").hello()
	until(t, c, "the node", func(st *state.State) bool { return st.Nodes["n1"] != nil })
	list := []api.Report{{Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: 5}, Try: 1}, N: 1}}
	if kept, _ := c.shadow.concerning("n1", list, c.shadow.seq()+1); len(kept) != 1 {
		t.Error("it was dropped")
	}
	if kept, _ := c.shadow.concerning("n1", list, c.shadow.seq()); len(kept) != 0 {
		t.Error("it was kept, although the shadow knows all")
	}
}

// A node that floods the server with the largest messages harms only itself: the
// other's requests are answered, and the server keeps its memory.
func TestAFloodHarmsOnlyItsNode(t *testing.T) {
	c := run(t, Config{})
	flood, calm := join(t, c, "flood"), join(t, c, "calm")
	flood.hello()
	calm.hello()
	body := must[[]byte](t)(cbor.Marshal(api.Reports{Reports: []api.Report{{
		Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: 9}, Try: 1}, N: 1, Detail: string(make([]byte, maxReportsBody-100)),
	}}}))
	for _, verb := range []string{"report", "pull", "hello"} {
		for range 150 {
			if err := flood.nc.PublishRequest(bus.AgentSubject("flood", verb), bus.AgentInbox("flood")+".x", body); err != nil {
				t.Fatal(err)
			}
		}
	}
	slowest := time.Duration(0)
	for range 50 {
		began := time.Now()
		must[api.Hint](t)(ask[api.Hint](calm, "beat", api.Beat{}))
		must[api.AssignmentSet](t)(ask[api.AssignmentSet](calm, "pull", api.Pull{}))
		slowest = max(slowest, time.Since(began))
	}
	if err := flood.nc.FlushTimeout(wait); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(wait); c.post.dropped() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing of the flood was dropped")
		}
	}
	t.Logf("450 messages of 300 KiB: %d dropped; the other node's slowest beat and pull %v", c.post.dropped(), slowest)
}

// slowStore is an artifact store whose disk hangs until it is let go.
type slowStore struct {
	entered chan struct{}
	letGo   chan struct{}
}

func (s *slowStore) hang(ctx context.Context, node string, m *nats.Msg) error {
	close(s.entered)
	<-s.letGo
	return nil
}

// A pull that hangs on the disk delays that node's next messages, and nobody else.
func TestASlowPullDelaysOnlyItsNode(t *testing.T) {
	c := run(t, Config{})
	slow, other := join(t, c, "slow"), join(t, c, "other")
	slow.hello()
	other.hello()
	disk := &slowStore{make(chan struct{}), make(chan struct{})}
	c.post.put("slow", letter{&nats.Msg{}, disk.hang})
	<-disk.entered
	for range 20 {
		must[api.AssignmentSet](t)(ask[api.AssignmentSet](other, "pull", api.Pull{}))
	}
	must[api.Hint](t)(ask[api.Hint](slow, "beat", api.Beat{})) // it lives, all the same
	got := make(chan error, 1)
	go func() {
		_, err := ask[api.AssignmentSet](slow, "pull", api.Pull{})
		got <- err
	}()
	select {
	case <-got:
		t.Error("a message overtook the one before it")
	case <-time.After(20 * time.Millisecond):
	}
	close(disk.letGo)
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// A node cannot make the reader of a log turn in circles, nor send more than was
// asked for.
func TestLogAnswersAreHeldAgainstTheQuestion(t *testing.T) {
	for name, c := range map[string]struct {
		from  int64
		chunk api.LogChunk
		ok    bool
	}{
		"the next bytes":       {10, api.LogChunk{Data: []byte("abc"), Offset: 10, Next: 13}, true},
		"behind a gap":         {10, api.LogChunk{Data: []byte("abc"), Offset: 20, Next: 23}, true},
		"nothing yet":          {10, api.LogChunk{Offset: 10, Next: 10}, true},
		"the last three":       {-3, api.LogChunk{Data: []byte("abc"), Offset: 7, Next: 10}, true},
		"nothing, from behind": {-3, api.LogChunk{Offset: -3, Next: -3}, true},
		"the same again":       {10, api.LogChunk{Data: []byte("abc"), Offset: 10, Next: 10}, false},
		"earlier bytes":        {10, api.LogChunk{Data: []byte("abc"), Offset: 7, Next: 10}, false},
		"back":                 {10, api.LogChunk{Next: 9}, false},
		"too much":             {0, api.LogChunk{Data: make([]byte, maxLogChunk+1), Next: maxLogChunk + 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := plausible(&api.LogRequest{Offset: c.from}, &c.chunk); (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestReadersOfANodeThatHangsAreFew(t *testing.T) {
	var r readers
	for range maxLogReaders {
		if !r.enter("n1") {
			t.Fatal("refused too early")
		}
	}
	if r.enter("n1") || !r.enter("n2") {
		t.Error("want one too many refused, and another node's reader let in")
	}
	if r.leave("n1"); !r.enter("n1") {
		t.Error("no room although one has left")
	}
}

// NATS lets a node name any subject to be answered at; the server does not speak there.
func TestNobodyIsAnsweredElsewhere(t *testing.T) {
	c := run(t, Config{})
	evil, victim := join(t, c, "evil"), join(t, c, "victim")
	sub := must[*nats.Subscription](t)(victim.nc.SubscribeSync(bus.NodeSubject("victim", "told")))
	if err := victim.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"hello", "pull", "report", "beat"} {
		if err := evil.nc.PublishRequest(bus.AgentSubject("evil", verb), bus.NodeSubject("victim", "told"), []byte{0xff}); err != nil {
			t.Fatal(err)
		}
	}
	evil.hello() // is answered after those
	if m, err := sub.NextMsg(20 * time.Millisecond); err == nil {
		t.Errorf("the victim is told %q by the server", m.Header)
	}
}
