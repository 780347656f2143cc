package consolidate

import (
	"fmt"
	"strconv"
	"strings"
)

// Ways to tell that a host is overloaded, or to do without moving VMs.
const (
	NPA  = "npa"  // nothing: every host draws its full power
	DVFS = "dvfs" // nothing: hosts draw what they use
	THR  = "thr"  // more than a share of the host is asked for
	IQR  = "iqr"  // more than 1 − s · interquartile range of its past use
	MAD  = "mad"  // more than 1 − s · median absolute deviation of its past use
	LR   = "lr"   // s · the use predicted by local regression reaches 1
	LRR  = "lrr"  // the same, robust
	Own  = "consolidation"
)

// Ways to select the VMs that leave an overloaded host.
const (
	MMT = "mmt" // the least time to migrate, which is the least memory
	MC  = "mc"  // the most correlated with the others
	MU  = "mu"  // the least used
	RS  = "rs"  // at random
)

// Policy is how VMs are placed and moved.
type Policy struct {
	Detect string  // one of the ways above
	Safety float64 // its threshold or its s
	Select string  // for the published ways to detect that move VMs
	Seed   uint64  // of RS
}

// Policies lists the published policies with the parameters that they were
// published with.
func Policies() []string {
	return []string{"npa", "dvfs", "thr-0.8", "iqr-1.5", "mad-2.5", "lr-1.2", "lrr-1.2"}
}

// Selections lists the published selections, the default first.
func Selections() []string { return []string{MMT, MC, MU, RS} }

// ParsePolicy reads a policy's name as Policies writes it, with a selection.
func ParsePolicy(name, selection string) (Policy, error) {
	kind, number, parametrised := strings.Cut(name, "-")
	p := Policy{Detect: kind, Select: selection}
	if kind == NPA || kind == DVFS {
		p.Select = ""
	}
	if parametrised {
		v, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return Policy{}, fmt.Errorf("policy %.40q: %.30q is no number", name, number)
		}
		p.Safety = v
	}
	_, err := p.planner()
	return p, err
}

// planner makes what decides.
func (p Policy) planner() (planner, error) {
	switch p.Detect {
	case NPA, DVFS:
		return static{}, nil
	case Own:
		return newOwn(), nil
	case THR, IQR, MAD, LR, LRR:
	default:
		return nil, fmt.Errorf("there is no policy %.40q: it is one of %s", p.Detect, strings.Join(Policies(), ", "))
	}
	if !(p.Safety > 0 && p.Safety <= 10) || p.Detect == THR && p.Safety > 1 {
		return nil, fmt.Errorf("policy %s needs a parameter over 0, for example %s: not %g", p.Detect, strings.Join(Policies()[2:], ", "), p.Safety)
	}
	choose, err := p.selector()
	if err != nil {
		return nil, err
	}
	return &published{over: p.detector(), choose: choose}, nil
}

// static places VMs on the first host with room and leaves them there.
type static struct{}

func (static) first(s *sim, v int) int {
	for i := range s.hosts {
		if s.roomAtFirst(i, v) {
			return i
		}
	}
	return -1
}

func (static) moves(*sim) []move { return nil }
