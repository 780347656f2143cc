package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"drover.dev/api"
	"drover.dev/internal/rehearse"
)

// Fits is what the mirror has fitted to what really happened, over a window that slides
// with the journal.
type Fits struct {
	Version uint64   `json:"version"` // counts the fits since the directory was made
	Record  uint64   `json:"record"`  // the last record that it knows of
	At      api.Time `json:"at"`      // when that was decided
	rehearse.Calibration
}

// FitStatus says which fit is the latest.
type FitStatus struct {
	Version uint64         `json:"version"` // 0: nothing was fitted yet
	Record  uint64         `json:"record"`
	At      api.Time       `json:"at"`
	Fits    int            `json:"fits"`             // quantities
	Drifts  map[string]int `json:"drifts,omitempty"` // by what they are of, how many drift
	Seconds float64        `json:"seconds"`          // that all fits took since the mirror's start
}

// Drifting is how many quantities drift.
func (s *FitStatus) Drifting() (n int) {
	for _, k := range s.Drifts { // order-free: a sum
		n += k
	}
	return n
}

const (
	fitsName   = "fits.json"
	fitWindow  = 7 * api.Day
	fitEvery   = 10 * time.Second
	fitBudget  = 0.02 // share of one processor
	fitRecords = 100  // that must have come; after a minute any number is enough
	fitLatest  = time.Minute
)

// refit fits anew what has changed, now and then, until ctx ends.
func (m *Mirror) refit(ctx context.Context) {
	last, wait := time.Now(), fitEvery
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		began := time.Now()
		if !m.fitDue(began.Sub(last) >= fitLatest) {
			continue
		}
		if err := m.fit(); err != nil {
			m.cfg.Log.Error("what was fitted is not kept", "error", err)
		}
		last = time.Now()
		wait = max(fitEvery, time.Duration(float64(last.Sub(began))/fitBudget))
	}
}

// fitDue reports whether enough has come since the last fit.
func (m *Mirror) fitDue(late bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == nil {
		return false
	}
	n := m.chain.At().N - min(m.fits.Record, m.chain.At().N)
	return n >= fitRecords || n > 0 && late
}

// fit fits what is known now, writes it down, and tells of what has begun to drift.
func (m *Mirror) fit() error {
	m.mu.Lock()
	if m.state == nil {
		m.mu.Unlock()
		return nil
	}
	f := Fits{Version: m.fits.Version + 1, Record: m.chain.At().N, At: m.state.Now}
	window := m.memory.Window.Clone()
	m.mu.Unlock()
	began := time.Now()
	f.Calibration = *window.Fit(f.At, fitWindow)
	s := FitStatus{Version: f.Version, Record: f.Record, At: f.At, Fits: len(f.Fits), Drifts: map[string]int{}}
	drifting := map[string]bool{}
	for i := range f.Fits {
		fit := &f.Fits[i]
		if fit.Drift == "" {
			continue
		}
		name := fit.What + " of " + fit.Of
		drifting[name], s.Drifts[fit.What] = true, s.Drifts[fit.What]+1
		if !m.drifting[name] {
			m.cfg.Log.Warn("what really happens has drifted: predictions that rest on it may be off", "what", fit.What, "of", fit.Of, "now", fit.Drift, "median", fit.Median, "unit", fit.Unit)
		}
	}
	m.drifting = drifting
	err := writeJSON(m.cfg.Dir, fitsName, &f)
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Seconds = m.fits.Seconds + time.Since(began).Seconds()
	m.fits = s
	return err
}

// ReadFits reads the latest fits of a mirror, which may have ended since.
func ReadFits(dir string) (f Fits, err error) {
	text, err := os.ReadFile(filepath.Join(dir, fitsName))
	if errors.Is(err, os.ErrNotExist) {
		return f, ErrNone
	}
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		return f, fmt.Errorf("read what the mirror fitted: %w", err)
	}
	return f, nil
}

// fitted is where the last start left off: versions go on from there.
func (m *Mirror) fitted() {
	f, err := ReadFits(m.cfg.Dir)
	if err != nil && !errors.Is(err, ErrNone) {
		m.cfg.Log.Warn("what was fitted before is not readable, and is fitted anew", "error", err)
	}
	m.fits = FitStatus{Version: f.Version, Record: f.Record, At: f.At, Fits: len(f.Fits), Drifts: map[string]int{}}
	m.drifting = map[string]bool{}
	for i := range f.Fits {
		if fit := &f.Fits[i]; fit.Drift != "" {
			m.drifting[fit.What+" of "+fit.Of] = true
			m.fits.Drifts[fit.What]++
		}
	}
}

// writeJSON replaces a file of the mirror's as a whole.
func writeJSON(dir, name string, v any) error {
	text, err := json.Marshal(v)
	draft := filepath.Join(dir, name+".new")
	if err == nil {
		err = os.WriteFile(draft, text, 0o600)
	}
	if err == nil {
		err = os.Rename(draft, filepath.Join(dir, name))
	}
	return err
}
