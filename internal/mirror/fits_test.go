package mirror

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// Run times that become three times as long are told of by the next fit, and the fits go
// on counting where the last start left off.
func TestFitsDrift(t *testing.T) {
	c, dir := jobs(t, 240, 180), t.TempDir()
	m := open(t, dir, c)
	if _, err := ReadFits(dir); !errors.Is(err, ErrNone) {
		t.Errorf("before the first fit: %v", err)
	}
	follow(t, m, c, len(c.records)/2)
	if err := m.fit(); err != nil {
		t.Fatal(err)
	}
	if s := m.Status().Fits; s.Version != 1 || s.Fits < 5 || s.Drifting() != 0 {
		t.Errorf("halfway: %+v", s)
	}
	follow(t, m, c, len(c.records))
	if err := m.fit(); err != nil {
		t.Fatal(err)
	}
	s := m.Status()
	if s.Fits.Version != 2 || s.Fits.Drifts["run"] != 3 {
		t.Errorf("in the end: %+v", s.Fits)
	}
	f, err := ReadFits(dir)
	if err != nil || f.Version != 2 || f.Record != s.Record || f.Drifts != s.Fits.Drifting() {
		t.Fatalf("%+v, %v", f, err)
	}
	for i := range f.Fits {
		if fit := &f.Fits[i]; fit.What == "run" && (fit.Drift != "higher" || !strings.HasPrefix(fit.Of, "program kind-") || fit.Low >= fit.High) {
			t.Errorf("%+v", fit)
		}
	}
	var text strings.Builder
	if err := s.WriteMetrics(&text); err != nil || !strings.Contains(text.String(), "drover_twin_fit_drift{what=\"run\"} 3\n") || !strings.Contains(text.String(), "drover_twin_fit_version 2\n") {
		t.Errorf("%v: %s", err, text.String())
	}
	m.checkpoint()
	m.background.Wait()
	killed := t.TempDir()
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	m = open(t, killed, c)
	if s := m.Status().Fits; s.Version != 2 || s.Drifts["run"] != 3 {
		t.Errorf("after another start: %+v", s)
	}
	if err := m.fit(); err != nil {
		t.Fatal(err)
	}
	if again := m.Status().Fits; again.Version != 3 || again.Drifts["run"] != 3 {
		t.Errorf("fitted once more, of what was learnt before: %+v", again)
	}
}

// follow takes in what the cell shows up to record n, and predicts nothing.
func follow(t *testing.T, m *Mirror, c *cell, n int) {
	t.Helper()
	c.shown = n
	if err := m.connect(t.Context()); !errors.Is(err, errQuiet) {
		t.Fatal(err)
	}
}
