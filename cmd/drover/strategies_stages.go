package main

import (
	"cmp"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
	"github.com/spf13/pflag"
)

// rollFlags are the flags of a change that is made in stages.
type rollFlags struct {
	names          []string
	shadow, canary time.Duration
	share          string
	tenants, sites []string
}

// Shares of the jobs that a canary takes by itself: of all of them, a few; of those at
// some sites half, as that tells most with the fewest.
const (
	usualShare   = "10%"
	usualAtSites = "50%"
)

func (o *rollFlags) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&o.names, "stages", nil, "try it first, in this order: shadow, canary, all; without all it is tried and not set")
	f.DurationVar(&o.shadow, "shadow", time.Hour, "how long it decides beside the present strategy: 1s to 720h")
	f.DurationVar(&o.canary, "canary", time.Hour, "how long it decides for a share of the jobs: 1s to 720h")
	f.StringVar(&o.share, "share", "", "of the jobs that the canary takes: 1% to 90% (default 10%, or 50% of those at --sites)")
	f.StringSliceVar(&o.sites, "sites", nil, "the canary's: there it chooses the node for its share of the jobs that the present strategy sends there")
	f.StringSliceVar(&o.tenants, "tenants", nil, "whose jobs take part in the canary (default: all tenants')")
}

// stages reads what is asked for; nil when no stages are.
func (o *rollFlags) stages() (*api.Stages, error) {
	if len(o.names) == 0 || slices.Equal(o.names, []string{api.StageAll}) {
		return nil, nil
	}
	order := []string{api.StageShadow, api.StageCanary, api.StageAll}
	at := -1
	for _, name := range o.names {
		i := slices.Index(order, name)
		if i <= at {
			return nil, errText("--stages %q: name shadow, canary and all, or some of them, in this order", name)
		}
		at = i
	}
	s := &api.Stages{Stop: !slices.Contains(o.names, api.StageAll)}
	if slices.Contains(o.names, api.StageShadow) {
		s.Shadow = api.Duration(o.shadow)
	}
	if slices.Contains(o.names, api.StageCanary) {
		usual := usualShare
		if len(o.sites) > 0 {
			usual = usualAtSites
		}
		share, err := rehearse.ParsePercent(cmp.Or(o.share, usual))
		if err != nil || share != float64(int32(share)) {
			return nil, errText("--share %q: write a whole number of percent, 1%% to 90%%", o.share)
		}
		s.Canary, s.Share, s.Tenants = api.Duration(o.canary), int32(share), o.tenants
		s.Sites = o.sites
	}
	for _, f := range s.Validate() {
		return nil, errText("--%s: %s", f.Path, f.Message)
	}
	return s, nil
}

// firstStage says how a change in stages begins.
func firstStage(s *api.Stages) string {
	if s.Shadow > 0 {
		return "in its shadow"
	}
	return "as a canary"
}

// unused refuses flags that only a stage has a use for that is not asked for.
func (o *rollFlags) unused(f *pflag.FlagSet) error {
	for _, u := range [...]struct{ flag, stage string }{
		{"shadow", api.StageShadow},
		{"canary", api.StageCanary},
		{"share", api.StageCanary},
		{"tenants", api.StageCanary},
		{"sites", api.StageCanary},
	} {
		if f.Changed(u.flag) && !slices.Contains(o.names, u.stage) {
			return usageError{errText("--%s says how the stage %s goes, and that is not asked for", u.flag, u.stage), "add --stages shadow,canary,all"}
		}
	}
	return nil
}
