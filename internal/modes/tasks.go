package modes

import (
	"cmp"
	"math"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/calibrate"
	"drover.dev/internal/trace"
)

// PerTask is how well the end of single jobs is foretold when they are submitted. What
// is graded is the time from the submission to the end. Jobs that took no time at all,
// and those of users of whom no run had ended, have no percentage.
type PerTask struct {
	Tasks int `json:"tasks"`
	// MAPE is of the prediction with the least expected percentage error, MedianError (the median
	// percentage error) and MeanError (in s) of the predicted median. Beside them stand those of
	// persistence, the mean of the user's last two completion times, for the same jobs.
	MAPE              float64 `json:"mape"`
	Persistence       float64 `json:"persistenceMape"`
	MedianError       float64 `json:"medianErrorPercent"`
	MedianPersistence float64 `json:"medianPersistencePercent"`
	MeanError         float64 `json:"meanErrorSeconds"`
	MeanPersistence   float64 `json:"meanPersistenceSeconds"`
	IntervalLevel     float64 `json:"intervalLevel"`
	Coverage          float64 `json:"intervalCoverage"`
	Beats             bool    `json:"beatsPersistence"` // in MAPE and in mean error
}

// tasks are jobs that are graded one by one.
type tasks struct {
	rows    []int // in the order of their submission
	all     []trace.Row
	at      int // the next of rows
	levels  *calibrate.Levels
	graded  []*prediction
	pending []*prediction // of which the end is not known yet
}

type prediction struct {
	row           int
	point, median float64 // s
	low, high     float64
	naive         float64 // -1: no run of the user had ended
	actual        float64 // 0 while it is not known
}

func newTasks(rows []int, all []trace.Row) *tasks {
	return &tasks{rows: rows, all: all, levels: calibrate.NewLevels()}
}

// next is the next job that comes up to a moment.
func (t *tasks) next(until api.Time) (row int, ok bool) {
	if t.at == len(t.rows) || origin.Add(t.all[t.rows[t.at]].Submit) > until {
		return 0, false
	}
	t.at++
	return t.rows[t.at-1], true
}

// predicted keeps a prediction, from how long the job took in each world.
func (t *tasks) predicted(row int, took []float64, known *truth) {
	t.learn(known)
	p := distribution(took)
	one := &prediction{row: row, point: p.LeastPercent(), median: p.Quantile(0.5), naive: -1}
	one.low, one.high = t.levels.Of(p)
	if last, ok := known.last[t.all[row].User]; ok {
		if one.naive = last[0]; last[1] >= 0 {
			one.naive = (last[0] + last[1]) / 2
		}
	}
	t.graded, t.pending = append(t.graded, one), append(t.pending, one)
}

func distribution(values []float64) calibrate.Distribution {
	out := make(calibrate.Distribution, 0, len(values))
	for _, v := range values {
		out = append(out, calibrate.Likely{Value: v, Weight: 1 / float64(len(values))})
	}
	slices.SortFunc(out, func(a, b calibrate.Likely) int { return cmp.Compare(a.Value, b.Value) })
	return out
}

// learn takes in which of the jobs have ended by now.
func (t *tasks) learn(known *truth) {
	t.pending = slices.DeleteFunc(t.pending, func(p *prediction) bool {
		took, ok := known.took[p.row]
		if ok {
			p.actual = took
			t.levels.Learn(p.low, p.high, took)
		}
		return ok
	})
}

// score is nil when nothing can be graded.
func (t *tasks) score() *PerTask {
	out := &PerTask{IntervalLevel: 80}
	var errs, naive []float64
	for _, p := range t.graded {
		if p.actual <= 0 || p.naive < 0 {
			continue
		}
		out.MAPE += 100 * math.Abs(p.point-p.actual) / p.actual
		errs = append(errs, 100*math.Abs(p.median-p.actual)/p.actual)
		naive = append(naive, 100*math.Abs(p.naive-p.actual)/p.actual)
		out.MeanError += math.Abs(p.median - p.actual)
		out.MeanPersistence += math.Abs(p.naive - p.actual)
		if p.low <= p.actual && p.actual <= p.high {
			out.Coverage++
		}
	}
	if out.Tasks = len(errs); out.Tasks == 0 {
		return nil
	}
	n := float64(out.Tasks)
	out.MAPE /= n
	out.Coverage *= 100 / n
	out.MeanError, out.MeanPersistence = out.MeanError/n, out.MeanPersistence/n
	for _, e := range naive {
		out.Persistence += e / n
	}
	out.MedianError, out.MedianPersistence = median(errs), median(naive)
	out.Beats = out.MAPE < out.Persistence && out.MeanError < out.MeanPersistence
	return out
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
