package consolidate_test

import (
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/internal/energy/consolidate"
)

func small(hosts int) consolidate.Setup {
	s := consolidate.Published()
	s.Hosts = hosts
	return s
}

func steady(vms, samples int, use float64) [][]float64 {
	out := make([][]float64, vms)
	for i := range out {
		out[i] = make([]float64, samples)
		for k := range out[i] {
			out[i][k] = use
		}
	}
	return out
}

// TestOneMachine: a VM of 2,500 MIPS at half use on a G5 draws what SPECpower says,
// from the first decision at 300.1 s to the last one of an hour, and never moves.
func TestOneMachine(t *testing.T) {
	for _, policy := range []string{"dvfs", "lr-1.2", "thr-0.8", consolidate.Own} {
		r := run(t, steady(1, 12, 0.5), policy, consolidate.MMT)
		share := 1250. / 5320
		watts := 101 + (share*10-2)*(105-101)
		want := watts * 10 * 300 / 3.6e6 // eleven decisions, ten intervals between them
		if math.Abs(r.EnergyKWh-want) > 1e-9 || r.Migrations != 0 || r.SLAV != 0 {
			t.Errorf("%s: %+v, want %g kWh", policy, r, want)
		}
	}
}

func TestNothingOffDrawsAll(t *testing.T) {
	r, err := consolidate.Run(small(4), steady(2, 12, 0.5), consolidate.Policy{Detect: consolidate.NPA}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := (2*117 + 2*135) * 3300.1 / 3.6e6; math.Abs(r.EnergyKWh-want) > 1e-6 {
		t.Errorf("it uses %g kWh instead of %g", r.EnergyKWh, want)
	}
}

// TestAny: over random days, measures are what they can be, results repeat, and no
// policy draws more than hosts that are never off.
func TestAny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := rapid.IntRange(2, 40).Draw(t, "samples")
		use := make([][]float64, rapid.IntRange(1, 30).Draw(t, "vms"))
		for i := range use {
			use[i] = rapid.SliceOfN(rapid.SampledFrom([]float64{0, 0, 0.05, 0.2, 0.6, 1}), samples, samples).Draw(t, "use")
		}
		name := rapid.SampledFrom([]string{"dvfs", "thr-0.8", "iqr-1.5", "mad-2.5", "lr-1.2", "lrr-1.2", consolidate.Own}).Draw(t, "policy")
		p, err := consolidate.ParsePolicy(name, rapid.SampledFrom(consolidate.Selections()).Draw(t, "selection"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := consolidate.Run(small(24), use, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		most, err := consolidate.Run(small(24), use, consolidate.Policy{Detect: consolidate.NPA}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.EnergyKWh < 0 || r.EnergyKWh > most.EnergyKWh || r.PDM < 0 || r.PDM > 1 || r.SLATAH < 0 || r.SLATAH > 1 || r.SLAV != r.PDM*r.SLATAH || r.Unserved < r.PDM-1e-9 || r.Unserved > 1 {
			t.Fatalf("%+v of at most %+v", r, most)
		}
		if again, _ := consolidate.Run(small(24), use, p, nil); !reflect.DeepEqual(again, r) {
			t.Fatalf("%+v, and again %+v", r, again)
		}
	})
}

func TestRefused(t *testing.T) {
	for name, f := range map[string]func() error{
		"no VMs": func() error {
			_, err := consolidate.Run(small(2), nil, consolidate.Policy{Detect: consolidate.DVFS}, nil)
			return err
		},
		"use above 1": func() error {
			_, err := consolidate.Run(small(2), steady(1, 4, 1.1), consolidate.Policy{Detect: consolidate.DVFS}, nil)
			return err
		},
		"too few hosts": func() error {
			_, err := consolidate.Run(small(1), steady(1, 4, 0.5), consolidate.Policy{Detect: consolidate.DVFS}, nil)
			return err
		},
		"unequal days": func() error {
			_, err := consolidate.Run(small(2), [][]float64{{1, 1}, {1, 1, 1}}, consolidate.Policy{Detect: consolidate.DVFS}, nil)
			return err
		},
		"stopped": func() error {
			_, err := consolidate.Run(small(2), steady(1, 4, 0.5), consolidate.Policy{Detect: consolidate.DVFS}, func() bool { return true })
			return err
		},
		"no policy":        func() error { _, err := consolidate.ParsePolicy("best", "mmt"); return err },
		"no number":        func() error { _, err := consolidate.ParsePolicy("lr-much", "mmt"); return err },
		"no parameter":     func() error { _, err := consolidate.ParsePolicy("lr", "mmt"); return err },
		"no selection":     func() error { _, err := consolidate.ParsePolicy("lr-1.2", "first"); return err },
		"threshold over 1": func() error { _, err := consolidate.ParsePolicy("thr-1.2", "mmt"); return err },
	} {
		if f() == nil {
			t.Errorf("%s passes", name)
		}
	}
}
