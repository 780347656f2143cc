package api

// What a server keeps of numbers over time, and what it expects of them. None of it
// stands in the journal: each server has its own.

// SeriesInfo is one series.
type SeriesInfo struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // "gauge" or "count"
	Last Time   `json:"last"` // when its newest value came
}

// SeriesList is the series of a cell.
type SeriesList struct {
	Items []SeriesInfo `json:"items"`
	Bytes Bytes        `json:"bytes"` // that they take on disk
}

// SeriesPoint is what fell into one bucket.
type SeriesPoint struct {
	At    Time    `json:"at"`    // its begin
	Value float64 `json:"value"` // the mean of a gauge, the sum of a count
	N     uint64  `json:"n"`     // values
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
}

// SeriesView is a part of a series.
type SeriesView struct {
	SeriesInfo
	Step   Duration      `json:"step"`
	Points []SeriesPoint `json:"points"`
}

// SeriesQuery says which part of a series is meant.
type SeriesQuery struct {
	Name         string
	Since, Until Time     // [Since, Until); Until 0 is now
	Step         Duration // 0 is the finest of which Since is still kept
}

// SeriesForecast is what is expected of a series, by the model in force.
type SeriesForecast struct {
	Series string          `json:"series"`
	View   string          `json:"view"` // "minutes" or "hours"
	Step   Duration        `json:"step"`
	Model  string          `json:"model"`
	Form   string          `json:"form,omitempty"`
	Since  Time            `json:"since,omitempty"`  // when the model was taken for another; 0: it is the first
	Origin Time            `json:"origin,omitempty"` // from where it looks ahead
	Note   string          `json:"note,omitempty"`   // what is missing
	Points []ForecastPoint `json:"points"`
}

// ForecastPoint is what is expected of one step.
type ForecastPoint struct {
	At   Time    `json:"at"` // its begin
	Mean float64 `json:"mean"`
	Lo80 float64 `json:"lo80"`
	Hi80 float64 `json:"hi80"`
	Lo95 float64 `json:"lo95"`
	Hi95 float64 `json:"hi95"`
}

// ForecastList is the forecasts of a cell.
type ForecastList struct {
	Items []SeriesForecast `json:"items"`
}

// FittedModel is a model that was fitted to a series and is stored as an artifact. It is
// taken up after a restart, and carried on by what comes until it is fitted anew.
type FittedModel struct {
	Series  string `json:"series"`
	View    string `json:"view"`
	Model   string `json:"model"`
	InForce bool   `json:"inForce"`
	Form    string `json:"form,omitempty"`
	Version uint64 `json:"version"` // which fit of this model to this series, from 1
	Fitted  Time   `json:"fitted"`
	Values  int    `json:"values"` // to which it was fitted
	Size    Bytes  `json:"size"`
	Digest  Digest `json:"digest"` // of the artifact
}

// FittedModelList is the fitted models of a server.
type FittedModelList struct {
	Items []FittedModel `json:"items"`
}

// ForecastScore is how good the forecasts of a model were, over a range of distances.
type ForecastScore struct {
	Series     string   `json:"series"`
	View       string   `json:"view"`
	Model      string   `json:"model"`
	InForce    bool     `json:"inForce"`
	From       int      `json:"from"` // steps ahead
	To         int      `json:"to"`
	N          uint64   `json:"n"` // values that came true
	MAE        float64  `json:"mae"`
	MASE       *float64 `json:"mase"` // over the error of the seasonal naive forecast inside the history; null when that is 0
	Pinball    float64  `json:"pinball"`
	Coverage80 float64  `json:"coverage80"` // shares
	Coverage95 float64  `json:"coverage95"`
	NaiveMAE   *float64 `json:"naiveMae"` // of the seasonal naive forecast, over the same values and distances
}

// Anomaly is a value far outside of what was expected.
type Anomaly struct {
	Series string  `json:"series"`
	View   string  `json:"view"`
	At     Time    `json:"at"`
	Value  float64 `json:"value"`
	Mean   float64 `json:"mean"`
	Lo95   float64 `json:"lo95"`
	Hi95   float64 `json:"hi95"`
	Model  string  `json:"model"`
}

// ForecastScores is how good the forecasts of a cell were.
type ForecastScores struct {
	Items     []ForecastScore `json:"items"`
	Anomalies []Anomaly       `json:"anomalies"` // the newest last
}

// Shortage is how likely one resource of a layer is to be short.
type Shortage struct {
	Layer         string    `json:"layer"`    // "cell" is all layers together
	Resource      string    `json:"resource"` // "cpu" in thousandths of a core, "memory" in bytes, a kind of accelerator in thousandths
	Capacity      float64   `json:"capacity"` // of the nodes that take work now
	Demand        float64   `json:"demand"`   // asked for by what runs and waits, when the forecast was made
	Model         string    `json:"model,omitempty"`
	Until         Time      `json:"until,omitempty"` // the end of what is forecast
	Peak          float64   `json:"peak"`            // the highest demand that is not exceeded in nine of ten cases
	PeakAt        Time      `json:"peakAt,omitempty"`
	Probability   float64   `json:"probability"` // that demand is above capacity, at the moment when that is likeliest
	ProbabilityAt Time      `json:"probabilityAt,omitempty"`
	First         Time      `json:"first,omitempty"` // when it first is a tenth or more; 0: never
	Short         Duration  `json:"short"`           // expected time above capacity
	Chances       []float64 `json:"chances"`         // of each step
	Step          Duration  `json:"step"`
	Note          string    `json:"note,omitempty"` // why nothing can be said
}

// CapacityPlan is what may be short within a horizon, the likeliest first.
type CapacityPlan struct {
	Horizon Duration   `json:"horizon"`
	Items   []Shortage `json:"items"`
}

// MaxPlanHorizon bounds the horizon of a CapacityPlan.
const MaxPlanHorizon = 7 * Day

// Rightsizing is what a task asks for, and should.
type Rightsizing struct {
	Tenant      string    `json:"tenant"`
	Workload    string    `json:"workload"` // runs of a schedule, and names that differ only in a number at the end, are one
	Task        string    `json:"task"`
	Asked       Resources `json:"asked"` // by the newest that is known
	Recommended Resources `json:"recommended"`
	UsedCPU     Milli     `json:"usedCpu"`    // not exceeded 95 % of the time
	UsedMemory  Bytes     `json:"usedMemory"` // the largest seen
	Samples     uint64    `json:"samples"`
	Killed      uint64    `json:"killed"`           // runs that were killed for their memory
	Enough      bool      `json:"enough"`           // there is enough to rely on
	Change      bool      `json:"change"`           // it differs enough to be worth a change
	Resize      string    `json:"resize,omitempty"` // the workload's own choice
}

// RightsizingList is the recommendations for a cell.
type RightsizingList struct {
	Items []Rightsizing `json:"items"`
	Since Time          `json:"since"` // from when on use is counted
}
