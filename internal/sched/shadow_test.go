package sched

import (
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
)

func carbonHours(values ...int64) *api.Signal {
	return &api.Signal{Kind: api.SignalCarbon, Zone: "DE", Step: api.Hour, Values: values, Known: int32(len(values))}
}

// A day of 24 hours of which six, from the sixth on, are clean: half of the budget of a
// day that is just enough on the whole suffices if what comes waits for these.
func TestShadow(t *testing.T) {
	day := make([]int64, 24)
	for i := range day {
		if day[i] = 400_000; i >= 6 && i < 12 {
			day[i] = 100_000
		}
	}
	window := Allowance{Amount: 1_000_000, End: api.Time(api.Day)}
	at := func(hour, taken int64) Shadow {
		b := window
		b.Taken = taken
		return shadow(carbonHours(day...), &b, api.Time(hour)*api.Time(api.Hour))
	}
	if p := at(5, 50_000); !p.Ample {
		t.Errorf("a twentieth was taken in a fifth of the day: %+v", p)
	}
	slow, fast, spent := at(1, 85_000), at(1, 110_000), at(1, 1_000_000)
	if slow.Ample || fast.Ample || slow.Hour <= fast.Hour || fast.Short {
		t.Errorf("the more is taken, the longer work waits: %+v, %+v", slow, fast)
	}
	if !spent.Short || spent.Hour != 0 {
		t.Errorf("nothing is left: %+v", spent)
	}
}

// The price is the highest at which the budget suffices, and the more is left the higher.
func TestShadowIsTight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := carbonHours(rapid.SliceOfN(rapid.Int64Range(0, 900_000), 30, 60).Draw(t, "hours")...)
		now := api.Time(rapid.Int64Range(0, 20).Draw(t, "now")) * api.Time(api.Hour)
		b := &Allowance{Amount: rapid.Int64Range(1, 1<<60).Draw(t, "amount"), End: api.Time(api.Day)}
		b.Taken = rapid.Int64Range(0, b.Amount).Draw(t, "taken")
		p, ahead := shadow(s, b, now), hoursAhead(s, now, b.End)
		switch {
		case p.Ample && meanWaiting(ahead, 1<<40) > p.Target:
			t.Fatalf("it is not ample: %+v", p)
		case p.Short && meanWaiting(ahead, 0) <= p.Target:
			t.Fatalf("it is not short: %+v", p)
		case !p.Ample && !p.Short && (meanWaiting(ahead, p.Hour) > p.Target || meanWaiting(ahead, p.Hour+1) <= p.Target):
			t.Fatalf("%+v: it comes to %d, and to %d at the next price", p, meanWaiting(ahead, p.Hour), meanWaiting(ahead, p.Hour+1))
		}
		more := *b
		more.Taken = rapid.Int64Range(0, b.Taken).Draw(t, "less")
		if q := shadow(s, &more, now); p.Ample && !q.Ample || !p.Short && q.Short || !q.Ample && q.Hour < p.Hour {
			t.Fatalf("with more left it is scarcer: %+v, %+v", p, q)
		}
	})
}
