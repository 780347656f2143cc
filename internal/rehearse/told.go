package rehearse

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/twin"
)

// Slack is how much later than at once jobs may end: a time, and so many times their run.
type Slack struct {
	By    api.Duration
	Times float64
}

// ParseSlack reads a time such as 24h, or a factor of the run such as 0.5x. "" is none.
func ParseSlack(text string) (Slack, error) {
	if text == "" {
		return Slack{}, nil
	}
	if factor, ok := strings.CutSuffix(text, "x"); ok {
		v, err := strconv.ParseFloat(factor, 64)
		if err != nil || !(v > 0 && v <= 1e6) {
			return Slack{}, fmt.Errorf("%.40q is no factor of a run time: write for example 0.5x", text)
		}
		return Slack{Times: v}, nil
	}
	var d api.Duration
	if err := d.UnmarshalText([]byte(text)); err != nil || d <= 0 || d > 366*api.Day {
		return Slack{}, fmt.Errorf("%.40q is neither a time such as 24h, of a year at most, nor a factor of the run time such as 0.5x", text)
	}
	return Slack{By: d}, nil
}

// deadline is when a job that runs so long must have ended, from its submission on.
func (s Slack) deadline(run api.Duration) api.Duration {
	return api.Duration(math.Min(float64(run)*(1+s.Times)+float64(s.By), float64(api.MaxDuration)))
}

// told has the demand say of its jobs what the plan wants to be said.
func (p *Plan) told(d twin.Demand) twin.Demand {
	if !p.Exact && p.Slack == (Slack{}) && !p.Suspend && p.Objective == "" {
		return d
	}
	return func() (twin.Arrival, bool) {
		a, ok := d()
		if ok {
			spec := *a.Workload
			spec.Tasks = slices.Clone(spec.Tasks)
			a.Workload = &spec
			p.tell(&spec, a.Truth)
		}
		return a, ok
	}
}

func (p *Plan) tell(spec *api.Workload, truth []twin.Truth) {
	whole := api.Duration(0)
	for i := range spec.Tasks {
		run := max(truth[i].Run, slices.Max(append([]api.Duration{1}, truth[i].Each...)))
		whole = min(whole+run, api.MaxDuration) // of tasks that come one after the other; those beside each other have more slack
		if p.Exact {
			spec.Tasks[i].Duration = run
		}
		if p.Suspend && spec.Tasks[i].Driver == api.DriverNoop {
			spec.Tasks[i].Driver = api.DriverProcess
		}
	}
	if spec.Kind == api.KindJob && spec.Deadline == 0 && p.Slack != (Slack{}) {
		spec.Deadline = p.Slack.deadline(whole)
	}
	if p.Objective != "" {
		spec.Objective = p.Objective
	}
}
