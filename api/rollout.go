package api

// Stages has a change of the cell's strategy made step by step, each judged before the
// next: first the strategy only decides beside the present one, then it decides for a
// share of the jobs while the others are the control group, then for all, on probation.
type Stages struct {
	// Shadow is how long it decides beside the present one and nothing is done about
	// it: 1 s to 30 days, 0 leaves this stage out.
	Shadow Duration `json:"shadow,omitempty" cbor:"1,keyasint,omitempty"`
	// Canary is how long it decides for a share of the jobs: 1 s to 30 days, 0 leaves
	// this stage out.
	Canary Duration `json:"canary,omitempty" cbor:"2,keyasint,omitempty"`
	// Share of the jobs that the canary takes, in percent: 1 to 90, by a hash of the
	// job's number; default 10, and 50 where sites are named.
	Share int32 `json:"share,omitempty" cbor:"3,keyasint,omitempty"`
	// Tenants are those whose jobs take part in the canary, as part of the share or of
	// the control group; none are all.
	Tenants []string `json:"tenants,omitempty" cbor:"4,keyasint,omitempty"`
	// Stop ends the change after the last of these stages. Otherwise the strategy
	// becomes the cell's then, on probation.
	Stop bool `json:"stop,omitempty" cbor:"5,keyasint,omitempty"`
	// Sites make a canary of some sites: those jobs take part of which the present strategy
	// sends the first element to one of them. For the share, the strategy that is tried then
	// chooses the node among those of that site. None: jobs take part wherever they go, and
	// the strategy that is tried chooses the site, too.
	Sites []string `json:"sites,omitempty" cbor:"6,keyasint,omitempty"`
}

// How many tenants and sites a canary may name.
const (
	MaxCanaryTenants = 64
	MaxCanarySites   = 64
)

// Normalize writes the default.
func (s *Stages) Normalize() {
	switch {
	case s.Canary > 0 && len(s.Sites) > 0:
		setDefault(&s.Share, 50)
	case s.Canary > 0:
		setDefault(&s.Share, 10)
	}
}

// Validate returns every fault.
func (s *Stages) Validate() []FieldError {
	var steps [2]step
	c := checker{at: steps[:0]}
	if s.Shadow == 0 && s.Canary == 0 {
		c.fault("", "names no stage: give a shadow or a canary some time, or leave the stages out")
	}
	if s.Shadow != 0 {
		within(&c, "shadow", s.Shadow, Second, 30*Day)
	}
	if s.Canary != 0 {
		within(&c, "canary", s.Canary, Second, 30*Day)
		within(&c, "share", s.Share, 1, 90)
	} else if s.Share != 0 || len(s.Tenants)+len(s.Sites) > 0 {
		c.fault("canary", "is missing: a share, tenants and sites are a canary's")
	}
	c.distinctNames("tenants", s.Tenants, MaxCanaryTenants)
	c.distinctNames("sites", s.Sites, MaxCanarySites)
	return c.done()
}

// distinctNames checks a list of so many names at most.
func (c *checker) distinctNames(field string, list []string, most int) {
	c.atMost(field, len(list), most)
	list = list[:min(len(list), most)]
	distinct(c, field, list, func(i int) {
		c.enterAt(field, i)
		c.name("", list[i])
		c.leave()
	})
}

// The stages of a roll-out, as a [RolloutView] and a [Decision] name them.
const (
	StageShadow  = "shadow"
	StageCanary  = "canary"
	StageControl = "control" // of a decision: the present strategy's, beside a canary
	StageAll     = "all"
)

// The ends of a roll-out.
const (
	RolloutOpen     = "going on"
	RolloutPassed   = "passed"  // every stage was; the strategy is the cell's, if that was asked for
	RolloutRefused  = "refused" // the shadow would have left too many tasks unplaced, or the strategy cannot be used any more
	RolloutRolled   = "rolled back"
	RolloutUntested = "untested" // too few decisions or jobs came to judge by
	RolloutReplaced = "replaced" // somebody set a strategy meanwhile
)

// RolloutView shows how a change in stages does, or did.
type RolloutView struct {
	Strategy string `json:"strategy"`
	From     string `json:"from"`
	Stage    string `json:"stage"` // StageShadow, StageCanary or StageAll
	Status   string `json:"status"`
	Reason   string `json:"reason,omitempty"`
	Since    Time   `json:"since"` // of the stage
	Until    Time   `json:"until"` // when it is judged, or was
	Stages   Stages `json:"stages"`
	// Goals are those of the probation, by which the canary is judged, too.
	Goals   []Goal       `json:"goals"`
	Shadow  *ShadowView  `json:"shadowed,omitempty"`
	Trial   []LiveFigure `json:"trial,omitempty"`   // by goal, of the canary's jobs
	Control []LiveFigure `json:"control,omitempty"` // by goal, of those beside it
	// Worse is, by goal, by how much the canary's mean, or the share of its jobs beyond
	// the limit in thousandths, is above that of the control group, with three standard
	// errors to either side.
	Worse []Gap `json:"worse,omitempty"`
}

// Gap is the difference of two groups with an interval. It is in nanoseconds for a
// mean, in thousandths for a percentile.
type Gap struct {
	Known bool  `json:"known"` // both groups have samples
	By    int64 `json:"by"`
	Low   int64 `json:"low"`
	High  int64 `json:"high"`
}

// ShadowView is what a strategy would have done, beside what was done.
type ShadowView struct {
	Decisions int64 `json:"decisions"`         // of tasks that were placed, decided once more
	Skipped   int64 `json:"skipped,omitempty"` // that were not, because there was more to do
	Differ    int64 `json:"differ"`            // would have gone to another node
	Refused   int64 `json:"refused"`           // would have gone nowhere
	Faster    int64 `json:"faster"`            // predicted to end sooner than where they went
	Slower    int64 `json:"slower"`
	// Present and Candidate are the mean times from the decision to the last output that
	// were predicted for what was chosen: transfer, wait, run and return.
	Present   Duration `json:"present"`
	Candidate Duration `json:"candidate"`
	// Gain is by how much the strategy's own score of its choice was above that of the
	// node that was taken, in its own units, in the mean of the Scored decisions in which
	// that node was among its best four.
	Scored int64 `json:"scored"`
	Gain   int64 `json:"gain"`
}
