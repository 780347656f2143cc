package api_test

import (
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
)

const day0 api.Time = 1_700_006_400e9 // a whole day

// hourly is a signal of so many known values and forecasts from an hour on, each
// value its hour plus 1000·tag.
func hourly(from, known, ahead int, tag int64) *api.Signal {
	s := &api.Signal{Kind: api.SignalCarbon, Zone: "DE", Start: day0.Add(api.Duration(from) * api.Hour), Step: api.Hour, Known: int32(known)}
	for i := range known + ahead {
		s.Values = append(s.Values, int64(from+i)+1000*tag)
		if i >= known {
			s.Spread = append(s.Spread, int64(i-known+1))
		}
	}
	return s
}

func TestSignalMerge(t *testing.T) {
	now := day0.Add(10 * api.Hour)
	old := hourly(0, 10, 24, 1)
	got := old.Merge(hourly(8, 4, 6, 2), now)
	for hour, want := range map[int]int64{0: 1000, 7: 1007, 8: 2008, 11: 2011, 12: 2012, 17: 2017, 18: 1018, 33: 1033} {
		if v, _ := got.At(day0.Add(api.Duration(hour) * api.Hour)); v != want {
			t.Errorf("hour %d is %d, want %d", hour, v, want)
		}
	}
	if got.KnownUntil() != day0.Add(12*api.Hour) || len(got.Spread) != len(got.Values)-int(got.Known) {
		t.Errorf("known until %s, %d spreads for %d values", got.KnownUntil(), len(got.Spread), len(got.Values))
	}
	if v, spread := got.At(day0.Add(14 * api.Hour)); v != 2014 || spread != 3 {
		t.Errorf("hour 14 is %d ± %d", v, spread)
	}
	// A forecast does not replace what was measured.
	if v, _ := old.Merge(hourly(5, 0, 10, 2), now).At(day0.Add(6 * api.Hour)); v != 1006 {
		t.Errorf("a measured value became %d", v)
	}
	// A fault leaves the values alone, and is gone with the next ones.
	late := old.Merge(&api.Signal{Kind: old.Kind, Zone: old.Zone, Fault: "down", FaultSince: now}, now)
	if v, _ := late.At(now); v != 1010 || late.Fault != "down" {
		t.Errorf("%d, %q", v, late.Fault)
	}
	if again := late.Merge(hourly(10, 1, 2, 3), now); again.Fault != "" {
		t.Errorf("the fault stays: %q", again.Fault)
	}
	// After a hole, or on another grid, all is new.
	if got := old.Merge(hourly(60, 2, 2, 2), now); len(got.Values) != 4 {
		t.Errorf("%d values over a hole", len(got.Values))
	}
	// Where there is no value, the usual one.
	usual := old.Merge(&api.Signal{Kind: old.Kind, Zone: old.Zone, Usual: 7, UsualSpread: 3}, now)
	if v, spread := usual.At(day0.Add(99 * api.Hour)); v != 7 || spread != 3 {
		t.Errorf("%d ± %d", v, spread)
	}
}

// TestSignalMergeKeepsItsForm over any updates, and stays small.
func TestSignalMergeKeepsItsForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := hourly(0, 1, 1, 1)
		now := day0
		for range rapid.IntRange(1, 20).Draw(t, "updates") {
			now = now.Add(api.Duration(rapid.IntRange(0, 40).Draw(t, "pause")) * api.Hour)
			at := int(now.Sub(day0)/api.Hour) + rapid.IntRange(-60, 10).Draw(t, "from")
			u := hourly(at, rapid.IntRange(0, 70).Draw(t, "known"), rapid.IntRange(0, 60).Draw(t, "ahead"), 1)
			s = s.Merge(u, now)
			if len(s.Values) == 0 || int(s.Known) > len(s.Values) || len(s.Spread) != len(s.Values)-int(s.Known) || len(s.Values) > 500 {
				t.Fatalf("%d values, %d known, %d spreads", len(s.Values), s.Known, len(s.Spread))
			}
			for i, v := range s.Values { // all updates tell the same truth
				if hour := s.Start.Add(api.Duration(i) * api.Hour).Sub(day0); v != int64(hour/api.Hour)+1000 {
					t.Fatalf("%d at hour %d", v, hour/api.Hour)
				}
			}
		}
	})
}

func TestSignalValidate(t *testing.T) {
	change := func(f func(*api.Signal)) *api.Signal {
		s := hourly(0, 3, 2, 1)
		f(s)
		return s
	}
	if faults := hourly(0, 3, 2, 1).Validate(); len(faults) > 0 {
		t.Error(faults)
	}
	for path, s := range map[string]*api.Signal{
		"kind":      change(func(s *api.Signal) { s.Kind = "warmth" }),
		"zone":      change(func(s *api.Signal) { s.Zone = "a/b" }),
		"currency":  change(func(s *api.Signal) { s.Currency = "EUR" }),
		"step":      change(func(s *api.Signal) { s.Step = api.Second }),
		"start":     change(func(s *api.Signal) { s.Start += 7 }),
		"known":     change(func(s *api.Signal) { s.Known = 6; s.Spread = nil }),
		"spread":    change(func(s *api.Signal) { s.Spread = s.Spread[:1] }),
		"values[1]": change(func(s *api.Signal) { s.Values[1] = -1 }),
		"usual":     change(func(s *api.Signal) { s.Usual = 1e12 }),
		"values":    {Kind: api.SignalCarbon, Zone: "DE"},
		"fault":     change(func(s *api.Signal) { s.Fault = "a\x00b" }),
	} {
		if faults := s.Validate(); len(faults) == 0 || faults[0].Path != path {
			t.Errorf("%s: %v", path, faults)
		}
	}
}
