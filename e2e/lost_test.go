//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/agent"
	"drover.dev/internal/live"
)

// How much work a round is, and how much of it is under way at each kill: so
// many tasks wait at the gate, and no kill is later than its opening.
const (
	tasksPerRound = 500
	gatedPerRound = 240 // half of them may wait again at a kill, with the agent that was killed just before
	leastUnderWay = 100
)

// victims are the rounds of TestNothingLost: what dies in each, in order. A
// victim with a point is killed at a random moment first, and then by itself
// when it gets to that point. A "worker" is that of a running task; a "node" is
// an agent that comes back only after its tasks were given to another node,
// while they ran on; "all" is the machine.
func victims() [][]string {
	return [][]string{
		{"server.before-append", "worker"},
		{"server.after-append", "agent.after-assign"},
		{"server.before-dispatch", "agent.before-start"},
		{"server.after-dispatch", "agent.after-start"},
		{"agent.before-collect", "server.before-snapshot"},
		{"agent.before-outbox-sync", "server.before-truncate"},
		{"agent.after-outbox-sync", "server.after-truncate"},
		{"agent.before-report", "worker"},
		{"agent.after-report-ack", "all"},
		{"agent.before-outbox-delete", "node"},
	}
}

// TestNothingLost kills server, agents and workers at every fail-point while at
// least a hundred tasks are under way. Whatever was accepted must end well, with
// the right output, under the number that was answered, and the journal must
// tell the same story when it is decided again.
func TestNothingLost(t *testing.T) {
	rounds := victims()
	if os.Getenv("DROVER_SOAK") != "" {
		for range 9 {
			rounds = append(rounds, victims()...)
		}
	}
	l := newLosses(t)
	for i, list := range rounds {
		l.round(i+1, list)
		if t.Failed() {
			break
		}
	}
	l.c.Stop()
	story := retell(t, l.c.ServerDir())
	l.table(story)
	story.must(t, l.accepted)
}

// TestEveryPointIsAVictim keeps the rounds complete when points are added.
func TestEveryPointIsAVictim(t *testing.T) {
	t.Parallel()
	said := fmt.Sprint(victims())
	for _, point := range append(live.Failpoints(), agent.Failpoints()...) {
		if !strings.Contains(said, point) {
			t.Errorf("no round kills at %s", point)
		}
	}
}

// losses is the state of TestNothingLost.
type losses struct {
	t        *testing.T
	c        *Cluster
	cl       *client.Client
	yard     *yard
	agents   map[string]*Process
	random   *rand.Rand
	underWay atomic.Int32 // when the server was asked last
	kills    []kill
	rounds   []roundEnd

	mu       sync.Mutex
	accepted map[string]uint64 // the number that was answered for each name
}

// kill is one row of the first table.
type kill struct {
	round     int
	victim    string
	underWay  int32
	recovered time.Duration // until it was ready again
}

// roundEnd is one row of the second.
type roundEnd struct {
	tasks, doubles int
	took           time.Duration
}

func newLosses(t *testing.T) *losses {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("DROVER_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatalf("DROVER_SEED: %v", err)
		}
	}
	t.Logf("the same choices again: DROVER_SEED=%d", seed)
	c := NewCluster(t, "--snapshot-every", "20", "--silent-after", "10s")
	l := &losses{
		t: t, c: c, cl: c.Client(), agents: map[string]*Process{}, accepted: map[string]uint64{},
		random: rand.New(rand.NewPCG(seed, 0)),
	}
	for _, name := range nodeNames() {
		l.agents[name] = c.Agent(name, "--label", "node="+name, "--noop", "--cpu", "200", "--memory", "64Gi") // room for the gated and the rest
	}
	l.yard = newYard(t, c, l.cl)
	l.sample()
	return l
}

// sample keeps asking the server how much is under way.
func (l *losses) sample() {
	quick, err := client.New(client.Config{Server: l.c.URL, Token: l.c.Token(), Timeout: time.Second, FailFast: true})
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	l.t.Cleanup(func() { cancel(); done.Wait(); quick.Close() })
	done.Go(func() {
		for ctx.Err() == nil {
			if s, err := quick.Status(ctx); err == nil {
				l.underWay.Store(s.Running)
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
}

// round submits 500 tasks, kills, and waits until everything has ended well.
func (l *losses) round(n int, list []string) {
	l.t.Helper()
	began := time.Now()
	l.yard.close(l.t)
	pieces := l.pieces(n)
	gated, rest := pieces[:gatedPerRound], pieces[gatedPerRound:]
	l.submit(gated)
	wave := len(rest) / len(list)
	for i, victim := range list {
		share := rest[i*wave:]
		if i < len(list)-1 {
			share = share[:wave]
		}
		l.strike(n, victim, share)
	}
	l.yard.release(l.t)
	doubles := l.settle(pieces)
	l.rounds = append(l.rounds, roundEnd{len(pieces), doubles, time.Since(began)})
}

// pieces makes the work of a round; the gated come first.
func (l *losses) pieces(round int) []*piece {
	out := make([]*piece, tasksPerRound)
	for i := range out {
		name, seed := fmt.Sprintf("r%03d-%03d", round, i), 1000*round+i
		if i < gatedPerRound {
			out[i] = l.yard.gated(name, seed)
		} else {
			out[i] = l.yard.mixed(name, seed)
		}
	}
	return out
}

// submit submits pieces one by one, several at a time, and keeps what was
// answered. The client tries again, under the same key, while the server is dead.
func (l *losses) submit(pieces []*piece) {
	ctx := Within(l.t, 2*time.Minute)
	queue := make(chan *piece, len(pieces))
	for _, p := range pieces {
		queue <- p
	}
	close(queue)
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for p := range queue {
				got, err := l.cl.Submit(ctx, p.spec)
				if err != nil || got.Action != "created" {
					l.t.Errorf("submit %s: %+v, %v", p.name, got, err)
				}
				l.mu.Lock()
				l.accepted[p.name] = got.ID
				l.mu.Unlock()
			}
		})
	}
	done.Wait()
}

// settle waits for the end of a round's work and checks all of it. It returns
// how often a task was run once more than needed.
func (l *losses) settle(pieces []*piece) (doubles int) {
	l.t.Helper()
	ctx := Within(l.t, 2*time.Minute)
	names := make([]string, len(pieces))
	for i, p := range pieces {
		names[i] = p.name
	}
	views, err := l.cl.WaitFinished(ctx, names...)
	if err != nil {
		l.t.Fatalf("%v\n%s", err, l.stuck())
	}
	for i, p := range pieces {
		if v := views[i]; v.Status != api.WorkloadSucceeded.String() || v.ID != l.accepted[p.name] {
			l.t.Errorf("%s ended %s (%s) as number %d; %d was answered", p.name, v.Status, v.Reason, v.ID, l.accepted[p.name])
			continue
		}
		p.check(ctx, l.t, l.cl)
		if n := l.yard.runs(l.t, p); n > 1 {
			doubles += n - 1
		}
	}
	l.noLeftOvers()
	return doubles
}

// stuck describes some of the work that does not end.
func (l *losses) stuck() string {
	ctx := Within(l.t, startTimeout)
	var b strings.Builder
	n := 0
	for v, err := range l.cl.List(ctx, client.ListOptions{Status: []string{"pending", "running"}}) {
		if err != nil || n == 5 {
			break
		}
		n++
		task, err := l.cl.Task(ctx, v.Name, "main", 0)
		task.Decision = nil
		fmt.Fprintf(&b, "%s is %s: %+v, %v\n", v.Name, v.Status, task, err)
	}
	return b.String()
}

// noLeftOvers waits until no process of a task is left on any node.
func (l *losses) noLeftOvers() {
	l.t.Helper()
	for _, name := range nodeNames() {
		Await(l.t, 20*time.Second, "no process of a task is left on "+name, func() (bool, string) {
			pids := processesOf(l.c.AgentDir(name) + "/tasks")
			return len(pids) == 0, fmt.Sprint(pids)
		})
	}
}

// table prints what happened.
func (l *losses) table(s *story) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nround\tkilled\tunder way\tready again after")
	for _, k := range l.kills {
		fmt.Fprintf(w, "%d\t%s\t%d\t%.2f s\n", k.round, k.victim, k.underWay, k.recovered.Seconds())
	}
	fmt.Fprintln(w, "\nround\ttasks\ttook\tdouble runs\tends reported again\tduplicates recorded")
	var sum roundEnd
	resent, duplicates := 0, 0
	for i, r := range l.rounds {
		word := fmt.Sprintf("r%03d", i+1)
		fmt.Fprintf(w, "%d\t%d\t%.1f s\t%d\t%d\t%d\n", i+1, r.tasks, r.took.Seconds(), r.doubles, s.resent[word], s.duplicates[word])
		sum.tasks, sum.took, sum.doubles = sum.tasks+r.tasks, sum.took+r.took, sum.doubles+r.doubles
		resent, duplicates = resent+s.resent[word], duplicates+s.duplicates[word]
	}
	fmt.Fprintf(w, "all\t%d\t%.1f s\t%d\t%d\t%d\n", sum.tasks, sum.took.Seconds(), sum.doubles, resent, duplicates)
	_ = w.Flush() // into memory
	l.t.Log(b.String())
}
