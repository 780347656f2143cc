package sched

import "drover.dev/api"

// Allowance is how a budget of carbon stands in its present window.
type Allowance struct {
	Amount, Taken int64 // of the window, and spent or promised so far, in µg
	Begin, End    api.Time
}

// Shadow is the shadow price of a budget of carbon at a site: how much cleaner, in mg/kWh,
// an hour has to be for each hour that work waits for it, so that the budget suffices for
// what is expected to come. That is the reciprocal of a Lagrange multiplier: of all ways
// to start what comes within a day of its coming that keep the budget, it is the one that
// waits least. The scarcer the budget, the lower Hour; 0 is that all waits for the
// cleanest hour it can.
type Shadow struct {
	Ample bool  // the budget suffices without waiting; Hour says nothing
	Short bool  // it does not, however long all waits
	Hour  int64 // in mg/kWh
	// Target is the intensity that the budget allows what is expected to come, and AtOnce
	// what it would come to without waiting, in mg/kWh.
	Target, AtOnce int64
}

// Bounds of the look ahead.
const (
	mayWait   = 24  // hours, which work that comes is supposed to have
	horizon   = 192 // hours that are looked at; the rest of a window is supposed to be like them
	priorPart = 8   // an eighth of the window counts as if it had taken its even part
)

// Shadow is the price of a budget by the signal of a site. What is expected to come takes
// as much energy by the hour as what came in the window so far, in which the budget's
// even part counts for an eighth of the window, so that a price is known from the start.
// false: the intensity of the site is not known.
func (x *Index) Shadow(site string, b *Allowance, now api.Time) (Shadow, bool) {
	s := x.signalAt(site, api.SignalCarbon)
	if s == nil || len(s.Values) == 0 {
		return Shadow{}, false
	}
	return shadow(s, b, now), true
}

// SignalOf names the signal of carbon of a site; nil is none.
func (x *Index) SignalOf(site string) *api.Signal { return x.signalAt(site, api.SignalCarbon) }

func shadow(s *api.Signal, b *Allowance, now api.Time) Shadow {
	ahead := hoursAhead(s, now, b.End)
	p := Shadow{AtOnce: meanSize(ahead)}
	p.Target = target(s, b, now, p.AtOnce)
	most := int64(0)
	for _, v := range ahead {
		most = max(most, v)
	}
	switch {
	case p.AtOnce <= p.Target:
		p.Ample = true
		return p
	case meanWaiting(ahead, 0) > p.Target:
		p.Short = true
		return p
	}
	least, above := int64(0), most+1 // the budget suffices at the first, and not at the second
	for above-least > 1 {
		if mid := least + (above-least)/2; meanWaiting(ahead, mid) <= p.Target {
			least = mid
		} else {
			above = mid
		}
	}
	p.Hour = least
	return p
}

// hoursAhead are the intensities of the hours that are left of a window.
func hoursAhead(s *api.Signal, now, end api.Time) []int64 {
	n := min(max(int64(end.Sub(now)+api.Hour-1)/int64(api.Hour), 1), horizon)
	out := make([]int64, n)
	for i := range out {
		from := now.Add(api.Duration(i) * api.Hour)
		out[i], _ = s.Mean(from, from.Add(api.Hour))
	}
	return out
}

// target is the intensity at which what is left of the budget, R, is enough for what is
// expected to come in the time that is left, H: (R/H) / (E/t), with E the energy so far in
// the time t: what was taken by the mean intensity of the hours so far, and the prior's
// part of the budget by that or the one ahead, whichever is higher.
func target(s *api.Signal, b *Allowance, now api.Time, ahead int64) int64 {
	past, _ := s.Mean(min(max(b.Begin, s.Start, now.Add(-api.SignalPast)), now.Add(-api.Hour)), now)
	const parts = 1_000_000
	energy := scale(max(b.Taken, 0), parts, max(past, 1)) + scale(b.Amount/priorPart, parts, max(past, ahead, 1))
	t, h := max(now.Sub(b.Begin), 0)+b.End.Sub(b.Begin)/priorPart, max(b.End.Sub(now), 1)
	return scale(scale(max(b.Amount-b.Taken, 0), parts, max(energy, 1)), scale(int64(t), parts, int64(h)), parts)
}

// meanWaiting is the mean intensity at which what comes evenly in these hours runs, if it
// waits for one up to mayWait hours ahead that is cleaner by price for each hour.
func meanWaiting(hours []int64, price int64) (mean int64) {
	for i, v := range hours {
		best, chosen := v, v
		for j := i + 1; j < min(i+1+mayWait, len(hours)); j++ {
			if c := hours[j] + int64(j-i)*price; c < best {
				best, chosen = c, hours[j]
			}
		}
		mean += chosen
	}
	return mean / int64(len(hours))
}
