//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/bus"
	"drover.dev/internal/live"
)

// mostWithout is how long a cell may be without a leader.
const mostWithout = 5 * time.Second

// pauseOf is how long a paused leader sleeps: longer than an election.
func pauseOf() time.Duration {
	if os.Getenv("DROVER_SOAK") != "" {
		return 30 * time.Second
	}
	return 8 * time.Second
}

// TestFailover takes the leader of a cell away in every way there is, while work
// comes in and runs. Another leads soon, the old one does nothing outward when it
// is back, and whatever was accepted ends once, with the right output.
func TestFailover(t *testing.T) {
	for _, n := range []int{2, 3} {
		t.Run(fmt.Sprint(n, "Servers"), func(t *testing.T) {
			t.Parallel()
			failover(t, n)
		})
	}
}

func failover(t *testing.T, servers int) {
	s := newSeveral(t, 1, "--snapshot-every", "60")
	for i := range servers {
		s.server(fmt.Sprint("server-", i), program)
	}
	for _, name := range nodeNames() {
		s.Agent(name, "--label", "node="+name, "--noop", "--cpu", "100", "--memory", "64Gi")
	}
	f := &failing{Several: s, load: newLoad(t, s), spy: newSpy(t, s), stalls: newStalls(t)}
	f.away("kill -9", func(v *Server) { v.Kill() }, func(v *Server) { v.Restart() })
	f.away("SIGSTOP", f.pause, f.wake)
	f.away("link cut", func(v *Server) { v.each(func(w *wire) { w.drop(true) }) }, (*Server).heal)
	f.away("link silent", func(v *Server) { v.each((*wire).silence) }, (*Server).heal)
	f.loseAck()
	f.load.finish()
	f.table()
	f.audited()
	s.Stop()
	story := retellOf(t, live.Config{
		Dir: s.servers[0].dir, NATS: s.bus, CellSecret: cellSecret, AgentUser: "agents", AcceptUnsynced: true,
	})
	story.must(t, f.load.accepted)
	t.Logf("%d events in %d records, %d leaderships; %d tasks accepted, each ended well and once; %d double runs, %d ends reported again, %d duplicates recorded",
		story.events, story.records, story.leaders, len(f.load.accepted), f.load.doubles, total(story.resent), total(story.duplicates))
}

// failing is a cell whose leader is taken away again and again.
type failing struct {
	*Several
	load   *load
	spy    *spy
	stalls *stalls
	rows   []turnover

	asleep  time.Time      // since when the leader is paused
	waiting sync.WaitGroup // commands that a sleeping leader was sent
}

// turnover is one change of the leader.
type turnover struct {
	how        string
	of         string
	next, back time.Duration // until another led; until the old one followed
	stall      time.Duration // of this machine, meanwhile
	accepted   int           // tasks in all, by then
	stale      int           // messages to nodes of an epoch that was over, until it followed
	epoch      uint64        // of the next
}

// away takes the leader away, and brings it back when another leads.
func (f *failing) away(how string, take, giveBack func(*Server)) {
	f.t.Helper()
	v, epoch := f.leader(0, f.servers...)
	f.settled(v)
	f.stalls.worst()
	began := time.Now()
	take(v)
	next, now := f.leader(epoch, f.without(v)...)
	row := turnover{how: how, of: v.name, next: time.Since(began), epoch: now, stall: f.stalls.worst()}
	if row.next > mostWithout+2*row.stall {
		f.t.Errorf("%s: %s leads after %v, want %v at most", how, next.name, row.next, mostWithout)
	}
	f.spy.expect(now)
	giveBack(v)
	row.back = f.becomes(v, api.RoleFollower)
	f.quiet(row)
}

// settled waits until all servers but the leader follow.
func (f *failing) settled(leader *Server) {
	f.t.Helper()
	for _, v := range f.without(leader) {
		f.becomes(v, api.RoleFollower)
	}
}

func (v *Server) each(do func(*wire)) {
	for _, w := range v.wires {
		do(w)
	}
}

func (v *Server) heal() { v.each((*wire).heal) }

// pause stops the leader, and sends it commands that it will find when it wakes.
func (f *failing) pause(v *Server) {
	v.signal(syscall.SIGSTOP)
	f.asleep = time.Now()
	f.send(v, "asleep", 5)
}

// send has one server, and no other, asked for work; it may take its time.
func (f *failing) send(v *Server, name string, tasks int) {
	cl, err := client.New(client.Config{Server: v.url, Token: f.Token(), Timeout: startTimeout + pauseOf()})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(cl.Close)
	for i := range tasks {
		f.waiting.Go(func() { f.load.submit(cl, f.load.yard.mixed(fmt.Sprint(name, "-", i), i)) })
	}
}

// wake lets it go on when it has slept for long enough.
func (f *failing) wake(v *Server) {
	time.Sleep(pauseOf() - time.Since(f.asleep))
	v.signal(syscall.SIGCONT)
	f.waiting.Wait()
}

// quiet demands that one who follows again says nothing to nodes any more.
func (f *failing) quiet(row turnover) {
	f.t.Helper()
	time.Sleep(200 * time.Millisecond) // what it said before may be on its way
	row.stale = f.spy.take()
	row.accepted = f.load.sum()
	f.rows = append(f.rows, row)
	time.Sleep(500 * time.Millisecond)
	if n := f.spy.take(); n > 0 {
		f.t.Errorf("%s: %s follows, and nodes heard %d messages of an epoch that is over", row.how, row.of, n)
	}
}

// loseAck lets the leader append a record of which it never learns, and gives it a
// new connection.
func (f *failing) loseAck() {
	f.t.Helper()
	v, epoch := f.leader(0, f.servers...)
	f.settled(v)
	adopted, js := f.total("drover_batches_adopted_total"), f.journal()
	first, still, since := js(), uint64(0), time.Now()
	v.each((*wire).deafen)
	f.send(v, "unacknowledged", 1)
	Await(f.t, startTimeout, "a record whose acknowledgement is lost", func() (bool, string) {
		if now := js(); now != still {
			still, since = now, time.Now()
		}
		return still > first && time.Since(since) > 300*time.Millisecond, fmt.Sprint(first, still)
	})
	began := time.Now()
	v.each(func(w *wire) { w.drop(false) })
	v.heal()
	Await(f.t, startTimeout, "the record is adopted", func() (bool, string) {
		n := f.total("drover_batches_adopted_total")
		return n > adopted, fmt.Sprint(n)
	})
	row := turnover{how: "acknowledgement lost", of: v.name, next: time.Since(began), epoch: epoch}
	_, row.epoch = f.leader(0, f.servers...)
	f.waiting.Wait()
	f.quiet(row)
}

// journalStream is where the journal of a cell without a name is.
const journalStream = "DROVER_JOURNAL_drover"

// journal gives a function that asks NATS for the journal's last sequence.
func (s *Several) journal() func() uint64 {
	js, err := s.dial().JetStream()
	if err != nil {
		s.t.Fatal(err)
	}
	return func() uint64 {
		info, err := js.StreamInfo(journalStream)
		if err != nil {
			s.t.Fatal(err)
		}
		return info.State.LastSeq
	}
}

// total sums a metric over all servers.
func (s *Several) total(metric string) (sum float64) {
	s.t.Helper()
	for _, v := range s.servers {
		sum += s.metric(v, metric)
	}
	return sum
}

// audited demands that the servers have decided all records again that they can,
// from the beginning of an epoch that they have seen, and agree.
func (f *failing) audited() {
	f.t.Helper()
	for _, v := range f.servers {
		Await(f.t, startTimeout, v.name+" audits", func() (bool, string) {
			lag := f.metric(v, "drover_audit_lag_records")
			return lag == 0, fmt.Sprint(lag, " records behind")
		})
	}
	done, diverge := f.total("drover_audited_records_total"), f.total("drover_divergence_total")
	if done == 0 || diverge != 0 {
		f.t.Errorf("%v records were audited, %v diverge", done, diverge)
	}
}

func (f *failing) table() {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%d servers\tleader\tsettled after\tepoch\tit follows after\tstale messages\taccepted so far\tmachine stalled\n", len(f.servers))
	for _, r := range f.rows {
		fmt.Fprintf(w, "%s\t%s\t%.2f s\t%d\t%.2f s\t%d\t%d\t%.2f s\n",
			r.how, r.of, r.next.Seconds(), r.epoch, r.back.Seconds(), r.stale, r.accepted, r.stall.Seconds())
	}
	_ = w.Flush() // into memory
	f.t.Logf("%sappends refused %v, of unknown outcome %v, adopted %v; the slowest submission took %v", b.String(),
		f.total("drover_batches_refused_total"), f.total("drover_batches_unknown_total"), f.total("drover_batches_adopted_total"),
		time.Duration(f.load.slowest.Load()).Round(time.Millisecond))
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// load is work that comes in all the while.
type load struct {
	t       *testing.T
	s       *Several
	yard    *yard
	stop    chan struct{}
	done    sync.WaitGroup
	slowest atomic.Int64 // submission, in nanoseconds
	doubles int          // runs more than one a task

	mu       sync.Mutex
	pieces   []*piece
	accepted map[string]uint64 // the number that was answered for each name
}

// newLoad submits mixed work from now on, by clients that begin at different
// servers.
func newLoad(t *testing.T, s *Several) *load {
	t.Helper()
	l := &load{t: t, s: s, yard: newYard(t, s.Cluster, s.Client(0)), stop: make(chan struct{}), accepted: map[string]uint64{}}
	for i := range 3 * len(s.servers) {
		cl := s.Client(i)
		l.done.Go(func() {
			for n := 0; ; n++ {
				l.submit(cl, l.yard.mixed(fmt.Sprintf("w%d-%04d", i, n), n))
				select {
				case <-l.stop:
					return
				case <-time.After(time.Duration(len(s.servers)) * 150 * time.Millisecond):
				}
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

// sum is how many were accepted so far.
func (l *load) sum() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

func (l *load) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.done.Wait()
}

// submit submits one piece; it must be accepted in the end.
func (l *load) submit(cl *client.Client, p *piece) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	began := time.Now()
	got, err := cl.Submit(ctx, p.spec)
	if err != nil {
		l.t.Errorf("submit %s: %v", p.name, err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest.Store(max(l.slowest.Load(), int64(time.Since(began))))
	l.pieces, l.accepted[p.name] = append(l.pieces, p), got.ID
}

// finish submits no more, and checks what everything came to.
func (l *load) finish() {
	l.t.Helper()
	l.end()
	ctx, cl := Within(l.t, 2*time.Minute), l.s.Client(0)
	l.submit(cl, l.yard.mixed("last", 0)) // this client has seen all of it then
	names := make([]string, len(l.pieces))
	for i, p := range l.pieces {
		names[i] = p.name
	}
	views, err := cl.WaitFinished(ctx, names...)
	if err != nil {
		l.t.Fatal(err)
	}
	for i, p := range l.pieces {
		if v := views[i]; v.Status != api.WorkloadSucceeded.String() || v.ID != l.accepted[p.name] {
			l.t.Errorf("%s ended %s (%s) as number %d; %d was answered", p.name, v.Status, v.Reason, v.ID, l.accepted[p.name])
			continue
		}
		p.check(ctx, l.t, cl)
		l.doubles += max(0, l.yard.runs(l.t, p)-1)
	}
}

// spy hears what servers say to nodes, and counts what is of an epoch that is over.
type spy struct {
	now, stale atomic.Uint64
}

func newSpy(t *testing.T, s *Several) *spy {
	t.Helper()
	y, nc := &spy{}, s.dial()
	for _, node := range nodeNames() {
		for _, subject := range []string{bus.NodeSubject(node, "hint"), bus.AgentInbox(node) + ".>"} {
			if _, err := nc.Subscribe(subject, y.hear); err != nil {
				t.Fatal(err)
			}
		}
	}
	return y
}

// hear reads the epoch, which is the first thing in all that is said.
func (y *spy) hear(m *nats.Msg) {
	var said struct {
		Epoch uint64 `cbor:"1,keyasint"`
	}
	if cbor.Unmarshal(m.Data, &said) == nil && said.Epoch > 0 && said.Epoch < y.now.Load() {
		y.stale.Add(1)
	}
}

func (y *spy) expect(epoch uint64) { y.now.Store(epoch) }

// take is how many were heard since the last call.
func (y *spy) take() int { return int(y.stale.Swap(0)) }

// stalls measures for how long this machine has no time for the test: nobody can
// be blamed for that.
type stalls struct{ most atomic.Int64 }

func newStalls(t *testing.T) *stalls {
	s := &stalls{}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() {
		const nap = 10 * time.Millisecond
		for ctx.Err() == nil {
			began := time.Now()
			time.Sleep(nap)
			late := int64(time.Since(began) - nap)
			for most := s.most.Load(); late > most && !s.most.CompareAndSwap(most, late); most = s.most.Load() {
			}
		}
	}()
	return s
}

// worst is the longest stall since the last call.
func (s *stalls) worst() time.Duration { return time.Duration(s.most.Swap(0)) }
