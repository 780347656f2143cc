package sched

import "drover.dev/api"

// Fits remembers hours, and what was fitted into them, so that what is asked again is not
// worked out again: of a job of many elements each asks the same. What it says follows
// from what was asked, the signals and the sites alone; who changes one of these forgets.
// The zero value is empty. A nil one keeps nothing: it works all out, and may be shared.
type Fits struct {
	hours map[spanKey]*Hours
	fits  map[fitKey]fitted
}

// mostSpans and mostFits bound what is remembered: about 1 KB each, and 100 bytes.
const mostSpans, mostFits = 256, 4096

// spanKey is all that hours follow from beside the signals. Those that end at slightly
// different times are cut alike, and are the same.
type spanKey struct {
	site        string
	by          api.Objective
	start, next api.Time
	step        api.Duration
	pieces      int
}

type fitKey struct {
	hours *Hours
	run   Run
}

type fitted struct {
	Fitted
	ok bool
}

// Forget forgets all: a signal or a site has changed.
func (f *Fits) Forget() { *f = Fits{} }

// Hours is what Index.Hours says. Nobody may change it.
func (f *Fits) Hours(x *Index, site string, o api.Objective, from, to api.Time) (*Hours, string) {
	h, pieces, list, why := x.span(site, o, from, to)
	if why != "" {
		return &h, why
	}
	key := spanKey{site, o, h.Start, h.Next, h.Step, pieces}
	if f != nil && f.hours[key] != nil {
		return f.hours[key], ""
	}
	h.weighAll(list, pieces)
	if f == nil {
		return &h, ""
	}
	if f.hours == nil || len(f.hours) >= mostSpans {
		*f = Fits{map[spanKey]*Hours{}, map[fitKey]fitted{}}
	}
	f.hours[key] = &h
	return &h, ""
}

// Fit is what Hours.Fit says of hours that came from here.
func (f *Fits) Fit(h *Hours, r Run) (Fitted, bool) {
	if f == nil {
		return h.Fit(r)
	}
	p, known := f.fits[fitKey{h, r}]
	if !known {
		if p.Fitted, p.ok = h.Fit(r); f.fits == nil || len(f.fits) >= mostFits {
			f.fits = map[fitKey]fitted{}
		}
		f.fits[fitKey{h, r}] = p
	}
	return p.Fitted, p.ok
}
