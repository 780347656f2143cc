package live

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		victim(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// wait bounds every wait of a test; it is long because machines may be slow.
const wait = 30 * time.Second

// open opens a cell that is closed when the test ends.
func open(t testing.TB, cfg Config) *Cell {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.Bus == "" {
		cfg.Bus = "127.0.0.1:0"
	}
	// On a machine that is busy a node of a test may say nothing for long.
	cfg.SilentAfter = cmp.Or(cfg.SilentAfter, time.Hour)
	if os.Getenv("DROVER_TEST_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	c, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// run opens a cell and runs it until it leads.
func run(t testing.TB, cfg Config) *Cell {
	t.Helper()
	c := open(t, cfg)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(context.WithoutCancel(t.Context())) }()
	select {
	case <-c.Ready():
	case err := <-ended:
		t.Fatalf("the cell ended before it led: %v", err)
	case <-time.After(wait):
		t.Fatal("the cell does not lead")
	}
	return c
}

func job(name string, count int32) *api.Workload {
	w := &api.Workload{
		APIVersion: api.Version, Kind: api.KindJob, Name: name,
		Tasks: []api.Task{{Name: "main", Driver: api.DriverNoop, Count: count}},
	}
	w.Normalize()
	return w
}

func submit(w *api.Workload) engine.Input {
	return &engine.Submit{Caller: engine.Caller{Principal: "test", Key: "key of " + w.Name}, Workload: w}
}

// do carries commands out and demands that all are obeyed.
func do(t testing.TB, c *Cell, inputs ...engine.Input) ([]state.Answer, uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	answers, seq, err := c.Do(ctx, inputs)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range answers {
		if a.Code != state.CodeOK {
			t.Fatalf("%T: %s", inputs[i], a.Message)
		}
	}
	return answers, seq
}

// nothing is a view of nothing.
func nothing(*engine.Engine) {}

// view reads the cell's state.
func view(t testing.TB, c *Cell, atLeast uint64, f func(*state.State)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if _, err := c.View(ctx, atLeast, func(e *engine.Engine) { f(e.State()) }); err != nil {
		t.Fatal(err)
	}
}

// until waits for a state.
func until(t testing.TB, c *Cell, what string, ok func(*state.State) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	err := c.shadow.until(ctx, func() bool {
		defer func() {
			if r := recover(); r != nil { // the cell could not be closed otherwise
				c.shadow.mu.RUnlock()
				panic(r)
			}
		}()
		return ok(c.shadow.engine.State())
	})
	if err != nil {
		t.Fatalf("%s does not come: %v", what, err)
	}
	c.shadow.mu.RUnlock()
}

func finished(n uint64) func(*state.State) bool {
	return func(st *state.State) bool { return st.Totals.Ended >= n }
}

// fakeAgent is a node that says what a test tells it to.
type fakeAgent struct {
	t     testing.TB
	name  string
	token string
	nc    *nats.Conn
	hint  chan api.Hint

	have uint64
	held map[api.Attempt]api.Assignment
	ran  map[api.Attempt]int

	outputs []api.Value // of everything that it finishes
}

func join(t testing.TB, c *Cell, name string) *fakeAgent {
	t.Helper()
	return joinWith(t, c, name, "")
}

// joinWith joins with a token that an earlier join gave.
func joinWith(t testing.TB, c *Cell, name, token string) *fakeAgent {
	t.Helper()
	r, err := c.Join(t.Context(), api.JoinRequest{Node: name, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := bus.Connect(t.Context(), bus.Dial{URL: r.NATS, User: r.User, Password: r.Password, Node: name})
	if err != nil {
		t.Fatal(err)
	}
	a := &fakeAgent{t: t, name: name, token: r.Token, nc: nc, hint: make(chan api.Hint, 1024), held: map[api.Attempt]api.Assignment{}, ran: map[api.Attempt]int{}}
	if _, err := nc.Subscribe(bus.NodeSubject(name, "hint"), func(m *nats.Msg) {
		var h api.Hint
		if err := cbor.Unmarshal(m.Data, &h); err != nil {
			t.Error(err)
		}
		select {
		case a.hint <- h:
		default:
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		nc.Close()
		for nc.Status() != nats.CLOSED {
			time.Sleep(time.Millisecond)
		}
	})
	return a
}

// ask makes a request; the answer may be an error of the server's.
func ask[T any](a *fakeAgent, verb string, body any) (T, error) {
	a.t.Helper()
	var out T
	b, err := cbor.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	m, err := a.nc.RequestWithContext(ctx, bus.AgentSubject(a.name, verb), b)
	if err != nil {
		return out, err
	}
	if text := m.Header.Get(errorHeader); text != "" {
		return out, fmt.Errorf("refused: %s", text)
	}
	return out, cbor.Unmarshal(m.Data, &out)
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (a *fakeAgent) node() api.Node {
	return api.Node{
		Name: a.name, Site: "here", Layer: api.LayerEdge, Drivers: []string{api.DriverNoop},
		Capacity: api.Resources{CPU: 4000, Memory: 8 * api.GiB, Storage: api.GiB},
	}
}

func (a *fakeAgent) hello() api.Welcome {
	a.t.Helper()
	a.have = 0
	return must[api.Welcome](a.t)(ask[api.Welcome](a, "hello", api.Hello{Node: a.node()}))
}

// pull brings the set up to date.
func (a *fakeAgent) pull() {
	a.t.Helper()
	for again := true; again; {
		s := must[api.AssignmentSet](a.t)(ask[api.AssignmentSet](a, "pull", api.Pull{Have: a.have}))
		if !s.Full && s.From != a.have {
			a.t.Fatalf("a change from version %d, the set has %d", s.From, a.have)
		}
		if s.Full {
			clear(a.held)
		}
		for _, as := range s.Items {
			a.held[as.Attempt] = as
		}
		for _, id := range s.Gone {
			delete(a.held, id)
		}
		a.have, again = s.Version, s.Again
	}
}

// finish reports everything that is held as started and ended.
func (a *fakeAgent) finish() int {
	a.t.Helper()
	var r api.Reports
	for id, as := range a.held {
		if a.ran[id] > 0 {
			continue
		}
		a.ran[id]++
		out := api.OutcomeSucceeded
		if as.Desire == api.DesireStop {
			out = api.OutcomeStopped
		}
		r.Reports = append(r.Reports,
			api.Report{Attempt: id, N: 1, Kind: api.ReportStarted},
			api.Report{Attempt: id, N: 2, Kind: api.ReportEnded, Result: &api.Result{Outcome: out, Wall: api.Millisecond, Outputs: a.outputs}})
	}
	for rest := r.Reports; len(rest) > 0; {
		n := min(len(rest), 256)
		ack := must[api.ReportsAck](a.t)(ask[api.ReportsAck](a, "report", api.Reports{Reports: rest[:n]}))
		if ack.Seq == 0 {
			a.t.Fatal("an acknowledgement without a sequence")
		}
		rest = rest[n:]
	}
	return len(r.Reports) / 2
}

// work finishes what comes, by hints, until so many tasks are done.
func (a *fakeAgent) work(n int) {
	a.t.Helper()
	a.pull()
	for done := a.finish(); done < n; done += a.finish() {
		select {
		case h := <-a.hint:
			if h.Version <= a.have {
				continue
			}
		case <-time.After(wait):
			a.t.Fatalf("no hint comes; %d of %d tasks are done", done, n)
		}
		a.pull()
	}
}
