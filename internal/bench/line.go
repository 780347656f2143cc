package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"drover.dev/api"
)

// LineOptions say how the case of a production line is measured.
type LineOptions struct {
	Seeds  []uint64
	Warm   api.Duration        // in which run times are learnt and nothing is graded
	For    api.Duration        // how long after that
	Look   api.Duration        // how far a rehearsal, and hindsight, look
	Review api.Duration        // how long a rehearsal's orders for later jobs stand
	Worlds int                 // of each choice that is rehearsed, at most
	Judged int                 // decisions of a seed that are judged in hindsight, evenly spread
	Begun  func(decisions int) // when it is known how many there are
	Done   func(decisions int)

	every int // of the decisions one is judged
}

// LineReport is what decisions come to without and with a rehearsal, on the same work.
type LineReport struct {
	Jobs     int        `json:"jobs"` // of all seeds, the warm-up apart
	Seeds    int        `json:"seeds"`
	Without  LineFigure `json:"without"`
	With     LineFigure `json:"with"`
	Baseline LineFigure `json:"roundRobin"`
	// Bound is of decisions that are taken in hindsight, one at a time: with all run times
	// and all that comes known. No rehearsal can know more.
	Bound LineFigure `json:"inHindsight"`
	// Limit is what no plan can gain, in %: each job sent where it is quickest, with the whole line to itself.
	Limit Mean `json:"limitGainPercent"`
	// Worlds are those that were looked into for a decision with the rehearsal, all choices and reviews
	// together, and Deciding how long that took, in ms.
	Worlds   float64 `json:"worldsPerDecision"`
	Deciding float64 `json:"millisecondsPerDecision"`
	// SentAgain is how many jobs the rehearsal sent elsewhere after they had come, of all seeds; one may be several times.
	SentAgain int     `json:"sentAgain"`
	Seconds   float64 `json:"wallSeconds"`
}

// LineFigure is how one way to decide did: means over the seeds with 95 % intervals.
type LineFigure struct {
	Right      Mean `json:"rightPercent"`  // of the judged decisions
	Gain       Mean `json:"gainPercent"`   // of total completion time, against round-robin
	Failed     Mean `json:"failedPercent"` // placements that missed the deadline, failed, or did not end
	Completion Mean `json:"completionSeconds"`
	EnergyKWh  Mean `json:"energyKWh"`
	Judged     int  `json:"judged"`
}

// Mean is a mean over seeds with its 95 % interval (Student's t); with one seed, that value.
type Mean struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// The ways to decide.
const (
	byTurns     = "round-robin" // a strategy that looks at nothing
	byEngine    = "without"     // the cell's own strategy
	byRehearsal = "with"
	byHindsight = "hindsight"
)

// longestLine bounds what is made up of a line: a day is some 47,000 jobs.
const longestLine = api.Day

// Line measures the manufacturing case.
func Line(ctx context.Context, o LineOptions) (LineReport, error) {
	if len(o.Seeds) == 0 || o.Worlds < 1 || o.Worlds > 100 || o.Judged < 1 {
		return LineReport{}, errors.New("it takes seeds, 1 to 100 worlds and decisions to judge")
	}
	if least, most := min(o.Warm, o.For, o.Look, o.Review), max(o.Warm, o.For, o.Look, o.Review); least <= 0 || most > longestLine {
		return LineReport{}, fmt.Errorf("times to learn, to grade, to look ahead and between reviews are above zero and at most %v: every decision is run on in many worlds", longestLine)
	}
	began := time.Now()
	l, err := readLine()
	if err != nil {
		return LineReport{}, err
	}
	ways := []string{byTurns, byEngine, byRehearsal, byHindsight}
	got := map[string][]lineResult{}
	r := LineReport{Seeds: len(o.Seeds)}
	var demands [][]lineJob
	var limits []float64
	for _, seed := range o.Seeds {
		demands = append(demands, l.draw(seed, o.Warm+o.For))
		r.Jobs += graded(demands[len(demands)-1], o.Warm)
	}
	if o.Begun != nil {
		o.Begun(r.Jobs * len(ways))
	}
	for i, seed := range o.Seeds {
		o.every = max(graded(demands[i], o.Warm)/o.Judged, 1)
		for _, way := range ways {
			one, err := l.run(ctx, o, seed, demands[i], way)
			if err != nil {
				return r, fmt.Errorf("the line with seed %d, %s: %w", seed, way, err)
			}
			got[way] = append(got[way], one)
		}
		limits = append(limits, 100*(1-l.quickest(demands[i], o.Warm)/got[byTurns][i].seconds))
	}
	for _, f := range []struct {
		way string
		to  *LineFigure
	}{{byTurns, &r.Baseline}, {byEngine, &r.Without}, {byRehearsal, &r.With}, {byHindsight, &r.Bound}} {
		*f.to = figure(got[f.way], got[byTurns])
	}
	r.Limit = meanOf(limits)
	var looks, decisions, spent float64
	for _, one := range got[byRehearsal] {
		r.SentAgain += one.resends
		looks, decisions, spent = looks+float64(one.looks), decisions+float64(one.jobs), spent+one.spent.Seconds()
	}
	r.Worlds, r.Deciding = looks/max(decisions, 1), 1000*spent/max(decisions, 1)
	r.Seconds = time.Since(began).Seconds()
	return r, nil
}

// lineResult is one run of the line.
type lineResult struct {
	jobs, failed  int
	seconds       float64 // of completion, of all jobs
	kWh           float64
	judged, right int
	resends       int           // jobs that were sent elsewhere after they had come
	looks         int           // worlds that were looked into to decide
	spent         time.Duration // on that
}

// graded is how many jobs come after the warm-up.
func graded(jobs []lineJob, warm api.Duration) (n int) {
	for i := range jobs {
		if jobs[i].at >= lineStart.Add(warm) {
			n++
		}
	}
	return n
}

// quickest is the time of all jobs after the warm-up if each had the line to itself.
func (l *line) quickest(jobs []lineJob, warm api.Duration) (sum float64) {
	for i := range jobs {
		if jobs[i].at >= lineStart.Add(warm) {
			sum += l.alone(&jobs[i])
		}
	}
	return sum
}

func figure(runs, base []lineResult) (f LineFigure) {
	var right, gain, failed, completion, kWh []float64
	for i, r := range runs {
		n := float64(max(r.jobs, 1))
		gain = append(gain, 100*(1-r.seconds/base[i].seconds))
		failed = append(failed, 100*float64(r.failed)/n)
		completion, kWh = append(completion, r.seconds/n), append(kWh, r.kWh)
		f.Judged += r.judged
		if r.judged > 0 {
			right = append(right, 100*float64(r.right)/float64(r.judged))
		}
	}
	f.Right, f.Gain, f.Failed, f.Completion, f.EnergyKWh = meanOf(right), meanOf(gain), meanOf(failed), meanOf(completion), meanOf(kWh)
	return f
}

// student is the 97.5 % quantile of Student's t by degrees of freedom from 1; 2 beyond.
var student = [...]float64{12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179}

func meanOf(v []float64) Mean {
	if len(v) == 0 {
		return Mean{}
	}
	mean, sq, n := 0.0, 0.0, float64(len(v))
	for _, x := range v {
		mean += x / n
	}
	for _, x := range v {
		sq += (x - mean) * (x - mean)
	}
	if len(v) == 1 {
		return Mean{mean, mean, mean}
	}
	t := 2.15
	if len(v)-2 < len(student) {
		t = student[len(v)-2]
	}
	half := t * math.Sqrt(sq/(n-1)/n)
	return Mean{mean, mean - half, mean + half}
}
