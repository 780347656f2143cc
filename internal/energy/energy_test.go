package energy_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/internal/energy"
)

func TestCurves(t *testing.T) {
	for _, tc := range []struct {
		shape           energy.Shape
		factor          float64
		idle, half, top float64
	}{
		{energy.Constant, 0, 300, 300, 300},
		{energy.Linear, 0, 100, 200, 300},
		{energy.Sqrt, 0, 100, 100 + 200*math.Sqrt2/2, 300},
		{energy.Square, 0, 100, 150, 300},
		{energy.Cubic, 0, 100, 125, 300},
		{energy.MSE, 2, 100, 250, 300},
		{energy.MSE, 1.4, 100, 100 + 200*(1-math.Pow(0.5, 1.4)), 300},
		{energy.Asymptotic, 0.05, 100, 250, 300},
	} {
		c := energy.Curve{Shape: tc.shape, Idle: 100, Full: 300, Factor: tc.factor}
		if err := c.Check(); err != nil {
			t.Error(err)
		}
		for use, want := range map[float64]float64{0: tc.idle, 0.5: tc.half, 1: tc.top, -1: tc.idle, 7: tc.top} {
			if got := c.At(use); math.Abs(got-want) > 0.01 {
				t.Errorf("%s at %g: %g W, want %g W", tc.shape, use, got, want)
			}
		}
	}
	for _, bad := range []energy.Curve{
		{Shape: "round"},
		{Shape: energy.Linear, Idle: 5, Full: 4},
		{Shape: energy.Linear, Idle: math.NaN(), Full: 4},
		{Shape: energy.MSE, Full: 4},
		{Shape: energy.Asymptotic, Full: 4, Factor: -1},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}

// TestAFitFindsTheModelThatMadeTheReadings, whatever its coefficients, with gaps.
func TestAFitFindsTheModelThatMadeTheReadings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := energy.AllTerms()[rapid.IntRange(0, 3).Draw(t, "terms")]
		truth := energy.Fleet{Terms: of}
		for i := range int(of) + 2 {
			truth.Coefficients[i] = rapid.Float64Range(10, 200).Draw(t, "coefficient")
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var samples []energy.Sample
		for i := range 200 {
			var s energy.Sample
			for range rng.IntN(20) {
				s.Add(1, rng.Float64())
			}
			s.Watts = truth.At(&s.Load)
			if i%17 == 3 {
				s.Watts = math.NaN()
			}
			samples = append(samples, s)
		}
		got, err := energy.FitFleet(samples, of, rapid.SampledFrom([]float64{0, 20, 100, 500}).Draw(t, "halfLife"))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range samples {
			if want := truth.At(&s.Load); math.Abs(got.At(&s.Load)-want) > 0.02*want {
				t.Fatalf("%v instead of %v: %g W instead of %g W", got.Coefficients, truth.Coefficients, got.At(&s.Load), want)
			}
		}
	})
}

func TestAFitOfTermsThatCannotBeToldApartIsStable(t *testing.T) {
	var samples []energy.Sample
	for i := range 50 {
		var s energy.Sample
		s.Add(float64(i%7), 1) // full machines only: all sums are equal
		s.Watts = 1000 + 120*s.Busy
		samples = append(samples, s)
	}
	f, err := energy.FitFleet(samples, energy.BySquare, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range samples {
		if got := f.At(&samples[i].Load); math.Abs(got-samples[i].Watts) > 1 {
			t.Errorf("%g W instead of %g W: %v", got, samples[i].Watts, f.Coefficients)
		}
	}
	if _, err := energy.FitFleet(samples[:3], energy.BySquare, 0); err == nil {
		t.Error("three readings are enough for five coefficients")
	}
}

// TestACorrectionLearnsHowFastItAges from errors that decay as fast as they should.
func TestACorrectionLearnsHowFastItAges(t *testing.T) {
	const ahead = 60
	for _, steps := range []float64{15, 60, 480} {
		var errors []float64
		for len(errors) < 6000 {
			for k := range 600 {
				errors = append(errors, 100*math.Exp(-float64(k)/steps))
			}
		}
		c := energy.Correct(errors[:len(errors)-550], 1, ahead)
		if c.Steps != steps {
			t.Errorf("errors that age in %g steps are corrected over %g", steps, c.Steps)
		}
	}
	if c := energy.Correct([]float64{math.NaN(), math.NaN()}, 2, 10); c.At(0) != 0 {
		t.Errorf("no readings give a correction of %g W", c.At(0))
	}
	if c := energy.Correct(nil, 2, 10); c.At(3) != 0 {
		t.Errorf("nothing gives a correction of %g W", c.At(3))
	}
}
