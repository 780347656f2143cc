//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/internal/live"
)

// TestQuorum keeps the journal on a cluster of three NATS servers. Each of them
// dies in turn, and work goes on; two die, and changes are refused in time while
// reads go on; they come back, and everything resumes by itself.
func TestQuorum(t *testing.T) {
	t.Parallel()
	s := newSeveral(t, 3)
	for i := range 2 {
		s.server(fmt.Sprint("server-", i), program)
	}
	for _, name := range nodeNames() {
		s.Agent(name, "--label", "node="+name, "--noop", "--cpu", "100", "--memory", "64Gi")
	}
	q := &quorum{Several: s, t: t, load: newLoad(t, s)}
	for _, p := range s.nats {
		q.without(p)
	}
	q.load.finish()
	q.lose()
	f := &failing{Several: s}
	f.audited()
	adopted, leaderships := f.total("drover_batches_adopted_total"), f.total("drover_leaderships_total")
	s.Stop()
	story := retellOf(t, live.Config{
		Dir: s.servers[0].dir, NATS: s.bus, CellSecret: cellSecret, AgentUser: "agents", AcceptUnsynced: true, Replicas: 3,
	})
	story.must(t, q.load.accepted)
	t.Logf("%d events in %d records, %v leaderships, %v records adopted; %d tasks accepted, each ended well and once, %d double runs",
		story.events, story.records, leaderships, adopted, len(q.load.accepted), q.load.doubles)
}

type quorum struct {
	*Several
	t    *testing.T
	load *load
}

// without kills one NATS server, waits until work goes on, and starts it again.
func (q *quorum) without(p *Process) {
	q.t.Helper()
	before, began := q.load.sum(), time.Now()
	p.Kill()
	const more = 10
	Await(q.t, startTimeout, "work goes on without "+p.name, func() (bool, string) {
		n := q.load.sum() - before
		return n >= more, fmt.Sprint(n, " tasks accepted")
	})
	took := time.Since(began)
	p.Restart()
	back := q.whole()
	q.t.Logf("%s killed: %d tasks accepted within %v; in step again %v after its start", p.name, more, took.Round(time.Millisecond), back.Round(time.Millisecond))
}

// whole waits until every NATS server holds all of the journal.
func (q *quorum) whole() time.Duration {
	q.t.Helper()
	js, err := q.dial().JetStream(nats.MaxWait(2 * time.Second))
	if err != nil {
		q.t.Fatal(err)
	}
	began := time.Now()
	Await(q.t, startTimeout, "the journal has its replicas", func() (bool, string) {
		info, err := js.StreamInfo(journalStream)
		if err != nil {
			return false, err.Error()
		}
		bad := slices.ContainsFunc(info.Cluster.Replicas, func(r *nats.PeerInfo) bool { return !r.Current || r.Offline })
		return !bad && len(info.Cluster.Replicas) == 2 && info.Cluster.Leader != "", fmt.Sprintf("%+v", info.Cluster)
	})
	return time.Since(began)
}

// lose kills two of three, tries what can and cannot be done then, and brings them
// back.
func (q *quorum) lose() {
	q.t.Helper()
	known := len(q.load.accepted)
	for _, v := range q.servers {
		Await(q.t, startTimeout, v.name+" has read the journal", func() (bool, string) {
			n := v.status().Finished
			return n >= int64(known), fmt.Sprint(n, " of ", known, " tasks ended")
		})
	}
	down := q.nats[:2]
	for _, p := range down {
		p.Kill()
	}
	began := time.Now()
	f := q.flood()
	for i, v := range q.servers {
		q.refused(f, v, 1000+i)
	}
	reads, slowest := q.reads(known, 2*time.Second)
	f.run(q.t, 0, 30, 20).Wait()
	memory := memory(q.t, q.servers[0].PID(), "VmHWM")
	if memory > 512 {
		q.t.Errorf("a server took %d MiB", memory)
	}
	lost := time.Since(began)
	for _, p := range down {
		p.Restart()
	}
	began = time.Now()
	p := q.load.yard.mixed("resumed", 0)
	cl := q.Client(0)
	q.load.submit(cl, p)
	resumed := time.Since(began)
	again := q.insist(f)
	q.load.submit(cl, q.load.yard.mixed("after", 0)) // this client has seen all of it then
	if _, err := cl.WaitFinished(Within(q.t, time.Minute), append(again, p.name)...); err != nil {
		q.t.Fatal(err)
	}
	q.t.Logf("no quorum for %v: %d reads, the slowest %v; %d submissions refused, asked again under their keys and done; at most %d MiB; the next is accepted %v after the start",
		lost.Round(time.Millisecond), reads, slowest.Round(time.Millisecond), len(again), memory, resumed.Round(time.Millisecond))
}

// appendTimeout is how long the journal may take by default; an answer takes a
// little longer.
const appendTimeout = 10 * time.Second

// refused submits to a server that cannot record it.
func (q *quorum) refused(f *flood, v *Server, request int) {
	q.t.Helper()
	f.url = v.url
	began := time.Now()
	a, err := f.send(request)
	if err != nil {
		q.t.Fatal(err)
	}
	took := time.Since(began)
	if a.status != http.StatusServiceUnavailable || a.after == "" || took > appendTimeout+2*time.Second {
		q.t.Errorf("%s without a quorum answers %d after %v (Retry-After %q)", v.name, a.status, took, a.after)
	}
	f.answers[request] = a
	q.t.Logf("%s without a quorum answers %d after %v: %s", v.name, a.status, took.Round(time.Millisecond), a.text)
}

// reads asks all servers for what they know, for some time.
func (q *quorum) reads(known int, d time.Duration) (n int, slowest time.Duration) {
	q.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for _, v := range q.servers {
			began := time.Now()
			st := v.status()
			if st.Finished < int64(known) {
				q.t.Fatalf("%s knows of %d ended tasks, %d have ended", v.name, st.Finished, known)
			}
			slowest = max(slowest, time.Since(began))
			n++
		}
	}
	return n, slowest
}

// flood will submit much that is refused.
func (q *quorum) flood() *flood {
	f := &flood{
		token: q.Token(), batch: 20, task: `{"name":"main","driver":"noop"}`, answers: map[int]answered{},
		client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 20}},
	}
	q.t.Cleanup(f.client.CloseIdleConnections)
	return f
}

// insist submits what was refused again, under the same keys.
func (q *quorum) insist(f *flood) (names []string) {
	q.t.Helper()
	for i, a := range f.answers {
		if a.status != http.StatusServiceUnavailable && a.status != http.StatusTooManyRequests {
			q.t.Errorf("submission %d was answered %d without a quorum", i, a.status)
		}
		for _, item := range f.insist(q.t, i).items {
			names = append(names, item.Name)
			q.load.accepted[item.Name] = item.ID
		}
	}
	return names
}
