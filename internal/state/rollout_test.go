package state

import (
	"testing"

	"drover.dev/api"
)

// A stage of no length has no sixteenth to look after: a journal that was made to hold
// one is refused where it is folded in.
func TestStagesOfNoLengthAreRefused(t *testing.T) {
	begun := func(stages api.Stages) Event { return &RolloutBegun{To: "best-fit", Stages: stages} }
	shadow := api.Stages{Shadow: api.Hour}
	for name, tt := range map[string]struct {
		events []Event
		good   bool
	}{
		"a shadow that passes":     {[]Event{begun(shadow), &RolloutJudged{Look: 16, Next: StageAll, End: RolloutPassed}}, true},
		"a shadow and a canary":    {[]Event{begun(api.Stages{Shadow: api.Hour, Canary: api.Hour, Share: 10}), &RolloutJudged{Look: 16, Next: StageCanary}}, true},
		"no stage":                 {[]Event{begun(api.Stages{})}, false},
		"a moment":                 {[]Event{begun(api.Stages{Shadow: 15})}, false},
		"less than nothing":        {[]Event{begun(api.Stages{Shadow: -api.Hour})}, false},
		"a canary without a time":  {[]Event{begun(shadow), &RolloutJudged{Look: 16, Next: StageCanary}}, false},
		"all, and it goes on":      {[]Event{begun(shadow), &RolloutJudged{Look: 16, Next: StageAll}}, false},
		"a stage that there isn't": {[]Event{begun(shadow), &RolloutJudged{Look: 16, Next: 9}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			st := New()
			var err error
			for i, ev := range tt.events {
				if err = st.Apply(api.Time(i+1), ev); err != nil {
					break
				}
			}
			if (err == nil) != tt.good {
				t.Errorf("folded in: %v", err)
			}
		})
	}
}
