package forecast

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// TestARIMAAgainstR compares fixed orders with R's arima.
func TestARIMAAgainstR(t *testing.T) {
	series, forecasts := oracleSeries(t), oracleForecasts(t)
	for _, r := range records(t, "forecast-oracle", "models.csv") {
		var p, d, q, sp, sd, sq, m int
		var method string
		for name, id := range map[string]Method{"arimaML": ML, "arimaCSS-ML": CSSML, "arimaCSS": CSS} {
			if n, _ := fmt.Sscanf(r[1], name+"(%d,%d,%d)(%d,%d,%d)", &p, &d, &q, &sp, &sd, &sq); n == 6 {
				method = string(id)
			}
		}
		s, ok := series[r[0]]
		if method == "" || !ok {
			continue
		}
		if sp+sd+sq > 0 {
			m = s.Period()
		}
		t.Run(r[0]+" "+r[1], func(t *testing.T) {
			begin := time.Now()
			model := ARIMA{Order: Order{p, d, q, sp, sd, sq, m}, Method: Method(method), Mean: d+sd == 0}
			f, err := model.Fit(s)
			if err != nil {
				t.Fatal(err)
			}
			sum := f.Summary()
			t.Logf("%s: logLik %.6f (R %s) sigma2 %.8g (R %s) aic %.5f %v %v", sum.Form, sum.LogLik, r[3], sum.Sigma2, r[4], sum.AIC, sum.Coefficients, time.Since(begin))
			if sum.LogLik < number(r[3])-1e-4 {
				t.Errorf("log-likelihood %.6f, R finds %s", sum.LogLik, r[3])
			}
			got, _ := f.Predict(24)
			want := forecasts[[2]string{r[0], r[1]}]
			for h, w := range want {
				dev := (w[4] - w[3]) / (2 * z95)
				if math.Abs(got.Mean[h]-w[0]) > .01*dev || math.Abs(got.Lo95[h]-w[3]) > .03*dev {
					t.Fatalf("step %d: %.6g [%.6g, %.6g], R says %.6g [%.6g, %.6g]", h+1, got.Mean[h], got.Lo95[h], got.Hi95[h], w[0], w[3], w[4])
				}
			}
		})
	}
}

// TestAutoARIMAAgainstR compares the automatic choice with R's auto.arima: the same
// differences, and an AICc that is no more than 0.5 above.
func TestAutoARIMAAgainstR(t *testing.T) {
	series := oracleSeries(t)
	for _, r := range records(t, "forecast-oracle", "models.csv") {
		if r[1] != "auto.arima" {
			continue
		}
		t.Run(r[0], func(t *testing.T) {
			if testing.Short() && r[0] == "nottem" {
				t.Skip("the race detector makes this one take most of a minute: left to the plain run")
			}
			begin := time.Now()
			f, err := AutoARIMA{}.Fit(series[r[0]])
			if err != nil {
				t.Fatal(err)
			}
			s := f.Summary()
			t.Logf("%s AICc %.4f sigma2 %.6g, R finds %s %s %s in %v", s.Form, s.AICc, s.Sigma2, r[2], r[6], r[4], time.Since(begin))
			if !(s.AICc <= number(r[6])+.5) {
				t.Errorf("AICc %.4f, R finds %s", s.AICc, r[6])
			}
		})
	}
}
