package state

import (
	"fmt"
	"math/bits"
	"slices"

	"drover.dev/api"
)

// Rollout is a change of the cell's strategy that is made in stages, or was.
type Rollout struct {
	To      string        `cbor:"1,keyasint"` // the strategy
	Asked   api.Probation `cbor:"2,keyasint"` // of the last stage; its goals judge the canary, too
	Stages  api.Stages    `cbor:"3,keyasint"`
	Stage   Stage         `cbor:"4,keyasint"`
	Since   api.Time      `cbor:"5,keyasint"`           // of the stage
	Looks   uint32        `cbor:"6,keyasint,omitempty"` // at the stage, how many have passed
	Shadow  ShadowTally   `cbor:"7,keyasint"`
	Trial   []Tally       `cbor:"8,keyasint,omitempty"` // by goal, of the canary's jobs
	Control []Tally       `cbor:"9,keyasint,omitempty"` // by goal, of the jobs beside it
	Judged  RolloutEnd    `cbor:"10,keyasint,omitempty"`
	Ended   api.Time      `cbor:"11,keyasint,omitempty"`
	Reason  string        `cbor:"12,keyasint,omitempty"`
	// Sited tells of the jobs that came to a canary of some sites and have not ended whether
	// their first element was placed at one of those.
	Sited map[uint64]bool `cbor:"13,keyasint,omitempty"`
}

// Stage is a part of a roll-out.
type Stage uint8

// The stages.
const (
	StageNone   Stage = iota
	StageShadow       // the strategy decides beside the present one
	StageCanary       // it decides for a share of the jobs
	StageAll          // it is the cell's, on probation
)

var stageNames = [...]string{"", api.StageShadow, api.StageCanary, api.StageAll}

func (s Stage) String() string { return stageNames[min(int(s), len(stageNames)-1)] }

// RolloutEnd is how a roll-out ended.
type RolloutEnd uint8

// The ends of a roll-out.
const (
	RolloutOpen RolloutEnd = iota
	RolloutPassed
	RolloutRefused
	RolloutRolled
	RolloutUntested
	RolloutReplaced
)

var rolloutNames = [...]string{api.RolloutOpen, api.RolloutPassed, api.RolloutRefused, api.RolloutRolled, api.RolloutUntested, api.RolloutReplaced}

func (e RolloutEnd) String() string { return rolloutNames[min(int(e), len(rolloutNames)-1)] }

// ShadowTally adds up what a strategy would have done beside what was done. Times are
// in whole microseconds.
type ShadowTally struct {
	Decisions uint64 `cbor:"1,keyasint,omitempty"`
	Skipped   uint64 `cbor:"2,keyasint,omitempty"` // placed, and not decided once more
	Differ    uint64 `cbor:"3,keyasint,omitempty"`
	Refused   uint64 `cbor:"4,keyasint,omitempty"`
	Faster    uint64 `cbor:"5,keyasint,omitempty"`
	Slower    uint64 `cbor:"6,keyasint,omitempty"`
	Present   uint64 `cbor:"7,keyasint,omitempty"` // predicted for what was chosen, of those that were not refused
	Candidate uint64 `cbor:"8,keyasint,omitempty"`
	Scored    uint64 `cbor:"9,keyasint,omitempty"`
	Gain      uint64 `cbor:"10,keyasint,omitempty"`
}

// Add adds another tally; sums that would be too large stay at the largest.
func (t *ShadowTally) Add(o *ShadowTally) {
	for _, f := range [...]struct{ sum, more *uint64 }{
		{&t.Decisions, &o.Decisions},
		{&t.Skipped, &o.Skipped},
		{&t.Differ, &o.Differ},
		{&t.Refused, &o.Refused},
		{&t.Faster, &o.Faster},
		{&t.Slower, &o.Slower},
		{&t.Present, &o.Present},
		{&t.Candidate, &o.Candidate},
		{&t.Scored, &o.Scored},
		{&t.Gain, &o.Gain},
	} {
		sum, over := bits.Add64(*f.sum, *f.more, 0)
		*f.sum = sum | -over
	}
}

// Sound reports whether the counts of a tally agree with each other.
func (t *ShadowTally) Sound() bool {
	n := t.Decisions
	return t.Refused <= n && t.Differ <= n-t.Refused && t.Faster <= n-t.Refused && t.Slower <= n-t.Refused-t.Faster && t.Scored <= n-t.Refused
}

// RolloutBegun has a strategy tried in stages.
type RolloutBegun struct {
	To     string        `cbor:"1,keyasint"`
	Asked  api.Probation `cbor:"2,keyasint"`
	Stages api.Stages    `cbor:"3,keyasint"`
}

// RolloutShadowed adds to what a shadow has found.
type RolloutShadowed struct {
	Tally ShadowTally `cbor:"1,keyasint"`
}

// RolloutJudged is a look at a stage. When the last one has passed, the change of the
// settings follows it.
type RolloutJudged struct {
	Look   uint32     `cbor:"1,keyasint"`
	Next   Stage      `cbor:"2,keyasint,omitempty"` // it begins; none: the present one goes on, or all has ended
	End    RolloutEnd `cbor:"3,keyasint,omitempty"`
	Reason string     `cbor:"4,keyasint,omitempty"`
}

// Kind implements Event.
func (*RolloutBegun) Kind() Kind { return KindRolloutBegun }

// Kind implements Event.
func (*RolloutShadowed) Kind() Kind { return KindRolloutShadowed }

// Kind implements Event.
func (*RolloutJudged) Kind() Kind { return KindRolloutJudged }

// InRollout is the roll-out that goes on, or nil.
func (s *State) InRollout() *Rollout {
	if r := s.Rollout; r != nil && r.Judged == RolloutOpen {
		return r
	}
	return nil
}

// applyRollout folds its events in; false when ev is none.
func (s *State) applyRollout(ev Event) (bool, error) {
	switch e := ev.(type) {
	case *RolloutBegun:
		if faults := e.Stages.Validate(); len(faults) > 0 {
			return true, fmt.Errorf("a roll-out of %.80q begins: its stages %s: %s", e.To, faults[0].Path, faults[0].Message)
		}
		s.Rollout = &Rollout{To: e.To, Asked: e.Asked, Stages: e.Stages}
		first := StageShadow
		if e.Stages.Shadow == 0 {
			first = StageCanary
		}
		s.Rollout.begin(first, s.Now)
	case *RolloutShadowed:
		r := s.InRollout()
		if r == nil {
			return true, fmt.Errorf("a shadow tells what it found, and no strategy is tried")
		}
		r.Shadow.Add(&e.Tally)
	case *RolloutJudged:
		r := s.InRollout()
		if r == nil || e.Look < r.Looks {
			return true, fmt.Errorf("look %d at a roll-out: there is none, or it was looked at later", e.Look)
		}
		if e.Next == StageCanary && r.Stages.Canary == 0 || e.Next > StageCanary && e.End == RolloutOpen {
			return true, fmt.Errorf("look %d at a roll-out: it has no time for the stage %v", e.Look, e.Next)
		}
		r.Looks, r.Judged, r.Reason = e.Look, e.End, e.Reason
		if e.Next != StageNone {
			r.begin(e.Next, s.Now)
		}
		if e.End != RolloutOpen {
			r.Ended, r.Sited = s.Now, nil
		}
	default:
		return false, nil
	}
	return true, nil
}

func (r *Rollout) begin(stage Stage, now api.Time) {
	r.Stage, r.Since, r.Looks, r.Sited = stage, now, 0, nil
	if stage == StageCanary {
		r.Trial, r.Control = make([]Tally, len(r.Asked.Goals)), make([]Tally, len(r.Asked.Goals))
	}
}

// Side is where a job stands in a canary.
type Side uint8

// The sides of a canary.
const (
	SideNone    Side = iota // it has no part in it
	SideTrial               // the strategy that is tried decides for it
	SideControl             // the present one does, as for all others
)

// SideOf tells on which side of the canary that goes on a workload is: a job that came
// after its beginning, of one of the tenants, for which nobody chose a strategy, and, of
// a canary of some sites, whose first element was placed there. The groups are drawn by
// a hash of the job's number, so that nothing but chance decides which job is in which.
func (s *State) SideOf(w *Workload) Side {
	if r := s.Rollout; r == nil || len(r.Stages.Sites) > 0 && !r.Sited[w.ID] {
		return SideNone
	}
	return s.drawn(w)
}

// SideAt tells on which side of the canary an element is placed that goes to a site. Of a
// canary of some sites it is one of those, and the job's first element went there, too, if
// it was placed already.
func (s *State) SideAt(w *Workload, site string) Side {
	if r := s.Rollout; r != nil && len(r.Stages.Sites) > 0 {
		if there, placed := r.Sited[w.ID]; placed && !there || !slices.Contains(r.Stages.Sites, site) {
			return SideNone
		}
	}
	return s.drawn(w)
}

// sited notes of a job that comes to a canary of some sites where its first element goes.
func (s *State) sited(w *Workload, site string) {
	r := s.Rollout
	if s.drawn(w) == SideNone || len(r.Stages.Sites) == 0 {
		return
	}
	if _, placed := r.Sited[w.ID]; !placed {
		r.Sited = orMake(r.Sited)
		r.Sited[w.ID] = slices.Contains(r.Stages.Sites, site)
	}
}

// unsited forgets it of a job that has ended.
func (s *State) unsited(id uint64) {
	if s.Rollout != nil {
		delete(s.Rollout.Sited, id)
	}
}

// drawn is the side of a workload wherever it is placed. Gangs have no part in a canary of
// some sites: they are placed whole, and may stand at several.
func (s *State) drawn(w *Workload) Side {
	r := s.Rollout
	if r == nil || r.Judged != RolloutOpen || r.Stage != StageCanary || w.Submitted <= r.Since ||
		w.Spec.Kind != api.KindJob || w.Spec.Schedule != nil && w.Parent == 0 || w.Spec.Strategy != "" {
		return SideNone
	}
	if t := s.Tenants[w.Spec.Tenant]; t != nil && t.Strategy != "" {
		return SideNone
	}
	if len(r.Stages.Tenants) > 0 && !slices.Contains(r.Stages.Tenants, w.Spec.Tenant) {
		return SideNone
	}
	if len(r.Stages.Sites) > 0 && w.Spec.Gang {
		return SideNone
	}
	if scatter(w.ID)%100 < uint64(r.Stages.Share) {
		return SideTrial
	}
	return SideControl
}

// scatter is a bijection that leaves no pattern (Steele, Lea, Flood, 2014, "Fast
// Splittable Pseudorandom Number Generators").
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// tallyCanary counts a time that is over for every goal of its kind.
func (s *State) tallyCanary(w *Workload, wait bool) {
	side := s.SideOf(w)
	if side == SideNone || w.Away() {
		return
	}
	r := s.Rollout
	tallies := r.Trial
	if side == SideControl {
		tallies = r.Control
	}
	countTime(r.Asked.Goals, tallies, wait, s.Now.Sub(w.Submitted))
}

// countTime adds a time to the tallies of the goals of its kind.
func countTime(goals []api.Goal, tallies []Tally, wait bool, d api.Duration) {
	for i := range goals {
		g := &goals[i]
		if ofWait, _, ok := g.Metric.Parts(); ok && ofWait == wait {
			tallies[i].Add(d, g.Limit)
		}
	}
}
