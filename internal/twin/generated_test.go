package twin

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// roof is a site whose sun the world counts and the cell hears of: of every hour at its
// begin, as a feed would that knows it well.
func roof(t interface{ Fatal(args ...any) }, start api.Time, watts []float64) (Config, *Signal) {
	cfg := plant()
	cfg.Start, cfg.Home = start, "plant"
	cfg.Sites[0].PUE, cfg.Sites[0].Links = 1200, nil
	cfg.Nodes[0].Power = &api.PowerModel{Idle: 20_000, Full: 420_000} // 100 W a core beyond idle
	points := make([]Point, len(watts))
	var news []News
	for h, w := range watts {
		at := start.Add(api.Duration(h) * api.Hour)
		points[h] = Point{At: at, Value: w}
		news = append(news, News{At: at, Input: &engine.PutSignal{Signal: api.Signal{
			Kind: api.SignalGeneration, Zone: "plant", Start: at, Step: api.Hour, Values: []int64{int64(w) * 1000}, Known: 1, Origin: "meter",
		}}})
	}
	sun, err := NewSignal(points)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Signals, cfg.News = map[string]Signals{"plant": {Generation: sun}}, Recorded(news)
	return cfg, sun
}

// TestBooksBesideTheWorld: what the books of a cell say that its site made itself is no more
// than what the world counts, which knows what all nodes draw at each moment, idling too;
// and as much, where a node draws nothing but by its tasks.
func TestBooksBesideTheWorld(t *testing.T) {
	some := 0
	rapid.Check(t, func(t *rapid.T) {
		start := api.Time(1_700_006_400e9)
		watts := make([]float64, 24)
		for h := range watts {
			watts[h] = float64(rapid.IntRange(0, 500).Draw(t, "W"))
		}
		cfg, _ := roof(t, start, watts)
		idles := rapid.Bool().Draw(t, "idles")
		if !idles {
			cfg.Nodes[0].Power.Idle, cfg.Nodes[0].Power.Full = 0, 400_000
		}
		var jobs []Arrival
		at := start
		for i := range rapid.IntRange(1, 8).Draw(t, "jobs") {
			// One after the other: of two that run at once the books know the hour alone.
			run := api.Duration(rapid.Int64Range(int64(api.Second), int64(2*api.Hour)).Draw(t, "run"))
			at = at.Add(api.Duration(rapid.Int64Range(0, int64(40*api.Minute)).Draw(t, "pause")))
			a := single(fmt.Sprint("j", i), Truth{Run: run})
			a.At = at
			jobs = append(jobs, a)
			at = at.Add(run + 5*api.Second)
		}
		w, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.Run(few(jobs...), nil)
		if err != nil {
			t.Fatal(err)
		}
		book := w.State().Accounts.Sites["plant"]
		if book == nil || int(book.Attempts) != len(jobs) {
			t.Fatalf("%d jobs, the book is %+v", len(jobs), book)
		}
		own, booked := got.Sites[0].Own, float64(book.Generated)/1e6
		if booked > own*(1+1e-9)+1e-3 {
			t.Fatalf("the books say that %g J are its own, the world %g", booked, own)
		}
		// A task is held for seconds before it begins and after it has ended.
		if slack := float64(len(jobs)) * 5 * 500; !idles && booked < own-slack {
			t.Fatalf("the books say that %g J are its own, the world %g", booked, own)
		}
		if book.Generated > 0 {
			some++
		}
	})
	if some == 0 {
		t.Error("nothing was ever its own")
	}
}

// TestBooksOfJobsAtOnce: of jobs that run at once the books know the hour alone, and may say
// of one that it had what was made in other minutes. On twenty days of jobs that crowd a node
// which draws next to nothing without them, that is little; where it idles it vanishes in
// what the world counts for that.
func TestBooksOfJobsAtOnce(t *testing.T) {
	for _, tc := range []struct {
		idle       int64   // mW
		most, mean float64 // of what the world counts: on a day, and on all of them
	}{{20_000, 1.08, 1.03}, {100_000, 1, 1}} {
		var own, booked, worst float64
		for day := range 20 {
			r := rand.New(rand.NewPCG(uint64(day), 1))
			watts := make([]float64, 24)
			for h := range watts {
				watts[h] = float64(r.IntN(500))
			}
			start := api.Time(1_700_006_400e9)
			cfg, _ := roof(t, start, watts)
			cfg.Nodes[0].Power = &api.PowerModel{Idle: tc.idle, Full: tc.idle + 400_000}
			var jobs []Arrival
			at, often, long := start, float64(9*api.Minute), float64(20*api.Minute)
			for at < start.Add(18*api.Hour) {
				a := single(fmt.Sprint("j", len(jobs)), Truth{Run: api.Second + api.Duration(r.ExpFloat64()*long)})
				a.At = at
				jobs, at = append(jobs, a), at.Add(api.Duration(r.ExpFloat64()*often))
			}
			w, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			got, err := w.Run(few(jobs...), nil)
			if err != nil {
				t.Fatal(err)
			}
			books := float64(w.State().Accounts.Sites["plant"].Generated) / 1e6
			own, booked, worst = own+got.Sites[0].Own, booked+books, max(worst, books/got.Sites[0].Own)
		}
		t.Logf("idle %d mW: the books have %.3f of what the world counts, %.3f at most on a day", tc.idle, booked/own, worst)
		if worst > tc.most || booked/own > tc.mean || booked/own < 0.5 {
			t.Errorf("idle %d mW: the books have %.3f of what the world counts, %.3f at most on a day", tc.idle, booked/own, worst)
		}
	}
}
