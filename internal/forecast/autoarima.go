package forecast

import (
	"fmt"
	"math"
)

// AutoARIMA chooses the order of a seasonal ARIMA model: seasonal differences by
// the strength of the season, differences by the KPSS test, the rest by a stepwise
// search for the lowest AICc (Hyndman and Khandakar, 2008, "Automatic Time Series
// Forecasting: The forecast Package for R"). Models with roots at the unit circle
// are not taken. MaxModels bounds the search; 0 means 94.
type AutoARIMA struct {
	MaxModels int
	Stop      func() bool // true: take the best so far
}

var _ Model = AutoARIMA{}

// Fit implements Model.
func (a AutoARIMA) Fit(s Series) (Fitted, error) {
	x, _, err := prepare(s)
	if err != nil {
		return nil, err
	}
	o := Order{Season: s.Period()}
	var notes []string
	if o.Season > maxState/4 || len(x) < 2*o.Season+2 {
		if o.Season > 1 {
			notes = append(notes, fmt.Sprintf("a season of %d steps is too long for ARIMA here: left out", o.Season))
		}
		o.Season = 0
	}
	if len(x) < 5 || constant(x) {
		return seasonalNaive("naive", x, 1, append(notes, "constant or shorter than 5 values: naive instead of ARIMA")), nil
	}
	o.SD = seasonalDifferences(x, max(1, o.Season))
	w := x
	if o.SD > 0 {
		w = diff(x, o.Season, 1)
	}
	o.D = differences(w)
	se := &orderSearch{series: s, seen: map[ARIMA]float64{}, left: a.MaxModels, stop: a.Stop}
	if se.left <= 0 {
		se.left = 94
	}
	out, err := se.best(o)
	if err == nil {
		out.(*fit).summary.Notes = append(notes, out.Summary().Notes...)
	}
	return out, err
}

// orderSearch is a stepwise search.
type orderSearch struct {
	series Series
	seen   map[ARIMA]float64
	left   int
	stop   func() bool
}

// try returns the AICc of a model, +Inf when it is not acceptable.
func (se *orderSearch) try(m ARIMA) float64 {
	m.rough = true
	if v, ok := se.seen[m]; ok {
		return v
	}
	v := math.Inf(1)
	if se.left > 0 && (se.stop == nil || !se.stop()) {
		se.left--
		v = m.aicc(se.series)
	}
	se.seen[m] = v
	return v
}

// aicc fits the model and gives its AICc; +Inf when roots are at the unit circle or
// there is too little data.
func (m ARIMA) aicc(s Series) float64 {
	f := newARIMAFit(m, s)
	k := m.Order.parameters() + len(f.names) + 1
	if len(f.columns[0])-f.gaps < k+2 || m.Order.check() != nil {
		return math.Inf(1)
	}
	f.estimate()
	if !m.Order.far(f.best) {
		return math.Inf(1)
	}
	l := f.at(f.best, nil, differenced)
	var sum Summary
	sum.criteria(l.value, k, l.n)
	if math.IsNaN(sum.AICc) {
		return math.Inf(1)
	}
	return sum.AICc
}

// within bounds the orders of the search.
func within(o Order) bool {
	return min(o.P, o.Q, o.SP, o.SQ) >= 0 && o.P <= 5 && o.Q <= 5 && o.SP <= 2 && o.SQ <= 2 && (o.Season > 1 || o.SP+o.SQ == 0)
}

// best searches from several starts and refits the winner in full.
func (se *orderSearch) best(o Order) (Fitted, error) {
	with := func(p, q, sp, sq int, constant bool) ARIMA {
		m := ARIMA{Order: o}
		m.Order.P, m.Order.Q, m.Order.SP, m.Order.SQ = p, q, sp, sq
		if o.Season < 2 {
			m.Order.SP, m.Order.SQ = 0, 0
		}
		return m.with(constant && o.D+o.SD < 2)
	}
	top, value := with(0, 0, 0, 0, true), math.Inf(1)
	offer := func(m ARIMA) bool {
		if v := se.try(m); v < value {
			top, value = m, v
			return true
		}
		return false
	}
	for _, m := range []ARIMA{
		with(2, 2, 1, 1, true), with(0, 0, 0, 0, true), with(1, 0, 1, 0, true), with(0, 1, 0, 1, true), with(0, 0, 0, 0, false),
	} {
		offer(m)
	}
	for moved := true; moved; {
		moved = false
		for _, m := range top.neighbours() {
			if offer(m) {
				moved = true
				break
			}
		}
	}
	top.rough = false
	out, err := top.Fit(se.series)
	if err == nil {
		adjust(out.(*fit))
	}
	return out, err
}

// with adds or removes the constant that the differences allow.
func (m ARIMA) with(constant bool) ARIMA {
	d := m.Order.D + m.Order.SD
	m.Mean, m.Drift = constant && d == 0, constant && d == 1
	return m
}

// neighbours are the models one step away, the seasonal steps first.
func (m ARIMA) neighbours() []ARIMA {
	var out []ARIMA
	for _, s := range [][4]int{
		{0, 0, -1, 0},
		{0, 0, 0, -1},
		{0, 0, 1, 0},
		{0, 0, 0, 1},
		{0, 0, -1, -1},
		{0, 0, -1, 1},
		{0, 0, 1, -1},
		{0, 0, 1, 1},
		{-1, 0, 0, 0},
		{0, -1, 0, 0},
		{1, 0, 0, 0},
		{0, 1, 0, 0},
		{-1, -1, 0, 0},
		{-1, 1, 0, 0},
		{1, -1, 0, 0},
		{1, 1, 0, 0},
	} {
		n := m
		n.Order.P += s[0]
		n.Order.Q += s[1]
		n.Order.SP += s[2]
		n.Order.SQ += s[3]
		if within(n.Order) {
			out = append(out, n)
		}
	}
	if d := m.Order.D + m.Order.SD; d < 2 {
		out = append(out, m.with(!(m.Mean || m.Drift)))
	}
	return out
}

// adjust makes the variance of an automatic choice unbiased, as R's forecast does,
// and widens the intervals accordingly.
func adjust(f *fit) {
	n, k := float64(f.n), float64(len(f.summary.Coefficients))
	if n-k < 1 {
		return
	}
	ratio := n / (n - k)
	f.summary.Sigma2 *= ratio
	if b, ok := f.body.(*integrated); ok {
		b.widen = math.Sqrt(ratio)
	}
}
