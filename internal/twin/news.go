package twin

import (
	"drover.dev/api"
	"drover.dev/internal/engine"
)

// News is what a cell is told from outside at a moment, besides the demand: what is
// said of grids and prices, for instance.
type News struct {
	At    api.Time
	Input engine.Input
}

// Herald brings the next news, in the order of their times; false is none any more.
type Herald func() (News, bool)

// Recorded brings a list.
func Recorded(list []News) Herald {
	return func() (n News, ok bool) {
		if len(list) == 0 {
			return n, false
		}
		n, list = list[0], list[1:]
		return n, true
	}
}

// hear gets the next news.
func (w *World) hear() {
	if w.told = w.cfg.News != nil; w.told {
		before := w.news.At
		w.news, w.told = w.cfg.News()
		w.news.At = max(w.news.At, before)
	}
}

// tell gives the engine the next news.
func (w *World) tell() {
	w.inputs = append(w.inputs, w.news.Input)
	w.hear()
}

// upToDate tells what was known when the world began.
func (w *World) upToDate() {
	for w.hear(); w.told && w.news.At <= w.now; {
		w.tell()
	}
}

// foreseeEvery is how often the cell is shown to who foresees: as often as a leader
// writes down how things stand.
const foreseeEvery = 10 * api.Second

// foresee tells the cell what is to be expected, by how it stands now, and what is used.
func (w *World) foresee() {
	if w.cfg.Foresee != nil {
		if in := w.cfg.Foresee(w.now, w.engine); in != nil {
			w.inputs = append(w.inputs, in)
		}
	}
	if w.measures() {
		w.inputs = append(w.inputs, w.cfg.Measure(w.now, w.engine, Gauge{w})...)
	} else if w.cfg.Foresee == nil {
		w.glance = 0
		return
	}
	w.glance = w.glance.Add(foreseeEvery)
}
