package bench

import (
	"math"
	"strings"
	"testing"
)

// ramps rises for ten steps and falls at once: who only looks back is always too late.
func ramps(n int) Load {
	l := Load{Name: "ramps"}
	for i := range n {
		l.Values = append(l.Values, 100+40*float64(i%10)+math.Abs(math.Sin(float64(i*i))))
	}
	return l
}

func TestForecastsScaleInTime(t *testing.T) {
	g, err := Gains{Lead: 2, Window: 1}.Autoscaling("ramps", []Load{ramps(150)})
	if err != nil {
		t.Fatal(err)
	}
	if g.Steps != 100 || g.With > g.Without/2 || g.Without < 5 {
		t.Errorf("of %d steps %.1f %% are missed with forecasts, %.1f %% without (%s)", g.Steps, g.With, g.Without, g.Note)
	}
}

// What comes later changes nothing that was decided before.
func TestScalingDoesNotLookAhead(t *testing.T) {
	a, b := ramps(90), ramps(90)
	const change = 60
	for i := change; i < len(b.Values); i++ {
		b.Values[i] = 1
	}
	g := Gains{Lead: 2, Window: 1}
	begin := 30
	x, errX := g.uppers(a, begin)
	y, errY := g.uppers(b, begin)
	if errX != nil || errY != nil {
		t.Fatal(errX, errY)
	}
	for i := 0; begin+i-g.Lead < change; i++ { // decided before the change was known
		if x[i] != y[i] {
			t.Fatalf("step %d, decided at %d, depends on step %d", begin+i, begin+i-g.Lead, change)
		}
	}
}

func TestRightsizingOfSteadyUse(t *testing.T) {
	l := Load{Values: make([]float64, 90)}
	for i := range l.Values {
		l.Values[i] = 10
	}
	l.Values[3] = 40 // once
	g := Gains{}.Rightsizing("steady", []Load{l}, 30)
	if math.Abs(g.Without-75) > 1e-9 || math.Abs(g.With-100*(1-1/1.15)) > 0.01 || !strings.Contains(g.Note, "0 %") {
		t.Errorf("slack is %.2f %% with, %.2f %% without: %s", g.With, g.Without, g.Note)
	}
}

func TestCapacityOfADailyWave(t *testing.T) {
	l := Load{Period: 24}
	for i := range 24 * 12 {
		l.Values = append(l.Values, 100+50*math.Sin(2*math.Pi*float64(i)/24)+math.Sin(float64(i*i)))
	}
	g, err := Gains{Model: "regression"}.Capacity("wave", []Load{l}, 24)
	if err != nil {
		t.Fatal(err)
	}
	if g.Steps != 24*8 || g.With > g.Without/2 || g.Without < 0.05 {
		t.Errorf("over %d steps the score is %.3f with, %.3f without", g.Steps, g.With, g.Without)
	}
}

func TestReadLoads(t *testing.T) {
	inv, err := ReadInvocations(strings.NewReader("Owner,App,Function,Trigger,1,2\na,b,f,timer,0,1\na,b,g,http,5,7\n"), 1)
	if err != nil || len(inv) != 1 || inv[0].Name != "g" || inv[0].Values[1] != 7 {
		t.Errorf("the busiest function is %+v (%v)", inv, err)
	}
	vms, err := ReadBusiness(strings.NewReader("id,cpu_capacity_mhz,list\n1,2600,600:2 300:3.5\n"))
	if err != nil || len(vms) != 1 || len(vms[0].Values) != 3 || vms[0].Values[2] != 3.5 || vms[0].Asked != 2600 {
		t.Errorf("the machine is %+v (%v)", vms, err)
	}
	for what, err := range map[string]error{
		"a negative count":    second(ReadInvocations(strings.NewReader("F,1\nf,-1\n"), 9)),
		"no minutes":          second(ReadInvocations(strings.NewReader("F,G\nf,g\n"), 9)),
		"an endless machine":  second(ReadBusiness(strings.NewReader("id,list\n1,99999999999:1\n"))),
		"text for use":        second(ReadBusiness(strings.NewReader("id,list\n1,300:x\n"))),
		"no tar of PlanetLab": second(ReadPlanetLab(strings.NewReader(strings.Repeat("x", 2000)))),
	} {
		if err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

func second[T any](_ T, err error) error { return err }
