package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/grade"
	"drover.dev/internal/history"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cell is what a server has of a cell: records, of which it shows some.
type cell struct {
	journal *journal.Memory
	records []journal.Record
	shown   int // how many
	hashes  [][32]byte
}

var _ Source = (*cell)(nil)

// jobs have a cell of two cores work on jobs of a few kinds, whose run times vary.
// From job changed on they take three times as long.
func jobs(t *testing.T, n, changed int) *cell {
	t.Helper()
	c := &cell{journal: journal.NewMemory(1, journal.Faults{})}
	watch := func(now api.Time, events []state.Event) { c.write(t, now, events) }
	node := api.Node{Name: "n1", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Capacity: api.Resources{CPU: 2000, Memory: api.GiB}}
	w, err := twin.New(twin.Config{
		Nodes: []api.Node{node}, Start: api.Time(api.Day), Watch: watch, Startup: map[string]twin.Startup{api.DriverNoop: {Cold: 50 * api.Millisecond, Warm: 50 * api.Millisecond}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rng, at, i := rand.New(rand.NewPCG(3, 3)), api.Time(api.Day), 0
	_, err = w.Run(func() (a twin.Arrival, ok bool) {
		if i == n {
			return a, false
		}
		kind := i % 3
		spec := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("kind-", kind, "-", i), Tenant: api.DefaultTenant, Tasks: []api.Task{{
			Name: "main", Driver: api.DriverNoop, Command: []string{fmt.Sprint("kind-", kind)}, Args: []string{"1s"}, Resources: api.Resources{CPU: 1000},
		}}}
		spec.Normalize()
		run := api.Duration(kind+1) * (4*api.Second + api.Duration(rng.Int64N(int64(3*api.Second))))
		if i >= changed {
			run *= 3
		}
		a = twin.Arrival{At: at, Workload: spec, Truth: []twin.Truth{{Run: run, Waits: true}}}
		at = at.Add(api.Duration(2+rng.IntN(8)) * api.Second)
		i++
		return a, true
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.shown = len(c.records)
	return c
}

// write appends a record to the cell's journal.
func (c *cell) write(t *testing.T, now api.Time, events []state.Event) {
	t.Helper()
	var enc journal.Encoder
	r := journal.Record{Format: journal.Format, MinReader: 1, N: uint64(len(c.records)) + 1, Epoch: 1, Now: int64(now), Build: "test"}
	if len(c.hashes) > 0 {
		r.PrevHash = c.hashes[len(c.hashes)-1]
	}
	list, err := enc.Events(events)
	if err != nil {
		t.Fatal(err)
	}
	r.Inputs, r.Events = enc.Inputs(nil), slices.Clone(list)
	r.Inputs = slices.Clone(r.Inputs)
	b, err := journal.Encode(r)
	if err == nil {
		_, err = c.journal.Append(t.Context(), uint64(len(c.records)), b)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.records, c.hashes = append(c.records, r), append(c.hashes, journal.Hash(b))
}

var errQuiet = errors.New("nothing more comes")

// Journal implements Source; it ends where a server would wait.
func (c *cell) Journal(ctx context.Context, after uint64, hash [32]byte, take func(client.JournalRecord) error) error {
	if after > 0 && (after > uint64(len(c.hashes)) || c.hashes[after-1] != hash) {
		return &client.Error{Status: 409}
	}
	beat := client.JournalRecord{Last: uint64(c.shown), Sent: api.Time(time.Now().UnixNano())}
	for e, err := range c.journal.Read(ctx, after+1) {
		if err != nil {
			return err
		}
		if e.Seq > uint64(c.shown) {
			break
		}
		r := beat
		r.Data = e.Data
		if err := take(r); err != nil {
			return err
		}
	}
	if err := take(beat); err != nil {
		return err
	}
	return errQuiet
}

// Bundle implements Source.
func (c *cell) Bundle(ctx context.Context, w io.Writer, records uint64, _ bool) error {
	src := history.Source{Journal: c.journal}
	_, err := src.WriteBundle(ctx, w, history.BundleOptions{Cell: "test", Version: "test", Records: records})
	return err
}

func (c *cell) Server() string { return "http://test" }

// state is the cell's after record n.
func (c *cell) hash(t *testing.T, n uint64) string {
	t.Helper()
	src := history.Source{Journal: c.journal}
	st, _, err := src.At(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return must[string](t)(HashState(st))
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// open opens a mirror that has seen nothing yet, and so predicts all that comes.
func open(t *testing.T, dir string, c *cell) *Mirror {
	t.Helper()
	m := must[*Mirror](t)(Open(Config{Dir: dir, Source: c, Seeds: 6}))
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	if m.state == nil {
		m.begin(state.New(), journal.Link{}, newMemory())
	}
	return m
}

// read takes in what the cell shows up to record n, and predicts after every record.
func read(t *testing.T, m *Mirror, c *cell, n int) {
	t.Helper()
	for c.shown = int(m.record()) + 1; c.shown <= n; c.shown++ {
		if err := m.connect(t.Context()); !errors.Is(err, errQuiet) {
			t.Fatal(err)
		}
		if err := m.round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheMirrorsStateIsTheCells(t *testing.T) {
	c := jobs(t, 14, 1000)
	dir := t.TempDir()
	m := open(t, dir, c)
	n := len(c.records)
	read(t, m, c, n/2)
	if got := must[string](t)(HashState(m.state)); got != c.hash(t, m.record()) {
		t.Errorf("after record %d the mirror's state is another one", m.record())
	}
	m.checkpoint()
	m.background.Wait()
	read(t, m, c, 3*n/4)

	// As kill -9 leaves it: nothing is closed, and what was after the checkpoint is gone.
	killed := t.TempDir()
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	again := open(t, killed, c)
	if got := again.record(); got != uint64(n/2) {
		t.Errorf("it goes on from record %d, not from the checkpoint at %d", got, n/2)
	}
	if len(again.open) != len(m.open) {
		t.Errorf("%d predictions are open, %d were", len(again.open), len(m.open))
	}
	read(t, again, c, n)
	if got := must[string](t)(HashState(again.state)); got != c.hash(t, uint64(n)) {
		t.Errorf("after record %d the mirror's state is another one", n)
	}
	list, left, err := ReadGraded(killed)
	if err != nil || left != 0 {
		t.Errorf("%d predictions still wait for their truth, %v", left, err)
	}
	seen := map[uint64]bool{}
	for _, g := range list {
		if seen[g.ID] {
			t.Errorf("job %d is graded twice", g.ID)
		}
		seen[g.ID] = true
	}
	if len(seen) != 14 {
		t.Errorf("%d of 14 jobs were graded", len(seen))
	}
}

func TestTheFirstStartTakesABundle(t *testing.T) {
	c := jobs(t, 5, 1000)
	m := must[*Mirror](t)(Open(Config{Dir: t.TempDir(), Source: c}))
	defer m.Close()
	if err := m.connect(t.Context()); !errors.Is(err, errQuiet) {
		t.Fatal(err)
	}
	m.background.Wait()
	n := uint64(len(c.records))
	if s := m.Status(); s.Record != n || s.Checkpoint.Record != n || s.Checkpoint.State != c.hash(t, n) || s.Predictions.Made != 0 || s.Lag.Records != 0 {
		t.Errorf("the status is %+v", s)
	}
	if got := m.memory.besides()[api.DriverNoop]; len(got) != 5 || got[0].Before < 50*api.Millisecond {
		t.Errorf("it has learnt that starting takes %v", got)
	}
}

func TestPredictionsAreGraded(t *testing.T) {
	c := jobs(t, 40, 1000)
	m := open(t, t.TempDir(), c)
	read(t, m, c, len(c.records))
	list, _, err := ReadGraded(m.cfg.Dir)
	if err != nil || len(list) != 40 {
		t.Fatalf("%d of 40 jobs were graded, %v", len(list), err)
	}
	for _, g := range list {
		if g.Made >= g.Ended || g.Made < g.Submitted || g.Began == 0 && g.Start.P50 < g.Made || g.End.P10 < g.Made {
			t.Errorf("what was foretold of job %d lies before it was foretold: %+v", g.ID, g)
		}
	}
	for _, s := range grade.Scores(list[20:]) { // the first ones had nothing to learn from
		if s.Of == grade.Start || s.History != grade.Known {
			continue
		}
		if s.Coverage < 50 || s.MAPE > 50 || s.Verdict == grade.Loses {
			t.Errorf("the score is %+v", s)
		}
	}
}

// Nothing of a later record is in a prediction: with another future it is the same.
func TestPredictionsKnowNothingOfTheFuture(t *testing.T) {
	const changed = 7
	made := func(c *cell) []grade.Graded {
		m := open(t, t.TempDir(), c)
		read(t, m, c, len(c.records))
		list, _, err := ReadGraded(m.cfg.Dir)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(list, func(a, b grade.Graded) int { return int(a.ID) - int(b.ID) })
		return list
	}
	one, other := made(jobs(t, 14, 1000)), made(jobs(t, 14, changed))
	if one[changed].Ended == other[changed].Ended {
		t.Fatal("the futures do not differ")
	}
	for i := range changed + 1 { // the first that takes longer does not tell so when it comes
		if one[i].Prediction != other[i].Prediction {
			t.Errorf("of job %d the same was known, but\n%+v was foretold, and\n%+v", one[i].ID, one[i].Prediction, other[i].Prediction)
		}
	}
}

// What drover plan --twin foretold is graded when its job comes, if that is as asked.
func TestPlansAreGraded(t *testing.T) {
	c := jobs(t, 6, 1000)
	m := open(t, t.TempDir(), c)
	m.cfg.Now = func() time.Time { return api.Time(api.Day).Std() }
	read(t, m, c, 3)
	third := func(name string, at api.Duration) *grade.Prediction {
		made := m.state.Now
		return &grade.Prediction{
			Tenant: api.DefaultTenant, Name: name, Made: made, Submitted: made.Add(at),
			Start: grade.Quantiles{P10: made, P50: made.Add(at), P90: made.Add(api.Hour)}, End: grade.Quantiles{P10: made, P50: made.Add(at + 30*api.Second)},
		}
	}
	for _, p := range []*grade.Prediction{third("kind-0-3", 10*api.Second), third("kind-1-4", 10*api.Hour), third("nobody", 0)} {
		if err := KeepPlan(m.cfg.Dir, p); err != nil {
			t.Fatal(err)
		}
	}
	write := filepath.Join(m.cfg.Dir, plansDir, "plan-noise.json")
	if err := os.WriteFile(write, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for n := 4; n <= len(c.records); n++ {
		read(t, m, c, n)
		m.takePlans()
	}
	list, open, err := ReadGraded(m.cfg.Dir)
	var plans []grade.Graded
	for _, g := range list {
		if g.Origin == grade.OfPlan {
			plans = append(plans, g)
		}
	}
	if err != nil || open != 0 || len(list) != 7 || len(plans) != 1 || plans[0].Name != "kind-0-3" || plans[0].Start.P50 != plans[0].Submitted {
		t.Errorf("%d are graded, %d open, %v; of plans %+v", len(list), open, err, plans)
	}
	if s := m.Status(); s.Predictions.Plans != 1 || s.Predictions.Made != 6 || s.Predictions.Graded != 6 {
		t.Errorf("the status counts %+v", s.Predictions)
	}
	if left, _ := filepath.Glob(filepath.Join(m.cfg.Dir, plansDir, "*")); len(left) > 0 {
		t.Errorf("%v stay", left)
	}
}

// A job may have come and ended before its answer was taken in, within a second: it is
// graded by what the state tells, and not beside persistence, which would know the truth.
func TestPlansOfShortJobsAreGraded(t *testing.T) {
	c := jobs(t, 6, 1000)
	m := open(t, t.TempDir(), c)
	read(t, m, c, len(c.records))
	w := m.state.Named(api.DefaultTenant, "kind-0-3")
	m.cfg.Now = func() time.Time { return w.Submitted.Std() }
	answer := grade.Prediction{
		Tenant: api.DefaultTenant, Name: "kind-0-3", Made: w.Submitted.Add(-api.Second), Submitted: w.Submitted.Add(-api.Second),
		Start: grade.Quantiles{P10: w.Submitted, P50: w.Submitted, P90: w.Submitted.Add(api.Hour)}, End: grade.Quantiles{P10: w.Submitted, P50: w.FinishAt},
	}
	late := answer // it was given when the job was there already
	late.Made, late.Submitted = w.Submitted.Add(1), w.Submitted.Add(1)
	for _, p := range []*grade.Prediction{&answer, &late} {
		if err := KeepPlan(m.cfg.Dir, p); err != nil {
			t.Fatal(err)
		}
	}
	m.takePlans()
	list, _, err := ReadGraded(m.cfg.Dir)
	list = slices.DeleteFunc(list, func(g grade.Graded) bool { return g.Origin != grade.OfPlan })
	if err != nil || len(list) != 1 {
		t.Fatalf("%d answers are graded, %v", len(list), err)
	}
	g := list[0]
	if began := w.Groups[0].Tasks[0].Started; g.Started != began || g.Ended != w.FinishAt || g.NaiveEnd != 0 || g.End.P50 != w.FinishAt.Add(api.Second) {
		t.Errorf("graded is %+v, the job ran from %v to %v", g, began, w.FinishAt)
	}
}

func TestAnotherCellIsNotMirrored(t *testing.T) {
	dir := t.TempDir()
	c := jobs(t, 3, 1000)
	m := open(t, dir, c)
	read(t, m, c, len(c.records))
	c.hashes[len(c.hashes)-1][0]++
	if err := m.Run(t.Context()); err == nil || !client.Conflict(err) {
		t.Errorf("another journal is followed: %v", err)
	}
	s := must[Status](t)(ReadStatus(dir))
	if s.Connected || s.Checkpoint.Record != uint64(len(c.records)) {
		t.Errorf("when it has ended its status is %+v", s)
	}
}

func TestLag(t *testing.T) {
	var l lag
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	server := func(d time.Duration) api.Time { return api.Time(noon.Add(d).UnixNano()) }
	const ahead = time.Hour // the mirror's clock
	l.stamp(server(0), noon.Add(ahead+30*time.Millisecond))
	l.stamp(server(time.Second), noon.Add(ahead+time.Second+10*time.Millisecond)) // faster
	l.folded(server(-time.Minute), noon.Add(ahead+time.Second))                   // caught up with
	if l.quantile(0.99) != 0 {
		t.Error("what was decided before the connection counts")
	}
	l.folded(server(2*time.Second), noon.Add(ahead+2*time.Second+35*time.Millisecond))
	if got := l.quantile(0.99); got < 0.0249 || got > 0.0251 {
		t.Errorf("the lag is %v s, want 25 ms", got)
	}
	for range 2 * lagSamples {
		l.folded(server(3*time.Second), noon.Add(ahead+3*time.Second+11*time.Millisecond))
	}
	if got := l.quantile(1); len(l.samples) != lagSamples || got > 0.0011 {
		t.Errorf("of %d samples the longest is %v s", len(l.samples), got)
	}
}

func TestStoreIsBounded(t *testing.T) {
	dir := t.TempDir()
	s := must[*store](t)(openStore(dir, 1, func(*entry) {}))
	const n = 20_000
	for i := range uint64(n) {
		if err := s.add(&entry{Made: &grade.Prediction{ID: i + 1, Name: "job", Tenant: "default"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	size, first, last := int64(0), uint64(0), uint64(0)
	for _, f := range must[[]os.DirEntry](t)(os.ReadDir(dir)) {
		size += must[os.FileInfo](t)(f.Info()).Size()
	}
	s = must[*store](t)(openStore(dir, 1, func(e *entry) {
		if first == 0 {
			first = e.Made.ID
		}
		last = e.Made.ID
	}))
	defer s.close()
	if size > segments*leastSegment || first == 1 || last != n {
		t.Errorf("%d bytes hold jobs %d to %d", size, first, last)
	}
}

func TestATornEndIsCutOff(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"half an entry": func(b []byte) []byte { return b[:len(b)-3] },
		"a flipped bit": func(b []byte) []byte { b[len(b)-3] ^= 1; return b },
		"noise":         func(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := must[*store](t)(openStore(dir, 1, func(*entry) {}))
			for i := range uint64(3) {
				if err := s.add(&entry{Dropped: i + 1}); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join(dir, fmt.Sprintf(segmentName, 1))
			_ = s.close()
			if err := os.WriteFile(path, spoil(must[[]byte](t)(os.ReadFile(path))), 0o600); err != nil {
				t.Fatal(err)
			}
			s = must[*store](t)(openStore(dir, 1, func(*entry) {}))
			if err := s.add(&entry{Dropped: 9}); err != nil {
				t.Fatal(err)
			}
			_ = s.close()
			var got []uint64
			s = must[*store](t)(openStore(dir, 1, func(e *entry) { got = append(got, e.Dropped) }))
			_ = s.close()
			if n := len(got); n < 3 || got[0] != 1 || got[1] != 2 || got[n-1] != 9 {
				t.Errorf("it holds %v", got)
			}
		})
	}
}

func TestTheLagFollowsClocksThatAreSetAnew(t *testing.T) {
	var l lag
	now := time.Unix(1_700_000_000, 0)
	beat := func(seconds int, ahead time.Duration) {
		for range seconds {
			now = now.Add(time.Second)
			l.stamp(api.Time(now.Add(ahead-time.Millisecond).UnixNano()), now)
		}
	}
	beat(300, time.Hour)
	beat(150, time.Hour-10*time.Second) // the server's clock was set back
	l.folded(api.Time(now.Add(time.Hour-10*time.Second-25*time.Millisecond).UnixNano()), now)
	if got := l.last; got < 0.02 || got > 0.03 {
		t.Errorf("two minutes after a clock was set back the lag is %v s, want 24 ms", got)
	}
}

// A record that is chained well, and of which only the first event can be folded in.
func TestWhatMakesNoSenseIsNeverGoneOnFrom(t *testing.T) {
	c := jobs(t, 6, 1000)
	good := len(c.records)
	dir := t.TempDir()
	m := must[*Mirror](t)(Open(Config{Dir: dir, Source: c, Quiet: true}))
	if err := m.connect(t.Context()); !errors.Is(err, errQuiet) {
		t.Fatal(err)
	}
	strategy := func(name string) state.Event { return &state.SettingsChanged{Settings: state.Settings{Strategy: name}} }
	c.write(t, api.Time(2*api.Day), []state.Event{strategy("fifo")})
	c.write(t, api.Time(2*api.Day), []state.Event{strategy("worst-fit"), &state.RolloutShadowed{}})
	c.shown += 2
	err := m.Run(t.Context())
	var bad *badRecordError
	if !errors.As(err, &bad) || !strings.Contains(err.Error(), "--anew") {
		t.Errorf("a record that makes no sense: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	again := must[*Mirror](t)(Open(Config{Dir: dir, Source: c, Quiet: true}))
	defer again.Close()
	if n := again.record(); n != uint64(good) || again.kept.State != c.hash(t, n) {
		t.Errorf("it goes on from record %d, and its checkpoint was at %d", n, good)
	}
}

// A kill while the bundle is read leaves it behind, as large as the cell's state.
func TestTheNextStartCleansUp(t *testing.T) {
	c := jobs(t, 5, 1000)
	dir := t.TempDir()
	left := filepath.Join(dir, fetchDir, "drover-bundle-1")
	err := os.MkdirAll(left, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(left, "snapshot"), []byte("half"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // after a kill, and after a start that took a bundle
		m := must[*Mirror](t)(Open(Config{Dir: dir, Source: c, Quiet: true}))
		if _, err := os.Stat(filepath.Join(dir, fetchDir)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("what was left is still there: %v", err)
		}
		if err := m.connect(t.Context()); !errors.Is(err, errQuiet) {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
