package api

// Scale has the number of a service's replicas follow the load that is expected of
// them: so many that each uses the target share of the CPU that it asks for.
type Scale struct {
	Min int32 `json:"min,omitempty" cbor:"1,keyasint,omitempty"` // replicas, default 1
	Max int32 `json:"max" cbor:"2,keyasint,omitempty"`           // replicas
	// Target is the share of its requested CPU that a replica is to use, 0.05 to 1,
	// default 0.7.
	Target Milli `json:"target,omitempty" cbor:"3,keyasint,omitempty"`
	// Quantile of the forecast load that is provided for, 0.5 to 0.99, default 0.9.
	Quantile Milli `json:"quantile,omitempty" cbor:"4,keyasint,omitempty"`
	// Cooldown is how long the number does not fall after it has changed or a replica
	// has become healthy, 10s to 30m, default 5m.
	Cooldown Duration `json:"cooldown,omitempty" cbor:"5,keyasint,omitempty"`
}

// Defaults and limits of a Scale. The forecasts that it goes by reach half an hour ahead.
const (
	DefaultTarget   Milli    = 700
	DefaultQuantile Milli    = 900
	DefaultCooldown Duration = 5 * Minute
	MinTarget       Milli    = 50
	MinQuantile     Milli    = 500
	MaxQuantile     Milli    = 990
	MinCooldown     Duration = 10 * Second
	MaxCooldown     Duration = 30 * Minute
)

func (s *Scale) normalize() {
	setDefault(&s.Min, 1)
	setDefault(&s.Target, DefaultTarget)
	setDefault(&s.Quantile, DefaultQuantile)
	setDefault(&s.Cooldown, DefaultCooldown)
}

// Bounds brings a number of replicas within the limits.
func (s *Scale) Bounds(n int32) int32 { return min(max(n, s.Min), s.Max) }

// Sound reports whether every field is within its limits.
func (s *Scale) Sound() bool {
	return s.Min >= 1 && s.Max >= s.Min && s.Max <= MaxArray && s.Target >= MinTarget && s.Target <= 1000 &&
		s.Quantile >= MinQuantile && s.Quantile <= MaxQuantile && s.Cooldown >= MinCooldown && s.Cooldown <= MaxCooldown
}

func (c *checker) scale(w *Workload) {
	if w.Scale == nil {
		return
	}
	s := *w.Scale
	s.normalize()
	c.enter("scale")
	within(c, "min", s.Min, 1, MaxArray)
	switch {
	case s.Max == 0:
		c.fault("max", "is missing; write the most replicas that the service may have")
	case s.Max < s.Min && s.Max > 0:
		c.fault("max", "%d is below min, %d", s.Max, s.Min)
	default:
		within(c, "max", s.Max, 1, MaxArray)
	}
	within(c, "target", s.Target, MinTarget, 1000)
	within(c, "quantile", s.Quantile, MinQuantile, MaxQuantile)
	within(c, "cooldown", s.Cooldown, MinCooldown, MaxCooldown)
	c.leave()
	if n := w.Replicas; n > 0 && s.Min <= s.Max && n != s.Bounds(n) {
		c.fault("replicas", "%d is not within scale, %d to %d; it is the number to begin with", n, s.Min, s.Max)
	}
	if len(w.Tasks) == 1 && w.Tasks[0].Resources.CPU == 0 {
		c.enterAt("tasks", 0)
		c.enter("resources")
		c.fault("cpu", "is missing; scale counts replicas by the share of it that they use")
		c.leave()
		c.leave()
	}
}

// ScaleView shows why a service that scales has as many replicas as it has.
type ScaleView struct {
	Scale
	Replicas int32  `json:"replicas"`           // wished for
	From     int32  `json:"from,omitempty"`     // the number before
	Since    Time   `json:"since,omitempty"`    // when it was changed; 0: it is the file's number
	Forecast Milli  `json:"forecast,omitempty"` // CPU that the quantile of the forecast says
	For      Time   `json:"for,omitempty"`      // the moment for which it says so
	Origin   Time   `json:"origin,omitempty"`   // from where the forecast looked ahead
	Model    string `json:"model,omitempty"`
	Load     Milli  `json:"load,omitempty"` // CPU that the replicas used then
	Reason   string `json:"reason"`         // all of it in a sentence
}
