package provision

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Chances that hold are believed, those that are too sure half, and those that say
// nothing not at all; the score is then no worse than that of the share, and of what was told.
func TestSkill(t *testing.T) {
	for _, c := range []struct {
		name string
		told func(truth float64, r *rand.Rand) float64 // of what it comes with chance truth
		want float64                                   // weight
	}{
		{"as it is", func(p float64, _ *rand.Rand) float64 { return p }, 1},
		{"twice as far from the mean", func(p float64, _ *rand.Rand) float64 { return 0.3 + 2*(p-0.3) }, 0.5},
		{"noise", func(_ float64, r *rand.Rand) float64 { return r.Float64() }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var s Skill
			var raw, drawn, base []float64
			var came []bool
			for range 5000 {
				p := 0.15 + 0.3*r.Float64() // 0.3 in the mean
				told := c.told(p, r)
				raw, drawn, base = append(raw, told), append(drawn, s.Chance(told, s.Share())), append(base, s.Share())
				came = append(came, r.Float64() < p)
				s.Grade(told, s.Share(), came[len(came)-1])
			}
			if math.Abs(s.Weight()-c.want) > 0.1 {
				t.Errorf("the weight is %.2f, want %v", s.Weight(), c.want)
			}
			if got := Brier(drawn, came); got > Brier(raw, came)+0.001 || got > Brier(base, came)+0.001 {
				t.Errorf("the score is %.4f, %.4f as told, %.4f of the share", got, Brier(raw, came), Brier(base, came))
			}
		})
	}
}

func TestSkillOfNothing(t *testing.T) {
	var s Skill
	s.Grade(math.NaN(), 0.5, true)
	if s.N != 0 || s.Chance(1, 0.5) != 0.75 || s.Share() != 0.5 {
		t.Errorf("before anything was graded it is %+v", s)
	}
}
