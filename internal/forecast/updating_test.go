package forecast_test

import (
	"math"
	"testing"

	"drover.dev/internal/forecast"
)

// wave is a daily wave on a slow one, with a little noise that repeats on every run.
func wave(n int) []float64 {
	out := make([]float64, n)
	noise := uint32(1)
	for i := range out {
		noise = noise*1664525 + 1013904223
		out[i] = 300 + 80*math.Sin(2*math.Pi*float64(i)/24) + 60*math.Sin(2*math.Pi*float64(i)/611) + float64(noise>>24)/32
	}
	return out
}

// meanError is the mean absolute error a day ahead over the second half of a series.
func meanError(t *testing.T, x []float64, p interface {
	Observe(v float64)
	Predict(out []float64)
},
) float64 {
	t.Helper()
	sum, n, out := 0.0, 0, make([]float64, 24)
	for i, v := range x[:len(x)-24] {
		p.Observe(v)
		if i < len(x)/2 {
			continue
		}
		p.Predict(out)
		for h, f := range out {
			sum += math.Abs(f - x[i+1+h])
			n++
		}
	}
	return sum / float64(n)
}

func TestUpdatingLearns(t *testing.T) {
	u, err := forecast.NewUpdating(24, 24)
	if err != nil {
		t.Fatal(err)
	}
	x := wave(24 * 60)
	got, naive := meanError(t, x, u), meanError(t, x, &forecast.Repeating{Season: 24})
	if got > naive/2 {
		t.Errorf("it is off by %.2f, yesterday by %.2f", got, naive)
	}
}

// TestUpdatingWithLittle: from the first value on there is an answer, also for
// values that are no numbers and for more steps than it was made for.
func TestUpdatingWithLittle(t *testing.T) {
	u, err := forecast.NewUpdating(24, 24)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, 100)
	u.Predict(out)
	for i, v := range wave(24 * 20) {
		if i%50 == 7 {
			v = math.NaN()
		}
		u.Observe(v)
		u.Predict(out)
		for h, f := range out {
			if math.IsNaN(f) || math.Abs(f) > 1000 {
				t.Fatalf("after %d values it predicts %g for step %d", i+1, f, h+1)
			}
		}
	}
	constant, err := forecast.NewUpdating(6, 3)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		constant.Observe(7)
	}
	constant.Predict(out[:3])
	for _, f := range out[:3] {
		if math.Abs(f-7) > 0.1 {
			t.Errorf("what is always 7 is predicted to be %g", f)
		}
	}
}

func TestUpdatingRefuses(t *testing.T) {
	for _, bad := range [][2]int{{5, 1}, {24, 0}, {24, 97}, {289, 1}} {
		if _, err := forecast.NewUpdating(bad[0], bad[1]); err == nil {
			t.Errorf("a season of %d and %d steps ahead pass", bad[0], bad[1])
		}
	}
}

func TestRepeating(t *testing.T) {
	r := forecast.Repeating{Season: 3}
	out := make([]float64, 4)
	for i, want := range [][4]float64{{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {1, 2, 3, 1}, {2, 3, 4, 2}} {
		if i > 0 {
			r.Observe(float64(i))
		}
		if r.Predict(out); [4]float64(out) != want {
			t.Errorf("after %d values it predicts %v, not %v", i, out, want)
		}
	}
}
