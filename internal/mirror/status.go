package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"drover.dev/api"
	"drover.dev/internal/grade"
)

// Status is how a mirror does.
type Status struct {
	Server    string   `json:"server"`
	PID       int      `json:"pid"`
	At        api.Time `json:"at"`        // when this was so
	Connected bool     `json:"connected"` // to the server
	Trouble   string   `json:"trouble,omitempty"`
	Reached   uint64   `json:"connections"` // since its start
	Record    uint64   `json:"record"`      // the last one in its state
	Time      api.Time `json:"time"`        // when that was decided
	Lag       Lag      `json:"lag"`
	// Checkpoint is where it goes on from when it is killed now.
	Checkpoint  Checkpoint  `json:"checkpoint"`
	Predictions Predictions `json:"predictions"`
	Drift       []Drift     `json:"drift"`
	Fits        FitStatus   `json:"fits"`
}

// Lag is how far behind the server the mirror is, and how long after the decision of a
// record it was in the mirror's state: the last one, and quantiles of the last 1,000
// that were decided while it was connected.
type Lag struct {
	Records uint64  `json:"records"`
	Seconds float64 `json:"seconds"`
	P50     float64 `json:"p50Seconds"`
	P99     float64 `json:"p99Seconds"`
	Max     float64 `json:"maxSeconds"`
	Samples int     `json:"samples"`
}

// Predictions counts the mirror's own that are kept, and were when the mirror was started.
type Predictions struct {
	Made        uint64       `json:"made"`
	Open        int          `json:"open"` // their truth is awaited
	Graded      uint64       `json:"graded"`
	Stopped     uint64       `json:"stopped"` // cancelled before their truth came
	NotMade     NotPredicted `json:"notMade"`
	Plans       uint64       `json:"plans"` // answers of drover plan --twin whose job came as asked
	Rounds      uint64       `json:"rounds"`
	Utilisation float64      `json:"utilisation"` // of one processor, since its start
}

// NotPredicted counts the workloads of which nothing was predicted, by why.
type NotPredicted struct {
	TooMany uint64 `json:"tooMany"` // more came than the budget allowed
	TooLate uint64 `json:"tooLate"` // they had ended when their turn came
	Endless uint64 `json:"endless"` // they are no jobs, or run in another cell
}

// Drift is what is watched for becoming worse.
type Drift struct {
	Of        string  `json:"of"` // coverage or error
	grade.Sum         // what was usual, and the sum of its failures
	Threshold float64 `json:"threshold"`
	Learning  int     `json:"learning,omitempty"` // rounds that what is usual is learnt from yet
	Alarm     bool    `json:"alarm"`
}

// Status tells how the mirror does now.
func (m *Mirror) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{
		Server: m.cfg.Source.Server(), PID: os.Getpid(), At: api.Time(m.now().UnixNano()), Connected: m.on, Trouble: m.trouble, Reached: m.reached,
		Checkpoint: m.kept, Drift: m.drifts(), Fits: m.fits,
		Lag: Lag{Seconds: m.lag.last, P50: m.lag.quantile(0.5), P99: m.lag.quantile(0.99), Max: m.lag.quantile(1), Samples: len(m.lag.samples)},
	}
	if m.state == nil {
		return s
	}
	s.Record, s.Time = m.chain.At().N, m.state.Now
	s.Lag.Records = m.last - min(m.last, s.Record)
	c := &m.memory.Count
	s.Predictions = m.count
	s.Predictions.Open, s.Predictions.Rounds, s.Predictions.Utilisation = len(m.open), c.Rounds, m.share()
	s.Predictions.NotMade = NotPredicted{c.TooMany, c.TooLate, c.Endless}
	return s
}

func (m *Mirror) drifts() []Drift {
	learning := 0
	if m.drift.Learning() {
		learning = grade.References - len(m.drift.Reference)
	}
	of := func(name string, s grade.Sum) Drift {
		return Drift{Of: name, Sum: s, Threshold: grade.Threshold(), Learning: learning, Alarm: s.Since != 0}
	}
	return []Drift{of("coverage", m.drift.Coverage), of("error", m.drift.Error)}
}

const statusName = "status.json"

// tell writes the status down every second, for others to read.
func (m *Mirror) tell(ctx context.Context) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		m.takePlans()
		m.writeStatus()
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

func (m *Mirror) writeStatus() {
	if err := writeJSON(m.cfg.Dir, statusName, m.Status()); err != nil {
		m.cfg.Log.Debug("the status is not written", "error", err)
	}
}

// ErrNone says that a directory holds no mirror.
var ErrNone = errors.New("there is no mirror")

// ReadStatus reads the last status of a mirror, which may have ended since. ErrNone says that
// there is none; another error says what is wrong with the file, and what mends it.
func ReadStatus(dir string) (s Status, err error) {
	text, err := os.ReadFile(filepath.Join(dir, statusName))
	if errors.Is(err, os.ErrNotExist) {
		return s, ErrNone
	}
	if err != nil {
		return s, fmt.Errorf("read the mirror's status: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return Status{}, fmt.Errorf("the mirror's status, %s, is damaged (%v): a mirror that runs writes it anew every second, drover twin sync starts one",
			filepath.Join(dir, statusName), err)
	}
	return s, nil
}

// WriteMetrics writes the status in the text format of Prometheus, version 0.0.4.
func (s *Status) WriteMetrics(w io.Writer) error {
	var err error
	put := func(name, kind, help, labels string, v float64) {
		if err == nil && help != "" {
			_, err = fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "%s%s %s\n", name, labels, strconv.FormatFloat(v, 'g', -1, 64))
		}
	}
	p := &s.Predictions
	put("drover_twin_connected", "gauge", "1 while the mirror follows the cell's journal.", "", truth(s.Connected))
	put("drover_twin_record", "gauge", "The last record in the mirror's state.", "", float64(s.Record))
	put("drover_twin_lag_records", "gauge", "Records of the server that are not in the mirror's state yet.", "", float64(s.Lag.Records))
	put("drover_twin_lag_seconds", "gauge", "Time from a record's decision to the mirror's state, of the last 1,000.", `{quantile="0.5"}`, s.Lag.P50)
	put("drover_twin_lag_seconds", "", "", `{quantile="0.99"}`, s.Lag.P99)
	put("drover_twin_lag_seconds", "", "", `{quantile="1"}`, s.Lag.Max)
	put("drover_twin_predictions_total", "counter", "Jobs of which start and end were predicted.", "", float64(p.Made))
	put("drover_twin_predictions_open", "gauge", "Predictions whose truth is awaited.", "", float64(p.Open))
	put("drover_twin_graded_total", "counter", "Predictions that were held against the truth.", "", float64(p.Graded))
	put("drover_twin_unpredicted_total", "counter", "Workloads of which nothing was predicted.", `{why="too many"}`, float64(p.NotMade.TooMany))
	put("drover_twin_unpredicted_total", "", "", `{why="too late"}`, float64(p.NotMade.TooLate))
	put("drover_twin_unpredicted_total", "", "", `{why="endless"}`, float64(p.NotMade.Endless))
	for i, d := range s.Drift {
		help := ""
		if i == 0 {
			help = "1 while predictions are significantly worse than they were."
		}
		put("drover_twin_drift", "gauge", help, fmt.Sprintf("{of=%q}", d.Of), truth(d.Alarm))
	}
	put("drover_twin_fit_version", "counter", "Fits of the twin to what really happened.", "", float64(s.Fits.Version))
	put("drover_twin_fits", "gauge", "Quantities that are fitted.", "", float64(s.Fits.Fits))
	for i, what := range [...]string{"run", "start", "overhead", "link"} {
		help := ""
		if i == 0 {
			help = "Fitted quantities whose latest values are not as they were."
		}
		put("drover_twin_fit_drift", "gauge", help, fmt.Sprintf("{what=%q}", what), float64(s.Fits.Drifts[what]))
	}
	return err
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
