package api

// Trial is what became of a strategy that was on probation when it decided.
type Trial struct {
	Strategy string `json:"strategy"`
	From     string `json:"from"` // the strategy in whose place it was set
	Since    Time   `json:"since"`
	Until    Time   `json:"until"`            // when it was judged, or is at the latest
	Status   string `json:"status"`           // one of those of a ProbationView
	Reason   string `json:"reason,omitempty"` // of its end
}
