package outlook

import (
	"math"

	"drover.dev/api"
	"drover.dev/internal/provision"
)

// track is one series as one view shows it: what its models say, and how good they were.
// It is what a file holds.
type track struct {
	Name  string          `cbor:"1,keyasint"`
	View  string          `cbor:"2,keyasint"`
	Model string          `cbor:"3,keyasint"` // in force
	Since api.Time        `cbor:"4,keyasint"` // when it was chosen
	Due   api.Time        `cbor:"5,keyasint"` // of the next fit
	Seen  api.Time        `cbor:"6,keyasint"` // begin of the newest bucket that was graded
	Now   []issued        `cbor:"7,keyasint"` // the newest forecast of each model
	Past  []issued        `cbor:"8,keyasint"` // earlier ones that are not over, the oldest first
	Marks map[string]mark `cbor:"9,keyasint"` // by model
	Duels []duel          `cbor:"10,keyasint"`
	Note  string          `cbor:"11,keyasint,omitempty"` // why there is no forecast
	Odd   []api.Time      `cbor:"12,keyasint,omitempty"` // anomalies, which models do not learn from; the oldest first
	Risk  provision.Skill `cbor:"13,keyasint,omitempty"` // of the chances that this demand is above the capacity

	Models []fittedModel `cbor:"14,keyasint,omitempty"` // those of the view that are stored

	view View
}

func newTrack(name string, v View) *track {
	return &track{Name: name, View: v.Name, Model: v.Models[0], Marks: map[string]mark{}, view: v}
}

// naive is the model that everything is held against.
const naive = "snaive"

// issued is what one model said at one moment: the fitted model, as far as its horizon
// reaches.
type issued struct {
	Model  string      `cbor:"1,keyasint"`
	Form   string      `cbor:"2,keyasint"`
	Origin api.Time    `cbor:"3,keyasint"` // begin of the first step that is forecast
	Scale  float64     `cbor:"4,keyasint"` // mean error of the seasonal naive forecast inside the history
	Mean   []float32   `cbor:"5,keyasint"`
	Lo80   []float32   `cbor:"6,keyasint"`
	Hi80   []float32   `cbor:"7,keyasint"`
	Lo95   []float32   `cbor:"8,keyasint"`
	Hi95   []float32   `cbor:"9,keyasint"`
	Graded int32       `cbor:"10,keyasint"` // steps that came true
	Error  float64     `cbor:"11,keyasint"` // sum of their absolute errors
	Terms  []namedTerm `cbor:"12,keyasint,omitempty"`
}

// namedTerm is one coefficient of a fitted model.
type namedTerm struct {
	Name  string  `cbor:"1,keyasint"`
	Value float64 `cbor:"2,keyasint"`
}

// sound reports whether a forecast that was read back can be used.
func (f *issued) sound(horizon int) bool {
	n := len(f.Mean)
	if n == 0 || n > horizon || len(f.Lo80) != n || len(f.Hi80) != n || len(f.Lo95) != n || len(f.Hi95) != n {
		return false
	}
	for _, list := range [][]float32{f.Mean, f.Lo80, f.Hi80, f.Lo95, f.Hi95} {
		for _, v := range list {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return false
			}
		}
	}
	return true
}

// bands are the distances by which grades are told apart: up to so many steps.
var bands = [...]int{1, 3, 6, 12, 24, 48, 168}

func bandOf(h int) int {
	for i, most := range bands {
		if h <= most {
			return i
		}
	}
	return len(bands) - 1
}

// mark is how good a model was on a series, ever, by band.
type mark [len(bands)]tally

// tally sums over graded values.
type tally struct {
	N       uint64  `cbor:"1,keyasint"`
	Abs     float64 `cbor:"2,keyasint"` // errors
	Scaled  float64 `cbor:"3,keyasint"` // errors over the scale of their forecast
	Pinball float64 `cbor:"4,keyasint"` // mean over the four bounds
	In80    uint64  `cbor:"5,keyasint"`
	In95    uint64  `cbor:"6,keyasint"`
	ScaledN uint64  `cbor:"7,keyasint"` // of those with a scale
}

// duel is how two models did from one origin: their mean absolute errors.
type duel struct {
	Origin api.Time  `cbor:"1,keyasint"`
	Errors []float64 `cbor:"2,keyasint"` // by the order of the view's models; NaN is none
}
