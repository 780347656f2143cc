package rehearse_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/energy"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/trace"
)

const halfMinute = 30 * api.Second

// cluster makes tasks of one host each and the meter of a fleet whose hosts draw
// 30 W idle and 130 W·√x more at use x; drift is what the fleet draws more each day.
func cluster(days int, drift float64) rehearse.PowerPlan {
	rng := rand.New(rand.NewPCG(1, 2))
	steps := days * 2880
	p := rehearse.PowerPlan{Window: 24 * api.Hour, Ahead: api.Hour}
	p.Topology.Kinds = []rehearse.HostKind{{Count: 50, Cores: 16, Power: energy.Curve{Shape: energy.Linear, Idle: 30, Full: 200}}}
	watts := make([]float64, steps)
	for i := range watts {
		watts[i] = 50*30 + drift*float64(i)/2880 + rng.NormFloat64()*5
	}
	for at := 0; at < steps; at += 1 + rng.IntN(60) {
		row := trace.Row{Count: 1, Submit: api.Duration(at) * halfMinute, Each: api.Resources{CPU: 16000}, Step: halfMinute}
		use := rng.Float64()
		for range 20 + rng.IntN(1000) {
			if i := at + len(row.Use); i < steps {
				watts[i] += 130 * math.Sqrt(use)
			}
			row.Use = append(row.Use, api.Milli(use*16000))
		}
		row.Run = api.Duration(len(row.Use)) * halfMinute
		p.Tasks = append(p.Tasks, row)
	}
	for i, w := range watts {
		p.Meter = append(p.Meter, trace.Reading{At: api.Duration(i+1) * halfMinute, Value: w})
	}
	return p
}

func TestPowerIsLearnedFromTheMeter(t *testing.T) {
	r, err := rehearse.Power(t.Context(), cluster(3, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r.MAPE)
	if r.MAPE.Calibrated > 1 || r.MAPE.Uncalibrated < 1.5 || r.MAPE.Persistence < 4 || r.MAPE.DayAhead > 1.5 {
		t.Errorf("errors are %+v", r.MAPE)
	}
	if r.Interval.Coverage < 70 || r.Interval.Coverage > 90 {
		t.Errorf("the 80 %% interval covers %.1f %%", r.Interval.Coverage)
	}
	if r.Samples != 2*2880 || r.Within10 < 99 {
		t.Errorf("%d samples, %.1f %% within 10 %%", r.Samples, r.Within10)
	}
	if best := r.Models[0]; !strings.Contains(best.Formula, "√x") {
		t.Errorf("the best model of hosts that draw by the root of their use is %+v", best)
	}
}

// All published shapes are fitted to the meter; the one that made it has the least error,
// and its watts are found.
func TestShapesAreRanked(t *testing.T) {
	r, err := rehearse.Power(t.Context(), cluster(3, 0))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Shapes) != len(energy.Shapes()) {
		t.Fatalf("%d shapes are told of", len(r.Shapes))
	}
	for i, s := range r.Shapes {
		t.Logf("%+v", s)
		if i > 0 && s.MAPE < r.Shapes[i-1].MAPE {
			t.Errorf("%s with %.2f %% stands behind %s with %.2f %%", s.Shape, s.MAPE, r.Shapes[i-1].Shape, r.Shapes[i-1].MAPE)
		}
		if (s.Factor != 0) != (s.Shape == energy.MSE || s.Shape == energy.Asymptotic) {
			t.Errorf("%s has the factor %g", s.Shape, s.Factor)
		}
	}
	if best := r.Shapes[0]; best.Shape != energy.Sqrt || math.Abs(best.Rise-130) > 5 || math.Abs(best.Idle-1500) > 50 {
		t.Errorf("hosts of 1500 W together that draw 130 W·√x more are taken for %+v", best)
	}
}

// TestPowerNeverLooksAhead: what the meter says later changes no earlier prediction.
func TestPowerNeverLooksAhead(t *testing.T) {
	p := cluster(2, 0)
	before, err := rehearse.Power(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	const cut = 2880 + 12*120 // a calibration
	for i := cut; i < len(p.Meter); i++ {
		p.Meter[i].Value *= 3
	}
	after, err := rehearse.Power(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	last := cut - 2880 + 120 // the hour that begins at the cut is predicted from before it
	for i := range last {
		if before.Predicted[i] != after.Predicted[i] || before.Without[i] != after.Without[i] {
			t.Fatalf("reading %d is predicted as %g W and, when later ones differ, as %g W", i, before.Predicted[i], after.Predicted[i])
		}
	}
	if before.Predicted[last] == after.Predicted[last] {
		t.Error("readings change nothing at all")
	}
}

// TestCalibrationFollowsADrift that no load explains.
func TestCalibrationFollowsADrift(t *testing.T) {
	r, err := rehearse.Power(t.Context(), cluster(3, 200))
	if err != nil {
		t.Fatal(err)
	}
	if r.MAPE.Calibrated > 1 || r.MAPE.DayAhead < 2*r.MAPE.Calibrated {
		t.Errorf("with a fleet that draws 200 W more each day errors are %+v", r.MAPE)
	}
}

func TestPowerWithGaps(t *testing.T) {
	p := cluster(3, 0)
	meter := p.Meter[:0]
	for i, r := range p.Meter {
		switch {
		case i > 4000 && i < 4300: // lines that are missing
		case i%7 == 0:
			meter = append(meter, trace.Reading{At: r.At, Value: math.NaN()})
		default:
			meter = append(meter, r)
		}
	}
	p.Meter = meter
	r, err := rehearse.Power(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if r.MAPE.Calibrated > 1.5 || r.Samples > 2*2880*6/7-200 {
		t.Errorf("with gaps: %+v over %d samples", r.MAPE, r.Samples)
	}
}

func TestPowerRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(*rehearse.PowerPlan)
		want  string
	}{
		"a meter that ends too soon": {func(p *rehearse.PowerPlan) { p.Window = 80 * api.Hour }, "need more"},
		"a window that is too short": {func(p *rehearse.PowerPlan) { p.Window = api.Hour }, "at least twice"},
		"no use":                     {func(p *rehearse.PowerPlan) { p.Tasks = nil }, "what its tasks used"},
		"no meter":                   {func(p *rehearse.PowerPlan) { p.Meter = nil }, "fewer than two"},
		"a dead meter": {func(p *rehearse.PowerPlan) {
			for i := range p.Meter {
				p.Meter[i].Value = math.NaN()
			}
		}, "too few readings"},
	} {
		p := cluster(2, 0)
		tc.spoil(&p)
		if _, err := rehearse.Power(t.Context(), p); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadTopologyRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                                     "read topology",
		`{"clusters":[]}`:                       "no hosts",
		`{"clusters":[{"hosts":[{"cpu":{}}]}]}`: "0 cores",
		`{"clusters":[{"hosts":[{"cpu":{"coreCount":4}}]}]}`:                                                      "no cpuPowerModel",
		`{"clusters":[{"hosts":[{"cpu":{"coreCount":4},"cpuPowerModel":{"modelType":"x"}}]}]}`:                    "no shape",
		`{"clusters":[{"hosts":[{"count":-1,"cpu":{"coreCount":4}}]}]}`:                                           "-1 hosts",
		`{"clusters":[{"hosts":[{"cpu":{"coreCount":4},"cpuPowerModel":{"modelType":"linear","idlePower":9}}]}]}`: "9 W idle",
	} {
		if _, err := rehearse.ReadTopology(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestPowerOfAMeasuredCluster: see docs/twin.md for the figures.
func TestPowerOfAMeasuredCluster(t *testing.T) {
	dir := os.Getenv("DROVER_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	open := func(name string) *os.File {
		f, err := os.Open(filepath.Join(dir, "surf", name))
		if err != nil {
			t.Skipf("SKIPPED, nothing was checked: %v (set DROVER_DATA to the folder of public data)", err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	p := rehearse.PowerPlan{Window: 24 * api.Hour, Ahead: api.Hour}
	var err error
	if p.Tasks, err = rehearse.ReadRows(open("tasks_usage_first4days.csv.gz"), rehearse.Options{}); err != nil {
		t.Fatal(err)
	}
	if p.Meter, err = trace.Readings(open("power_30s_first4days.csv.gz")); err != nil {
		t.Fatal(err)
	}
	if p.Topology, err = rehearse.ReadTopology(open("topology.json")); err != nil {
		t.Fatal(err)
	}
	r, err := rehearse.Power(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v, within 10 %%: %.1f %%, interval %+v", r.MAPE, r.Within10, r.Interval)
	if r.MAPE.Calibrated > 1.5 || r.MAPE.DayAhead > 2.5 || r.MAPE.Calibrated > r.MAPE.Persistence/2 {
		t.Errorf("errors are %+v", r.MAPE)
	}
}
