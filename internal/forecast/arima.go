package forecast

import "fmt"

// Order is the order of a seasonal ARIMA model.
type Order struct {
	P, D, Q    int // autoregression, differences, moving average
	SP, SD, SQ int // the same at the season
	Season     int // steps; 0 and 1: none
}

// Method is how ARIMA coefficients are estimated.
type Method string

// The methods. CSSML starts the likelihood at the conditional sum of squares and
// at other points; ML and CSSML are the same optimum.
const (
	ML    Method = "ml"     // exact maximum likelihood
	CSS   Method = "css"    // conditional sum of squares
	CSSML Method = "css-ml" // both; the default
)

// ARIMA is a seasonal ARIMA model of fixed order, fitted by exact maximum
// likelihood with a Kalman filter (Harvey and Phillips, 1979, "Maximum likelihood
// estimation of regression models with autoregressive-moving average
// disturbances"). It is stationary and invertible by construction. Missing values
// are integrated out exactly (Gómez, Maravall and Peña, 1999, "Missing observations
// in ARIMA models: skipping approach versus additive outlier approach").
type ARIMA struct {
	Order  Order
	Method Method
	Mean   bool // estimate a mean; only without differences
	Drift  bool // estimate a drift; only with one difference

	rough bool // cheaper: one climb, for the search of an order
}

var _ Model = ARIMA{}

// MaxOrder bounds each number of an Order but the season.
const MaxOrder = 20

// maxState bounds the longest lag of an ARIMA model.
const maxState = 800

func (o Order) check() error {
	for _, v := range []int{o.P, o.D, o.Q, o.SP, o.SD, o.SQ} {
		if v < 0 || v > MaxOrder {
			return fmt.Errorf("ARIMA order %v: numbers must lie between 0 and %d", o, MaxOrder)
		}
	}
	if o.D+o.SD > 3 {
		return fmt.Errorf("ARIMA order %v: at most 3 differences together", o)
	}
	if o.SP+o.SD+o.SQ > 0 && o.Season < 2 {
		return fmt.Errorf("ARIMA order %v: the seasonal part needs a season of at least 2 steps", o)
	}
	if l := max(o.P+o.SP*o.Season, o.Q+o.SQ*o.Season); l > maxState {
		return fmt.Errorf("ARIMA order %v: the longest lag is %d steps, at most %d are computed", o, l, maxState)
	}
	return nil
}

func (o Order) String() string {
	s := fmt.Sprintf("(%d,%d,%d)", o.P, o.D, o.Q)
	if o.Season > 1 {
		s += fmt.Sprintf("(%d,%d,%d)[%d]", o.SP, o.SD, o.SQ, o.Season)
	}
	return s
}

// parameters is the number of ARMA coefficients.
func (o Order) parameters() int { return o.P + o.Q + o.SP + o.SQ }

// expand multiplies the factors out. raw holds ar, ma, sar, sma coefficients in
// this order, all with the sign of the usual printout.
func (o Order) expand(raw []float64) (phi, theta []float64) {
	ar, ma := raw[:o.P], raw[o.P:o.P+o.Q]
	sar, sma := raw[o.P+o.Q:o.P+o.Q+o.SP], raw[o.P+o.Q+o.SP:]
	return product(ar, sar, o.Season, -1), product(ma, sma, o.Season, 1)
}

// product returns the coefficients of (1 + s·Σ a_i z^i)(1 + s·Σ b_j z^{jm}), less
// the leading one, times s.
func product(a, b []float64, m int, s float64) []float64 {
	out := make([]float64, len(a)+len(b)*m)
	copy(out, a)
	for j, v := range b {
		at := (j+1)*m - 1
		out[at] += v
		for i, u := range a {
			out[at+1+i] += s * u * v
		}
	}
	return out
}

// bounded maps unbounded numbers to raw coefficients that are stationary and
// invertible; free is its inverse.
func (o Order) bounded(u []float64) []float64 {
	raw := make([]float64, 0, len(u))
	for i, part := range o.parts(u) {
		c := stationary(part)
		if i%2 == 1 {
			c = scaled(c, -1)
		}
		raw = append(raw, c...)
	}
	return raw
}

func (o Order) parts(x []float64) [4][]float64 {
	a, b, c := o.P, o.P+o.Q, o.P+o.Q+o.SP
	return [4][]float64{x[:a], x[a:b], x[b:c], x[c:]}
}

// far says whether the roots keep a distance from the unit circle.
func (o Order) far(raw []float64) bool {
	for i, part := range o.parts(raw) {
		if i%2 == 1 {
			part = scaled(part, -1)
		}
		if !farFromUnit(part, 1.001) {
			return false
		}
	}
	return true
}

func (o Order) names() []string {
	var out []string
	for i, n := range [4]int{o.P, o.Q, o.SP, o.SQ} {
		for k := range n {
			out = append(out, fmt.Sprintf("%s%d", [4]string{"ar", "ma", "sar", "sma"}[i], k+1))
		}
	}
	return out
}

// difference applies the differences of the order.
func (o Order) difference(x []float64) []float64 {
	if o.SD > 0 {
		x = diff(x, o.Season, o.SD)
	}
	return diff(x, 1, o.D)
}

// lost is the number of values that the differences use up.
func (o Order) lost() int { return o.D + o.SD*o.Season }

// Fit implements Model.
func (m ARIMA) Fit(s Series) (Fitted, error) {
	if err := m.Order.check(); err != nil {
		return nil, err
	}
	if err := s.Check(); err != nil {
		return nil, err
	}
	if m.Order.Season == 1 {
		m.Order.Season = 0
	}
	f := newARIMAFit(m, s)
	if len(f.columns[0]) < m.Order.parameters()+len(f.names)+2 || constant(f.full) {
		fallback, err := Naive{}.Fit(s)
		if err == nil {
			why := "too short"
			if constant(f.full) {
				why = "constant"
			}
			fallback.(*fit).summary.note(fmt.Sprintf("%s for ARIMA%v: naive instead", why, m.Order))
		}
		return fallback, err
	}
	f.estimate()
	return f.result(), nil
}
