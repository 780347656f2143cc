package provision

// Skill is how much the chances that were told could be believed so far, beside the
// share of times that it came anyway. A chance is drawn towards that share as far as that
// would have made the Brier score of those before it least: the weight is the slope of
// what came on what was told, both as distances from the share (the reliability of
// Murphy, 1973, "A new vector partition of the probability score", made use of). So
// chances that are too sure, or of a forecast that knows nothing, become modest, and
// those that hold stay as they are.
type Skill struct {
	N     uint64  `cbor:"1,keyasint"` // graded
	Came  uint64  `cbor:"2,keyasint"` // of those
	Agree float64 `cbor:"3,keyasint"` // sum of told·came, as distances from the share
	Told  float64 `cbor:"4,keyasint"` // sum of the squares of what was told, so
}

// What is believed before anything was graded: half, with the weight of so much.
const (
	priorWeight = 0.5
	priorTold   = 2.0
)

// Share is how often it came, by what was graded and one more time for and against.
func (s *Skill) Share() float64 { return (float64(s.Came) + 0.5) / (float64(s.N) + 1) }

// Chance is a chance, 0 to 1, drawn towards share, the part of times that it came so far.
func (s *Skill) Chance(told, share float64) float64 {
	return share + s.Weight()*(told-share)
}

// Weight is how far chances are believed: 0 is not at all, 1 as they are told.
func (s *Skill) Weight() float64 {
	return min(max((s.Agree+priorWeight*priorTold)/(s.Told+priorTold), 0), 1)
}

// Grade takes in what came of a chance. share is as it was when the chance was told.
func (s *Skill) Grade(told, share float64, came bool) {
	if !(told >= 0 && told <= 1) {
		return
	}
	truth := 0.0
	if s.N++; came {
		s.Came++
		truth = 1
	}
	s.Agree += (told - share) * (truth - share)
	s.Told += (told - share) * (told - share)
}
