package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"drover.dev/api"
)

// What is decided in hindsight is right by definition; the same seed gives the same figures; and
// a rehearsal is asked of jobs after the warm-up only.
func TestLine(t *testing.T) {
	o := LineOptions{Seeds: []uint64{1}, Warm: 2 * api.Minute, For: 30 * api.Second, Look: 30 * api.Second, Review: 20 * api.Second, Worlds: 4, Judged: 20}
	first, err := Line(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if first.Jobs < 5 || first.Bound.Judged == 0 || first.Bound.Right.Mean != 100 || first.Baseline.Gain.Mean != 0 {
		t.Errorf("%+v", first)
	}
	for name, f := range map[string]LineFigure{"without": first.Without, "with": first.With} {
		if f.Judged == 0 || f.Right.Mean < 0 || f.Right.Mean > 100 || f.Completion.Mean <= 0 || f.EnergyKWh.Mean <= 0 {
			t.Errorf("%s: %+v", name, f)
		}
	}
	again, err := Line(context.Background(), o)
	if again.Seconds, again.Deciding = first.Seconds, first.Deciding; err != nil || again != first {
		t.Errorf("%+v, then %+v, %v", first, again, err)
	}
	if first.Worlds < 1 || first.Limit.Mean < max(first.With.Gain.Mean, first.Bound.Gain.Mean) {
		t.Errorf("%.1f worlds a decision; no plan gains more than %.1f %%, and these did: %+v", first.Worlds, first.Limit.Mean, first)
	}
	o.Worlds = 0
	if _, err := Line(context.Background(), o); err == nil {
		t.Error("a rehearsal without a world was measured")
	}
}

// The whole way of choosing: of equal losses the strategy's own choice stays.
func TestLeast(t *testing.T) {
	for name, c := range map[string]struct {
		losses []float64
		want   int
	}{
		"the least":               {[]float64{5, 3, 4}, 1},
		"none is better":          {[]float64{3, 3, 4}, 0},
		"not by enough to matter": {[]float64{3.1, 3, 4}, 0},
		"the least of the others": {[]float64{9, 4, 3}, 2},
	} {
		if got := least(c.losses, 0); got != c.want {
			t.Errorf("%s: %d, not %d", name, got, c.want)
		}
	}
}

// A choice that is better in the mean, by luck in one world, is not taken.
func TestSurest(t *testing.T) {
	for name, c := range map[string]struct {
		losses [][]float64
		want   int
	}{
		"better in all":           {[][]float64{{9, 9, 9, 9}, {5, 5, 5, 5}}, 1},
		"worse in one":            {[][]float64{{9, 9, 9, 9}, {5, 5, 5, 12}}, 1},
		"worse in half of them":   {[][]float64{{9, 9, 90, 90}, {12, 12, 20, 20}}, 0},
		"the second best is sure": {[][]float64{{9, 9, 90, 90}, {12, 12, 20, 20}, {8, 8, 60, 60}}, 2},
	} {
		if got := surest(c.losses, []int{0, 1, 2}[:len(c.losses)], 0); got != c.want {
			t.Errorf("%s: %d, not %d", name, got, c.want)
		}
	}
}

// Worlds are spent on the choices that may be the best: what is plainly worse is seen twice, what comes to the same
// is seen no further, and the two that are close are told apart by many.
func TestRace(t *testing.T) {
	noise := [...]float64{40, -35, 12, -20, 30, -8, -25, 16, 4, -11, 21, -33, 7, -2, 18, -14}
	seen := [4]int{}
	look := func(choice, world int) (float64, error) {
		seen[choice]++
		common := 100 * noise[(world+5)%len(noise)] // the same for all
		return common + [...]float64{50, 500, 46, 50}[choice] + [...]float64{0, 0, noise[world] / 4, 0}[choice], nil
	}
	got, err := race(4, 0, 16, look)
	if err != nil || got != 2 || seen[1] != 2 || seen[3] != 2 || seen[2] < 8 || seen[0] != seen[2] {
		t.Errorf("choice %d, %v, after %v worlds", got, err, seen)
	}
	seen = [4]int{}
	if got, err := race(4, 2, 1, func(choice, _ int) (float64, error) { return [...]float64{9, 3.2, 3.3, 8}[choice], nil }); err != nil || got != 2 {
		t.Errorf("what makes no difference is left for choice %d, %v", got, err)
	}
	if _, err := race(2, 0, 8, func(int, int) (float64, error) { return 0, errors.New("no world") }); err == nil {
		t.Error("a world that cannot be built was overlooked")
	}
}

// A flow keeps the clock of the line, with stops, or comes at random; turned dice give what is left of one.
func TestFlow(t *testing.T) {
	k := &lineKind{Every: 10 * api.Second, Jitter: api.Second}
	f := &flow{k, roll(1, 1, false), lineStart}
	for i := 1; i <= 100; i++ {
		if late := f.next().Sub(lineStart.Add(api.Duration(i) * k.Every)); late < 0 || late > k.Jitter {
			t.Fatalf("group %d is %v late", i, late)
		}
	}
	k.Stops.Every, k.Stops.For = api.Minute, 20*api.Second
	f = &flow{k, roll(1, 1, false), lineStart}
	for range 3000 {
		f.next()
	}
	if takt := f.slot.Sub(lineStart).Std().Seconds() / 3000; takt < 12.5 || takt > 14.5 { // 10 s, and 20 s every sixth time
		t.Errorf("with stops one comes every %.1f s", takt)
	}
	a, b := roll(7, 7, false), roll(7, 7, true)
	for range 100 {
		if u, v := a.chance(), b.chance(); u+v != 1 && u != 0 || v < 0 || v > 1 {
			t.Fatalf("%g and %g", u, v)
		}
	}
	last := &lineJob{at: lineStart, kind: k, member: 0}
	if next := k.goOn(last, lineStart.Add(api.Second), roll(1, 2, false)).next(); next < lineStart.Add(9*api.Second) || next > lineStart.Add(2*api.Minute) {
		t.Errorf("the next group is expected at %v", next.Sub(lineStart))
	}
	if next := k.goOn(last, lineStart.Add(api.Hour), roll(1, 2, false)).next(); next < lineStart.Add(api.Hour) {
		t.Errorf("a group that is overdue is expected %v before now", lineStart.Add(api.Hour).Sub(next))
	}
}

// Training that waits in the plant, where all GPUs are taken, is sent to the cloud, where they are free; what runs already is left
// where it is; and nobody is asked again while all stands as it did.
func TestWhatWaitsIsSentElsewhere(t *testing.T) {
	l, err := readLine()
	if err != nil {
		t.Fatal(err)
	}
	kind := func(name string) *lineKind {
		return l.kinds[slices.IndexFunc(l.kinds, func(k *lineKind) bool { return k.Workload == name })]
	}
	train, control := kind("train"), kind("control")
	jobs := []lineJob{{n: 0}, {n: 1}, {n: 2}, {n: 3, at: lineStart.Add(30 * api.Second)}}
	for i := range jobs[:3] {
		jobs[i].at, jobs[i].kind, jobs[i].run = lineStart.Add(api.Second), train, 5*api.Minute
	}
	jobs[3].kind, jobs[3].run = control, 300*api.Millisecond
	r, err := l.begin(&LineOptions{Look: api.Minute, Review: api.Minute, Worlds: 4}, 1, jobs, byHindsight)
	if err != nil {
		t.Fatal(err)
	}
	plant := slices.IndexFunc(train.places, func(p linePlace) bool { return slices.Equal(p.layers, []api.Layer{api.LayerEdge}) })
	for i := range jobs[:3] {
		r.send(i, plant)
	}
	if _, err := r.world.Advance(jobs[3].at-1, nil); err != nil {
		t.Fatal(err)
	}
	there, before := r.standing(jobs[3].at)
	if len(there) != 3 || strings.Count(before, "running") != 2 || !strings.Contains(before, "train-2 pending") {
		t.Fatalf("%d jobs are there:\n%s", len(there), before)
	}
	if err := r.again(context.Background(), 3, true); err != nil {
		t.Fatal(err)
	}
	_, after := r.standing(jobs[3].at)
	if !strings.HasPrefix(after, before[:strings.Index(before, "train-2")]) || !strings.Contains(after, "train-2 placed cloud-") {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
	looks, resends := r.looks, r.resends
	if err := r.again(context.Background(), 3, false); err != nil || r.looks != looks || r.resends != resends || resends == 0 {
		t.Errorf("%d looks after %d, %d sent elsewhere after %d, %v", r.looks, looks, r.resends, resends, err)
	}
}
