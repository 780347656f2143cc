package outlook

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/series"
)

// A wave whose tops are above what there is: the plan says when, and how sure that is.
func TestCapacity(t *testing.T) {
	w := newWorld(t)
	w.live(1, wave) // the outlook tracks what the store knows
	for range 120 {
		i := int((w.now - noon) / api.Time(api.Minute))
		for name, v := range map[string]float64{
			"demand/edge/cpu": wave(i), "capacity/edge/cpu": 570, "demand/edge/memory": 1, "capacity/edge/memory": 8, "capacity/edge/gpu": 1,
		} {
			if err := w.store.Add(name, series.Gauge, w.now, v); err != nil {
				t.Fatal(err)
			}
		}
		w.now += api.Time(api.Minute)
	}
	w.out.Fit(never)
	plan, err := w.out.Capacity(20 * api.Minute)
	if err != nil || len(plan.Items) != 3 {
		t.Fatalf("the plan is %+v (%v)", plan, err)
	}
	cpu, rest := plan.Items[0], plan.Items[1:]
	if cpu.Resource != "cpu" || cpu.Probability < 0.95 || cpu.First == 0 || len(cpu.Chances) != 20 || cpu.Capacity != 570 {
		t.Errorf("of CPU the plan says %+v", cpu)
	}
	for i, chance := range cpu.Chances {
		came := wave(int((w.now-noon)/api.Time(api.Minute))+i) > 570
		if came && chance < 0.3 || !came && chance > 0.7 {
			t.Errorf("%d minutes ahead the chance is %.2f, short: %v", i, chance, came)
		}
	}
	if cpu.Short < 4*api.Minute || cpu.Short > 14*api.Minute || cpu.Peak < 600 {
		t.Errorf("short for %v, at most %v", cpu.Short, cpu.Peak)
	}
	for _, s := range rest {
		if s.Probability > 0.001 || (s.Note == "") != (s.Resource == "memory") {
			t.Errorf("the plan says %+v", s)
		}
	}
}

// Chances are graded when it is known what came, and those that hold are believed.
func TestChancesAreGraded(t *testing.T) {
	w := newWorld(t)
	for i := range 120 {
		for name, v := range map[string]float64{"demand/edge/cpu": wave(i), "capacity/edge/cpu": 570} {
			if err := w.store.Add(name, series.Gauge, w.now, v); err != nil {
				t.Fatal(err)
			}
		}
		w.now += api.Time(api.Minute)
		if err := w.store.Tick(w.now); err != nil {
			t.Fatal(err)
		}
		w.out.Fit(never)
	}
	track := w.out.tracks[key{"demand/edge/cpu", "minutes"}]
	if r := &track.Risk; r.N < 60 || r.Came < 10 || r.Came == r.N || r.Weight() < 0.8 {
		t.Errorf("the chances of a wave are graded as %+v, and believed to %.2f", *r, r.Weight())
	}
	track.Risk.Agree = -100 // they were wrong
	if got, share := track.believed(1), track.Risk.Share(); got != share {
		t.Errorf("after chances that were wrong it is %.2f, not the share %.2f", got, share)
	}
}
