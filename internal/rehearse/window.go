package rehearse

import (
	"slices"

	"drover.dev/api"
)

// Bounds of a [Window].
const (
	windowKeys   = 500 // quantities; the one of which nothing was heard for longest goes
	windowValues = 128 // of each, the latest
)

// Window is what was measured lately: the latest values of each quantity that
// [Past.Calibrate] fits, in bounded space. The zero value is ready.
type Window struct {
	Of map[string]*Values `cbor:"1,keyasint"` // by what, of which and unit
}

// Values are the latest of a quantity, the oldest first.
type Values struct {
	At    []api.Time `cbor:"1,keyasint"` // when each became known
	Value []float64  `cbor:"2,keyasint"`
}

// Attempt is what an agent measured of a task that has ended, and where.
type Attempt struct {
	At     api.Time // when that was recorded
	Job    string   // its name
	Task   *api.Task
	Node   *api.Node
	Home   string // site from which its inputs came
	Result *api.Result
	Took   api.Duration // from its placement to At
}

// Note takes in what was measured of an attempt.
func (w *Window) Note(a Attempt) {
	r := a.Result
	class := classOf(a.Node)
	w.add("run", a.Job+"/"+a.Task.Name+" on "+class, "s", a.At, r.Wall.Std().Seconds())
	if program := programOf(a.Task); program != "" { // jobs may all be called differently
		w.add("run", "program "+program+" on "+class, "s", a.At, r.Wall.Std().Seconds())
	}
	w.add("start", a.Task.Driver, "s", a.At, r.Start.Std().Seconds())
	w.add("overhead", a.Task.Driver, "s", a.At, max(a.Took-r.Wall, 0).Std().Seconds())
	if r.BytesIn >= leastBytes && r.Fetch > 0 {
		w.add("link", a.Home+" to "+a.Node.Site, "Mbit/s", a.At, float64(r.BytesIn)*8/1e6/r.Fetch.Std().Seconds())
	}
}

func (w *Window) add(what, of, unit string, at api.Time, value float64) {
	key := what + "\x00" + of + "\x00" + unit
	v := w.Of[key]
	if v == nil {
		if w.Of == nil {
			w.Of = map[string]*Values{}
		}
		if len(w.Of) >= windowKeys {
			delete(w.Of, w.idlest())
		}
		v = &Values{}
		w.Of[key] = v
	}
	if len(v.At) >= windowValues {
		v.At, v.Value = slices.Delete(v.At, 0, 1), slices.Delete(v.Value, 0, 1)
	}
	v.At, v.Value = append(v.At, at), append(v.Value, value)
}

// idlest is the quantity of which nothing was heard for longest.
func (w *Window) idlest() (key string) {
	least := never
	for name, v := range w.Of { // order-free: the least
		if at := v.At[len(v.At)-1]; at < least || at == least && name < key {
			key, least = name, at
		}
	}
	return key
}

// Clone is a copy that stands still.
func (w *Window) Clone() *Window {
	out := &Window{Of: map[string]*Values{}}
	for key, v := range w.Of { // order-free: a copy
		out.Of[key] = &Values{slices.Clone(v.At), slices.Clone(v.Value)}
	}
	return out
}

// Fit fits every quantity that was measured more than once to what became known within so
// long before now.
func (w *Window) Fit(now api.Time, within api.Duration) *Calibration {
	s, n := series{values: map[string][]float64{}}, 0
	for key, v := range w.Of { // order-free: each by itself, and a sum
		if len(v.At) < 2 {
			continue
		}
		for i, at := range v.At {
			if now.Sub(at) <= within {
				s.values[key] = append(s.values[key], v.Value[i])
				n++
			}
		}
	}
	return s.calibration(within, n)
}
