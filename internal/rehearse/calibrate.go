package rehearse

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/calibrate"
	"drover.dev/internal/state"
	"drover.dev/internal/trace"
	"drover.dev/internal/twin"
)

// measured is what an agent measured of one attempt that decided an element's fate.
type measured struct {
	at                api.Time
	task, driver      string // which task, of which workload; its driver
	class             string // of its node
	site              string // of its node
	wall, start, took api.Duration
	fetch             api.Duration
	bytes             api.Bytes
	cold              bool // its node ran the program for the first time that is known
}

// maxMeasured bounds how many attempts are kept: the latest.
const maxMeasured = 200_000

// measure keeps what a result says. took is the time from the placement to the recorded end.
func (p *pastReader) measure(ev *state.TaskEnded, j *pastJob, ran *twin.Ended, now api.Time) {
	t := &j.spec.Tasks[ev.Attempt.Task]
	node := p.nodes[ran.Node]
	m := measured{
		at: now, task: j.spec.Name + "/" + t.Name, driver: t.Driver, class: classOf(&node), site: node.Site,
		wall: ev.Result.Wall, start: ev.Result.Start, fetch: ev.Result.Fetch, bytes: ev.Result.BytesIn, took: now.Sub(ran.Started),
	}
	key := ran.Node + "\x00" + t.Driver + "\x00" + programOf(t)
	if m.cold = !p.seen[key]; len(p.seen) < maxMeasured {
		p.seen[key] = true
	}
	if len(p.measured) == maxMeasured { // the older half goes
		p.measured = p.measured[:copy(p.measured, p.measured[maxMeasured/2:])]
	}
	p.measured = append(p.measured, m)
}

// programOf names what a task runs.
func programOf(t *api.Task) string {
	switch {
	case t.Artifact != nil:
		return string(t.Artifact.Digest)
	case len(t.Command) > 0:
		return t.Command[0]
	}
	return ""
}

// enoughStarts is how many cold and warm starts of a driver tell them apart.
const enoughStarts = 5

// startups are, by driver, the median times that elements took besides running, apart for cold
// and warm starts where there are enough of both.
func (p *pastReader) startups(all map[string]api.Duration) map[string]twin.Startup {
	out := overheads(all)
	var by [2]map[string][]api.Duration
	by[0], by[1] = map[string][]api.Duration{}, map[string][]api.Duration{}
	for i := range p.measured {
		m, k := &p.measured[i], 0
		if m.cold {
			k = 1
		}
		by[k][m.driver] = append(by[k][m.driver], max(m.took-m.wall, 0))
	}
	for _, driver := range sortedNames(out) {
		warm, cold := by[0][driver], by[1][driver]
		if len(warm) >= enoughStarts && len(cold) >= enoughStarts {
			slices.Sort(warm)
			slices.Sort(cold)
			w, c := warm[len(warm)/2], cold[len(cold)/2]
			out[driver] = twin.Startup{Warm: w, Cold: max(c, w)}
		}
	}
	return out
}

// Calibration is what was fitted to what really happened.
type Calibration struct {
	Window  api.Duration    `json:"window"` // how far back from the last value; 0 is all
	Samples int             `json:"samples"`
	Fits    []calibrate.Fit `json:"fits"` // those with the most samples first
	Drifts  int             `json:"drifts"`
}

// series collects values by what they are of.
type series struct {
	values map[string][]float64
}

func (s *series) add(what, of, unit string, v float64) {
	key := what + "\x00" + of + "\x00" + unit
	s.values[key] = append(s.values[key], v)
}

// Calibrate fits run times by task and class of node, times to start by driver, cold and
// warm, and the speed of links, to the attempts that ended within a window before the last one.
func (p *Past) Calibrate(window api.Duration) *Calibration {
	s := series{values: map[string][]float64{}}
	list := slices.Clone(p.measured)
	slices.SortStableFunc(list, func(a, b measured) int { return cmp.Compare(a.at, b.at) })
	n := 0
	for i := range list {
		m := &list[i]
		if window > 0 && list[len(list)-1].at.Sub(m.at) > window {
			continue
		}
		n++
		s.add("run", m.task+" on "+m.class, "s", m.wall.Std().Seconds())
		start := "start-warm"
		if m.cold {
			start = "start-cold"
		}
		s.add(start, m.driver, "s", m.start.Std().Seconds())
		s.add("overhead", m.driver, "s", max(m.took-m.wall, 0).Std().Seconds())
		if m.bytes >= leastBytes && m.fetch > 0 {
			s.add("link", p.Settings.Home+" to "+m.site, "Mbit/s", float64(m.bytes)*8/1e6/m.fetch.Std().Seconds())
		}
	}
	return s.calibration(window, n)
}

// leastBytes is how much a transfer must move to tell of a link's bandwidth rather than
// of its delay.
const leastBytes = 256 << 10

// CalibrateRows fits run times to a trace, by user, program and size. A run is known when it would
// have ended, had it begun when it was submitted.
func CalibrateRows(rows []trace.Row, window api.Duration) *Calibration {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	end := func(i int) api.Duration { return rows[i].Submit + rows[i].Run }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(end(a), end(b)) })
	s, n := series{values: map[string][]float64{}}, 0
	for _, i := range order {
		if window > 0 && end(order[len(order)-1])-end(i) > window {
			continue
		}
		n++
		r := &rows[i]
		of := strconv.Itoa(int(max(r.Count, 1))) + " × " + r.Each.CPU.String() + " cpu"
		if r.Program != "" {
			of = r.Program + ", " + of
		}
		if r.User != "" {
			of = "user " + r.User + ", " + of
		}
		s.add("run", of, "s", r.Run.Std().Seconds())
	}
	return s.calibration(window, n)
}

func (s *series) calibration(window api.Duration, samples int) *Calibration {
	c := &Calibration{Window: window, Samples: samples, Fits: []calibrate.Fit{}}
	for _, key := range sortedNames(s.values) {
		what, rest, _ := strings.Cut(key, "\x00")
		of, unit, _ := strings.Cut(rest, "\x00")
		f := calibrate.FitOf(what, of, unit, s.values[key])
		if f.Samples == 0 {
			continue
		}
		if f.Drift != "" {
			c.Drifts++
		}
		c.Fits = append(c.Fits, f)
	}
	slices.SortStableFunc(c.Fits, func(a, b calibrate.Fit) int { return cmp.Compare(b.Samples, a.Samples) })
	return c
}
