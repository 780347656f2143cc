package forecast

import (
	"fmt"
	"strings"
)

// Options are what some models of [New] take.
type Options struct {
	Order   *Order // of arima; nil: automatic
	Method  Method // of arima with an Order; "": CSSML
	Horizon int    // steps that auto is judged and trained for; 0: it decides
	Seed    uint64 // of random choices
	Stop    func() bool
}

// named is a model under its name.
type named struct {
	name string
	make func(o Options) Model
}

// models lists every model by name, the default first.
func models() []named {
	simple := func(m Model) func(Options) Model { return func(Options) Model { return m } }
	return []named{
		{"auto", func(o Options) Model { return Auto{Horizon: o.Horizon, Seed: o.Seed} }},
		{"naive", simple(Naive{})},
		{"snaive", simple(SeasonalNaive{})},
		{"naive2", simple(Naive2{})},
		{"drift", simple(Drift{})},
		{"average", simple(MovingAverage{})},
		{"ses", simple(SES{})},
		{"theta", simple(Theta{})},
		{"theta-classic", simple(Theta{Classic: true})},
		{"ets", simple(ETS{})},
		{"arima", func(o Options) Model {
			if o.Order == nil {
				return AutoARIMA{Stop: o.Stop}
			}
			return ARIMA{Order: *o.Order, Method: o.Method, Mean: true}
		}},
		{"regression", simple(Regression{})},
		{"tree", simple(DecisionTree{})},
		{"forest", func(o Options) Model { return RandomForest{Seed: o.Seed} }},
		{"gbt", func(o Options) Model { return GradientBoosting{Seed: o.Seed} }},
		{"lstm", func(o Options) Model { return LSTM{Seed: o.Seed} }},
	}
}

// Names lists the models that [New] makes, the default first.
func Names() []string {
	var out []string
	for _, m := range models() {
		out = append(out, m.name)
	}
	return out
}

// New makes a model by its name.
func New(name string, o Options) (Model, error) {
	if o.Order != nil && name != "arima" {
		return nil, fmt.Errorf("model %s takes no order; only arima does", name)
	}
	switch o.Method {
	case "", ML, CSS, CSSML:
	default:
		return nil, fmt.Errorf("method %q: it must be %s, %s or %s", o.Method, ML, CSS, CSSML)
	}
	for _, m := range models() {
		if m.name == name {
			return m.make(o), nil
		}
	}
	return nil, fmt.Errorf("there is no model %q; there are %s", name, strings.Join(Names(), ", "))
}
