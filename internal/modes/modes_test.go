package modes

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/trace"
	"drover.dev/internal/twin"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// people is a demand of three users with programs of their own, for two days.
func people(seed uint64) (rows []trace.Row) {
	r := rand.New(rand.NewPCG(seed, 1))
	users := []struct {
		name    string
		minutes float64
		cpu     api.Milli
	}{{"ann", 5, 1000}, {"bob", 40, 2000}, {"cho", 120, 1000}}
	for at := api.Duration(0); at < 2*api.Day; at += api.Duration(r.ExpFloat64() * 240 * float64(api.Second)) {
		u := users[r.IntN(len(users))]
		rows = append(rows, trace.Row{
			User: u.name, Submit: at, Count: 1, Each: api.Resources{CPU: u.cpu},
			Run: api.Duration(u.minutes * 60 * math.Exp(0.2*r.NormFloat64()) * float64(api.Second)),
		})
	}
	return rows
}

func options(t *testing.T, rows []trace.Row) Options {
	t.Helper()
	nodes, err := twin.ParseFleet("10x4,16Gi")
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Rows: rows, Fleet: rehearse.Fleet{Nodes: nodes}, Split: 0.5,
		Window: 3 * api.Hour, Ahead: api.Hour, Sync: 20 * api.Minute, Tasks: 60, Seeds: 6,
	}
}

func grade(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Grade(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A steady demand whose users repeat themselves is foretold as well as is asked of the modes.
func TestTheModesReachTheirAims(t *testing.T) {
	r := grade(t, options(t, people(1)))
	for _, c := range []struct {
		mode string
		aim  float64
	}{{Offline, 85}, {OfflineWith, 85}, {Replayed, 85}, {Predictive, 90}, {LiveSync, 95}} {
		m := r.Find(c.mode)
		if m == nil || m.EnergyAccuracy < c.aim || m.CompletionAccuracy < min(c.aim, 100-1.2*m.Completion.BestConstant)-5 {
			t.Errorf("%s: %+v", c.mode, m)
		}
	}
	for _, name := range []string{Predictive, LiveSync} {
		if m := r.Find(name); !m.Energy.Beats || !m.Completion.Beats {
			t.Errorf("%s does not beat persistence: %+v", name, m)
		}
	}
	if p := r.Find(LiveSync).PerTask; p == nil || p.MAPE >= p.Persistence || p.Tasks < 40 || p.Coverage < 60 {
		t.Errorf("jobs one by one: %+v", p)
	}
}

// What comes later changes nothing that was predicted before. The jobs of the last day come
// otherwise and run otherwise, and so does the rest of those that run when it begins.
func TestNothingLooksAhead(t *testing.T) {
	one := people(1)
	change := len(one) * 3 / 4
	at := one[change].Submit
	other := append([]trace.Row(nil), one...)
	r := rand.New(rand.NewPCG(9, 9))
	for i := range other {
		row := &other[i]
		if row.Submit+row.Run > at { // it has not ended when the change comes
			row.Run = max(at-row.Submit, 0) + api.Duration(r.ExpFloat64()*float64(api.Day))
		}
		if i >= change && i < len(other)-1 {
			row.User, row.Submit = "dan", row.Submit+api.Duration(i-change)*api.Microsecond
		}
	}
	predictions := func(rows []trace.Row) (made, replayed, ahead, sync []quantities, alone []prediction) {
		o := options(t, rows)
		o.Seeds, o.Tasks, o.Sync = 2, 20, 30*api.Minute
		g, err := newGrader(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		if err := g.first(ctx); err != nil {
			t.Fatal(err)
		}
		a, _, err := g.offline(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.walk(ctx); err != nil {
			t.Fatal(err)
		}
		again, err := g.replayed(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range again {
			if g.split.Add(api.Duration(s.window+1)*g.Window) <= origin.Add(at) {
				replayed = append(replayed, s.predicted)
			}
		}
		until := int(origin.Add(at).Sub(g.split) / g.Sync)
		early := func(list []step) (out []quantities) {
			for _, s := range list {
				if s.at <= until {
					out = append(out, s.predicted)
				}
			}
			return out
		}
		for _, p := range g.tasks.graded {
			if rows[p.row].Submit < at {
				alone = append(alone, prediction{row: p.row, point: p.point, median: p.median, low: p.low, high: p.high, naive: p.naive})
			}
		}
		return early(a), replayed, early(g.ahead), early(g.sync), alone
	}
	a1, r1, p1, s1, t1 := predictions(one)
	a2, r2, p2, s2, t2 := predictions(other)
	for _, c := range []struct {
		what      string
		one, next any
		n, least  int
	}{{"offline", a1, a2, len(a1), 3}, {"offline-replay", r1, r2, len(r1), 1}, {"predictive", p1, p2, len(p1), 3}, {"live-sync", s1, s2, len(s1), 3}, {"jobs one by one", t1, t2, len(t1), 3}} {
		if c.n < c.least || !reflect.DeepEqual(c.one, c.next) {
			t.Errorf("%s: of %d predictions made before the change, some saw it", c.what, c.n)
		}
	}
}

// The same options give the same report.
func TestGradesAreTheSameAgain(t *testing.T) {
	o := options(t, people(2))
	o.Seeds, o.Tasks, o.Windows = 2, 5, 2
	one, two := grade(t, o), grade(t, o)
	one.WallSeconds, two.WallSeconds = 0, 0
	a, _ := json.Marshal(one) // plain figures
	b, _ := json.Marshal(two)
	if string(a) != string(b) {
		t.Errorf("%s\n%s", a, b)
	}
}

func TestWhatCannotBeGraded(t *testing.T) {
	for name, spoil := range map[string]func(o *Options){
		"no fleet":          func(o *Options) { o.Fleet.Nodes = nil },
		"few jobs":          func(o *Options) { o.Rows = o.Rows[:10] },
		"no first part":     func(o *Options) { o.Split = 0 },
		"odd steps":         func(o *Options) { o.Ahead = 7 * api.Minute },
		"no seeds":          func(o *Options) { o.Seeds = 0 },
		"a window too long": func(o *Options) { o.Window = 30 * api.Hour },
	} {
		o := options(t, people(1))
		spoil(&o)
		if _, err := Grade(context.Background(), o); err == nil {
			t.Errorf("%s: it was graded", name)
		}
	}
}

func TestErrors(t *testing.T) {
	at := func(window int, predicted, actual, before float64) step {
		return step{window: window, predicted: quantities{joules: predicted}, actual: quantities{joules: actual}, before: quantities{joules: before}}
	}
	e := errorsOf([]step{at(0, 90, 100, 50), at(0, 110, 100, 100), at(1, 100, 50, 100), at(2, 1, 0, 0)}, func(q quantities) float64 { return q.joules })
	want := Errors{
		MAPE: 50, Persistence: 62.5, Weighted: 100 * 51.0 / 250, WeightedPersistence: 40, Total: 100 * 51.0 / 250,
		Step: 40, StepPersistence: 50, Beats: true, BestConstant: 37.5, Windows: 2, Empty: 1,
	}
	e.StepPersistence = math.Round(e.StepPersistence*1e9) / 1e9
	if e != want {
		t.Errorf("%+v\n%+v", e, want)
	}
}

// A public trace: pai-1k of GAIA.
func TestOnAPublicTrace(t *testing.T) {
	if testing.Short() {
		t.Skip("figures of a whole trace: left to the run without -short")
	}
	dir := os.Getenv("DROVER_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(dir, "gaia", "pai_1k.csv"))
	if err != nil {
		t.Skipf("pai_1k is not there, set DROVER_DATA: %v", err)
	}
	defer f.Close()
	rows, err := rehearse.ReadRows(f, rehearse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	nodes, _ := twin.ParseFleet("16x4,16Gi") // as in the other tests
	r := grade(t, Options{
		Rows: rows, Fleet: rehearse.Fleet{Nodes: nodes}, Split: 0.5,
		Window: 6 * api.Hour, Ahead: api.Hour, Sync: 20 * api.Minute, Windows: 4, Tasks: 50, Seeds: 4,
	})
	if m := r.Find(Predictive); m.EnergyAccuracy < 90 || !m.Energy.Beats {
		t.Errorf("predictive: %+v", m)
	}
	if m := r.Find(LiveSync); m.EnergyAccuracy < 95 || m.PerTask.MAPE > m.PerTask.Persistence {
		t.Errorf("live-sync: %+v, %+v", m, m.PerTask)
	}
}

func TestWhatCannotBeGradedIsRefused(t *testing.T) {
	rows := people(1)
	for name, tt := range map[string]struct {
		change func(o *Options)
		want   string
	}{
		"nothing ahead":       {func(o *Options) { o.Ahead = 0 }, "multiple of the next"},
		"less than nothing":   {func(o *Options) { o.Ahead = -api.Hour }, "multiple of the next"},
		"a mirror in no time": {func(o *Options) { o.Sync = 0 }, "multiple of the next"},
		"no window":           {func(o *Options) { o.Window = 0 }, "multiple of the next"},
		"too many windows":    {func(o *Options) { o.Window, o.Ahead, o.Sync = api.Second, api.Second, api.Second }, "are too many"},
		"windows too long":    {func(o *Options) { o.Window = 30 * api.Day }, "must fit into each twice"},
		"no first part":       {func(o *Options) { o.Split = math.NaN() }, "a tenth to nine tenths"},
		"many worlds":         {func(o *Options) { o.Seeds = 101 }, "1 to 100 seeds"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, rows)
			tt.change(&o)
			if _, err := Grade(t.Context(), o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// A truth of zero has no percentage, and what has none is no number that JSON lacks.
func TestNothingToBeOffBy(t *testing.T) {
	m := modeOf("", "", api.Hour, []step{{window: 0}, {window: 1}}, 0)
	if _, err := json.Marshal(m); err != nil {
		t.Error(err)
	}
	if m.Energy.Empty != 2 || m.Energy.Windows != 0 {
		t.Errorf("%+v", m.Energy)
	}
}
