package forecast

import (
	"math"
	"testing"
	"time"
)

// TestETSAgainstR compares the automatic choice with R's ets.
func TestETSAgainstR(t *testing.T) {
	series := oracleSeries(t)
	for _, r := range records(t, "forecast-oracle", "models.csv") {
		if r[1] != "ets" {
			continue
		}
		t.Run(r[0], func(t *testing.T) {
			begin := time.Now()
			f, err := ETS{}.Fit(series[r[0]])
			if err != nil {
				t.Fatal(err)
			}
			s := f.Summary()
			t.Logf("%s AICc %.4f, R finds %s %s in %v", s.Form, s.AICc, r[2], r[6], time.Since(begin))
			if !(s.AICc <= number(r[6])+.5) {
				t.Errorf("AICc %.4f, R finds %s", s.AICc, r[6])
			}
		})
	}
}

// TestSmoothingAgainstR compares forecasts of models without a choice.
func TestSmoothingAgainstR(t *testing.T) {
	series := oracleSeries(t)
	for key, want := range oracleForecasts(t) {
		model := map[string]Model{"ses": simpleSmoothing, "thetaf": Theta{}}[key[1]]
		if model == nil {
			continue
		}
		f, err := model.Fit(series[key[0]])
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Predict(len(want))
		if err != nil {
			t.Fatal(err)
		}
		for h, w := range want {
			dev := (w[4] - w[3]) / (2 * z95)
			if d := math.Abs(got.Mean[h]-w[0]) / dev; d > .05 {
				t.Errorf("%s step %d: %.6g, R says %.6g, %.3f standard deviations apart; %v", key, h+1, got.Mean[h], w[0], d, f.Summary().Coefficients)
				break
			}
		}
	}
}

// TestM4Benchmarks checks the competition's simple methods on its hourly series
// against the figures it published.
func TestM4Benchmarks(t *testing.T) {
	if testing.Short() {
		t.Skip("figures of 2,070 fits: left to the run without -short")
	}
	train, test := m4Hourly(t)
	published := map[string][]string{}
	for _, r := range records(t, "m4", "published_scores.csv") {
		published[r[0]] = r
	}
	var base [2]float64
	for _, c := range []struct {
		name  string
		model Model
	}{{"Naive2", Naive2{}}, {"Naive", Naive{}}, {"sNaive", SeasonalNaive{}}, {"SES", SES{}}, {"Theta", Theta{Classic: true}}} {
		begin := time.Now()
		var smape, mase float64
		for i, s := range train {
			f, err := c.model.Fit(s)
			if err != nil {
				t.Fatal(err)
			}
			p, _ := f.Predict(len(test[i]))
			smape += SMAPE(test[i], p.Mean) / float64(len(train))
			mase += MASE(s.Values, test[i], p.Mean, 24) / float64(len(train))
		}
		if c.name == "Naive2" {
			base = [2]float64{smape, mase}
		}
		r := published[c.name]
		owa := OWA(smape, mase, base[0], base[1])
		t.Logf("%s: sMAPE %.3f (%s) MASE %.3f (%s) OWA %.4f (%s) in %v", c.name, smape, r[8], mase, r[15], owa, r[22], time.Since(begin))
		if math.Abs(smape-number(r[8])) > .005 || math.Abs(mase-number(r[15])) > .005 || math.Abs(owa-number(r[22])) > .005 {
			t.Errorf("%s: sMAPE %.3f, MASE %.3f, OWA %.4f; published are %s, %s, %s", c.name, smape, mase, owa, r[8], r[15], r[22])
		}
	}
}
