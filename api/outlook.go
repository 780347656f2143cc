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
