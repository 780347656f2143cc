package engine

import (
	"fmt"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// Scaled is how many replicas a service needs for the load that is expected: the shell
// worked it out from a forecast of that load, which is no part of the state.
type Scaled struct {
	ID       uint64        `cbor:"1,keyasint"`
	Revision uint32        `cbor:"2,keyasint"` // for which it was worked out
	Replicas int32         `cbor:"3,keyasint"`
	Why      state.Outlook `cbor:"4,keyasint"`
}

// InputKind implements Input.
func (*Scaled) InputKind() InputKind { return InputScaled }

// MaxModel bounds the name of a forecast's model, in bytes.
const MaxModel = 64

// scaled gives a service another number of replicas, if that still holds of it as it is
// now.
func (e *Engine) scaled(in *Scaled) {
	if w := e.st.Workloads[in.ID]; w != nil && MayScale(w, in.Replicas, e.st.Now) && timely(w, in) {
		e.emit(&state.ServiceScaled{ID: in.ID, Replicas: in.Replicas, Why: in.Why})
	}
}

// timely reports whether an input was made for the specification that is in force, and
// is sound.
func timely(w *state.Workload, in *Scaled) bool {
	c, y := w.Spec.Scale, &in.Why
	return in.Revision == w.Revision && y.Quantile == c.Quantile && y.Target == c.Target &&
		y.Forecast >= 0 && y.Load >= 0 && len(y.Model) <= MaxModel
}

// riseAfter is how long after a change the number of replicas does not rise: until new
// replicas have begun to take their part of the load, they count as much as the others.
const riseAfter = api.Minute

// MayScale reports whether a service may have another number of replicas at a time: it
// is this cell's, is not being updated, the number is another one within its limits,
// and its last change is long enough ago. For a fall, a replica that became healthy
// only now counts as a change, too.
func MayScale(w *state.Workload, replicas int32, now api.Time) bool {
	c, present := w.Spec.Scale, w.Replicas()
	if c == nil || w.Status.Final() || w.Stopping || w.Away() || w.Stable != w.Revision {
		return false
	}
	if replicas == present || replicas != c.Bounds(replicas) {
		return false
	}
	var since api.Time
	if w.Scaling != nil {
		since = w.Scaling.Since
	}
	if replicas < present {
		return max(since, w.Progress).Add(c.Cooldown) <= now
	}
	return w.Scaling == nil || since.Add(riseAfter) <= now
}

// scaleOf shows why a service that scales has the replicas that it has; nil when it
// does not.
func scaleOf(w *state.Workload) *api.ScaleView {
	if w.Spec.Scale == nil {
		return nil
	}
	v := &api.ScaleView{Scale: *w.Spec.Scale, Replicas: w.Replicas()}
	c := w.Scaling
	if c != nil {
		v.From, v.Since = c.From, c.Since
	}
	if c == nil || c.Why == nil {
		v.Reason = fmt.Sprintf("%d replicas to begin with", v.Replicas)
		return v
	}
	y := c.Why
	v.Forecast, v.For, v.Origin, v.Model, v.Load = y.Forecast, y.For, y.Origin, y.Model, y.Load
	v.Reason = fmt.Sprintf("%d replicas instead of %d: %s", v.Replicas, v.From, Because(y))
	return v
}

// Because says what a number of replicas rests on.
func Because(y *state.Outlook) string {
	each := "each to use " + shareText(y.Target) + " of what it asks for"
	if y.Load > y.Forecast {
		return fmt.Sprintf("%v cpu are used, %s", y.Load, each)
	}
	return fmt.Sprintf("%v cpu at the %s quantile of the forecast for %s, %s",
		y.Forecast, shareText(y.Quantile), y.For.Std().Format("15:04:05"), each)
}

// shareText shows a share in thousandths.
func shareText(m api.Milli) string {
	return strconv.FormatFloat(float64(m)/10, 'f', -1, 64) + " %"
}
