package api

// Probation has a change of the cell's strategy watched: the times of the jobs that
// come after it are held against what was predicted, and the change is taken back
// when they are surely worse than what is allowed.
type Probation struct {
	From   string   `json:"from" cbor:"1,keyasint"`            // the strategy that is replaced, and that a roll-back returns to
	Window Duration `json:"window" cbor:"2,keyasint"`          // how long it is watched: 1 s to 30 days
	Least  int32    `json:"least,omitempty" cbor:"3,keyasint"` // how many jobs must have come to judge by, from 5; default 20
	Goals  []Goal   `json:"goals" cbor:"4,keyasint"`           // 1 to MaxGoals
}

// Goal is one figure that is watched.
type Goal struct {
	Metric LiveMetric `json:"metric" cbor:"1,keyasint"`
	Before Duration   `json:"before" cbor:"2,keyasint"` // measured under the strategy that is replaced
	// Expected is what the rehearsal predicts, with its 95 % interval.
	Expected Duration `json:"expected" cbor:"3,keyasint"`
	Low      Duration `json:"low" cbor:"4,keyasint"`
	High     Duration `json:"high" cbor:"5,keyasint"`
	Limit    Duration `json:"limit" cbor:"6,keyasint"` // what is surely longer is taken back
}

// LiveMetric names a figure that the journal tells of finished work.
type LiveMetric string

// The live metrics. Completion is from the submission of a job to its end, wait from
// there to the first run of each of its elements.
const (
	CompletionMean LiveMetric = "completionMean"
	CompletionP50  LiveMetric = "completionP50"
	CompletionP99  LiveMetric = "completionP99"
	WaitMean       LiveMetric = "waitMean"
	WaitP50        LiveMetric = "waitP50"
	WaitP99        LiveMetric = "waitP99"
)

// MaxGoals is how many figures a probation watches at most.
const MaxGoals = 8

// Parts says what a metric is of: of waits, else of completions, and which percentile
// of them, 0 for the mean. Unknown ones are false.
func (m LiveMetric) Parts() (wait bool, percentile uint64, ok bool) {
	switch m {
	case CompletionMean:
		return false, 0, true
	case CompletionP50:
		return false, 50, true
	case CompletionP99:
		return false, 99, true
	case WaitMean:
		return true, 0, true
	case WaitP50:
		return true, 50, true
	case WaitP99:
		return true, 99, true
	}
	return false, 0, false
}

// Normalize writes the default.
func (p *Probation) Normalize() { setDefault(&p.Least, 20) }

// Validate returns every fault.
func (p *Probation) Validate() []FieldError {
	var steps [4]step
	c := checker{at: steps[:0]}
	c.name("from", p.From)
	within(&c, "window", p.Window, Second, 30*Day)
	within(&c, "least", p.Least, 5, 1_000_000)
	if len(p.Goals) == 0 {
		c.fault("goals", "is missing: nothing would be watched")
	}
	c.atMost("goals", len(p.Goals), MaxGoals)
	for i := range p.Goals[:min(len(p.Goals), MaxGoals)] {
		g := &p.Goals[i]
		c.enterAt("goals", i)
		if _, _, ok := g.Metric.Parts(); !ok {
			c.fault("metric", "%.40q is not one that is measured live: completionMean, completionP50, completionP99, waitMean, waitP50, waitP99", string(g.Metric))
		}
		within(&c, "before", g.Before, 0, MaxDuration)
		within(&c, "expected", g.Expected, 0, MaxDuration)
		within(&c, "low", g.Low, 0, MaxDuration)
		within(&c, "high", g.High, 0, MaxDuration)
		within(&c, "limit", g.Limit, 0, MaxDuration)
		c.leave()
	}
	return c.done()
}

// The outcomes of a probation.
const (
	ProbationOpen       = "on probation"
	ProbationKept       = "kept"
	ProbationRolledBack = "rolled back"
	ProbationReplaced   = "replaced" // somebody set another strategy meanwhile
)

// ProbationView shows how a change of the cell's strategy does, or did.
type ProbationView struct {
	Strategy string       `json:"strategy"`
	Since    Time         `json:"since"`
	Status   string       `json:"status"`
	Until    Time         `json:"until"` // when it is judged, or was
	Reason   string       `json:"reason,omitempty"`
	Asked    Probation    `json:"asked"`
	Figures  []LiveFigure `json:"figures"` // by goal
}

// LiveFigure is what was measured for a goal.
type LiveFigure struct {
	Samples int64    `json:"samples"`
	Mean    Duration `json:"mean"`
	Beyond  int64    `json:"beyondLimit"` // samples that were longer than the limit
}
