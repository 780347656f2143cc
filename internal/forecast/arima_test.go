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
