package history

// Verdict is what verification found.
type Verdict struct {
	Records     uint64         `json:"records"` // proved by the chain
	Epochs      uint64         `json:"epochs"`
	Events      uint64         `json:"events"`
	Audited     uint64         `json:"audited"`   // records that were decided again
	Snapshots   int            `json:"snapshots"` // equal to the replay at their place
	Artifacts   int            `json:"artifacts"` // that are what their digests say
	Divergences int            `json:"divergences"`
	Faults      []Fault        `json:"faults"`
	Accepted    []AcceptedLoss `json:"accepted,omitempty"` // faults that an operator has accepted
	Notes       []string       `json:"notes,omitempty"`
	Sound       bool           `json:"sound"`
}

// Fault is something that is not as it was written.
type Fault struct {
	What   string `json:"what"`
	Where  string `json:"where"`            // a part of the directory
	Record uint64 `json:"record,omitempty"` // the first one concerned
	Advice string `json:"advice"`
}

// AcceptedLoss is a gap that the journal itself tells of.
type AcceptedLoss struct {
	From    uint64 `json:"from"`
	Entries uint64 `json:"entries"`
	Epoch   uint64 `json:"epoch"`
}
