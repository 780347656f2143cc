package grade

import (
	"math"
	"math/rand/v2"
	"testing"

	"drover.dev/api"
)

const (
	s    = api.Second
	noon = api.Time(12 * api.Hour)
)

func at(d api.Duration) api.Time { return noon.Add(d) }

// told is a prediction at noon of a job that came then: it starts after 10 s and ends
// after 40, give or take 2.
func told() Prediction {
	around := func(d api.Duration) Quantiles { return Quantiles{at(d - 2*s), at(d), at(d + 2*s)} }
	return Prediction{
		ID: 1, Class: "compute", Record: 7, Made: noon, Submitted: noon, Round: 1,
		Start: around(10 * s), End: around(40 * s), Run: Lengths{28 * s, 30 * s, 32 * s},
		NaiveStart: at(20 * s), NaiveEnd: at(60 * s), NaiveRun: 40 * s,
	}
}

func find(t *testing.T, list []Score, of Figure, horizon, class string) Score {
	t.Helper()
	for _, sc := range list {
		if sc.Of == of && sc.Horizon == horizon && sc.Class == class && sc.History == "" {
			return sc
		}
	}
	t.Fatalf("there is no score of %s, horizon %q, class %q", of, horizon, class)
	return Score{}
}

func near(got, want float64) bool { return math.Abs(got-want) < 1e-9 }

func TestScores(t *testing.T) {
	list := Scores([]Graded{
		{Prediction: told(), Started: at(12 * s), Ended: at(50 * s)},
		{Prediction: told(), Started: at(8 * s), Ended: at(32 * s)},
	})
	start := find(t, list, Start, "", "")
	// 2 s of 12 and of 8; persistence 8 of 12 and 12 of 8.
	if start.N != 2 || !near(start.MAPE, 100*(2./12+2./8)/2) || start.MedianSeconds != 2 || start.Coverage != 100 ||
		!near(start.Persistence.MAPE, 100*(8./12+12./8)/2) || start.Persistence.MedianSeconds != 10 || start.Verdict != Unclear {
		t.Errorf("of the start: %+v", start)
	}
	end := find(t, list, End, "10 s to 1 min", "")
	if end.N != 2 || !near(end.MAPE, 100*(10./50+8./32)/2) || end.Coverage != 0 {
		t.Errorf("of the end: %+v", end)
	}
	run := find(t, list, Duration, "", "compute")
	if run.N != 2 || !near(run.MAPE, 100*(8./38+6./24)/2) || run.MedianSeconds != 7 {
		t.Errorf("of the duration: %+v", run)
	}
}

// An interval of what nothing was known of promises nothing: it counts for no coverage but
// its own.
func TestCoverageIsOfWhatIsKnown(t *testing.T) {
	hit, miss := Graded{told(), at(10 * s), at(40 * s)}, Graded{told(), at(10 * s), at(90 * s)}
	guess := miss
	guess.New = true
	for name, c := range map[string]struct {
		list []Graded
		all  float64
		of   int
		own  float64 // of what nothing was known of
	}{
		"all known":       {[]Graded{hit, miss}, 50, 2, -1},
		"guesses besides": {[]Graded{hit, hit, guess, guess}, 100, 2, 0},
		"only guesses":    {[]Graded{guess}, 0, 0, 0},
	} {
		for _, sc := range Scores(c.list) {
			if sc.Of != End || sc.Horizon != "" || sc.Class != "" {
				continue
			}
			switch sc.History {
			case "":
				if sc.Coverage != c.all || sc.CoverageOf != c.of || sc.N != len(c.list) {
					t.Errorf("%s: %+v", name, sc)
				}
			case Unknown:
				if sc.Coverage != c.own || sc.CoverageOf != sc.N {
					t.Errorf("%s: of what nothing was known of: %+v", name, sc)
				}
			}
		}
	}
}

// What nothing was known of is told of by itself, too.
func TestScoresByHistory(t *testing.T) {
	fresh := told()
	fresh.New = true
	fresh.End.P50 = at(400 * s)
	n := map[string]int{}
	for _, sc := range Scores([]Graded{{told(), at(10 * s), at(40 * s)}, {fresh, at(10 * s), at(40 * s)}}) {
		if sc.Of == End && sc.Horizon == "" && sc.Class == "" {
			n[sc.History] = sc.N
			if sc.History == Known && sc.MAPE != 0 || sc.History == Unknown && !near(sc.MAPE, 900) {
				t.Errorf("with history %s: %+v", sc.History, sc)
			}
		}
	}
	if n[""] != 2 || n[Known] != 1 || n[Unknown] != 1 {
		t.Errorf("there are %v", n)
	}
}

func TestWhatIsNotGraded(t *testing.T) {
	running := told()
	running.Began = noon
	beyond := told()
	beyond.End, beyond.Run = Quantiles{P10: at(100 * s)}, Lengths{}
	for name, c := range map[string]struct {
		g    Graded
		want [figures]bool
	}{
		"everything known":        {Graded{told(), at(9 * s), at(40 * s)}, [figures]bool{true, true, true}},
		"it ran already":          {Graded{running, noon, at(40 * s)}, [figures]bool{false, true, true}},
		"its start is not told":   {Graded{told(), 0, at(40 * s)}, [figures]bool{false, true, false}},
		"it ends beyond sight":    {Graded{beyond, at(9 * s), at(40 * s)}, [figures]bool{true, false, false}},
		"it took no time at all":  {Graded{told(), noon, noon}, [figures]bool{true, true, true}},
		"its end is far too late": {Graded{told(), at(9 * s), at(1e6 * s)}, [figures]bool{true, true, true}},
	} {
		for f := range figures {
			o, ok := c.g.outcome(f)
			if ok != c.want[f] || math.IsNaN(o.relative) || math.IsInf(o.relative, 0) {
				t.Errorf("%s: the %s is graded: %t, %+v", name, f, ok, o)
			}
		}
	}
}

func TestVerdict(t *testing.T) {
	graded := func(n int, off, naive api.Duration) (out []Graded) {
		for i := range n {
			p := told()
			p.End.P50, p.NaiveEnd = at(40*s+off), at(40*s+naive+api.Duration(i%3)*s)
			out = append(out, Graded{Prediction: p, Started: at(10 * s), Ended: at(40 * s)})
		}
		return out
	}
	for name, c := range map[string]struct {
		list []Graded
		want Verdict
	}{
		"closer":         {graded(30, s, 5*s), Beats},
		"further":        {graded(30, 9*s, s), Loses},
		"about the same": {graded(30, s, 0), Unclear},
		"few":            {graded(9, s, 5*s), Unclear},
	} {
		t.Run(name, func(t *testing.T) {
			if sc := find(t, Scores(c.list), End, "", ""); sc.Verdict != c.want {
				t.Errorf("the verdict is %s: %+v", sc.Verdict, sc.Persistence)
			}
		})
	}
}

// feed gives a detector rounds of which so many in 100 miss and are off.
func feed(d *Drift, rng *rand.Rand, rounds int, missed, off float64) (alarms int) {
	for range rounds {
		p := told()
		p.Round = d.Round + 1
		g := Graded{Prediction: p, Started: at(10 * s), Ended: at(40 * s)}
		if rng.Float64() < missed {
			g.Ended = at(43 * s)
		} else if rng.Float64() < 0.5 {
			g.Ended = at(39 * s)
		}
		if rng.Float64() < off {
			g.End = Quantiles{at(0), at(20 * s), at(60 * s)} // wide, and far off
		}
		before := d.Alarmed()
		if d.Add(&g); d.Alarmed() && !before {
			alarms++
		}
	}
	return alarms
}

func TestDriftIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		missed, off    float64
		coverage, errs bool
	}{
		"more misses":      {0.6, 0, true, false},
		"larger errors":    {0.1, 0.8, false, true},
		"nothing is worse": {0.2, 0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 1))
			var d Drift
			if feed(&d, rng, References, 0.2, 0); d.Learning() {
				t.Fatal("it has not learnt what is usual")
			}
			feed(&d, rng, 120, c.missed, c.off)
			if (d.Coverage.Since != 0) != c.coverage || c.errs && d.Error.Since == 0 {
				t.Errorf("the alarms are %+v and %+v", d.Coverage, d.Error)
			}
			feed(&d, rng, 300, 0.1, 0)
			if d.Alarmed() {
				t.Error("the alarm stands although all is well again")
			}
		})
	}
}

// What is usual raises an alarm about once in a thousand trials at most.
func TestDriftIsNotSeenWhereThereIsNone(t *testing.T) {
	alarms, rounds := 0, 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var d Drift
		feed(&d, rng, References, 0.2, 0)
		alarms += feed(&d, rng, 500, 0.2, 0)
		rounds += 2 * 500 // two sums
	}
	if alarms > rounds/between {
		t.Errorf("%d false alarms in %d trials", alarms, rounds)
	}
}

func TestOneOfEachRoundCounts(t *testing.T) {
	var d Drift
	p := told()
	for range 50 {
		d.Add(&Graded{Prediction: p, Started: at(10 * s), Ended: at(40 * s)})
	}
	if len(d.Reference) != 1 {
		t.Errorf("%d of one round were counted", len(d.Reference))
	}
}
