package mirror

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"drover.dev/api"
	"drover.dev/internal/grade"
	"drover.dev/internal/lockfile"
	"drover.dev/internal/rehearse"
)

// Answers of drover plan --twin are left in a folder of the mirror's directory, one file
// each. When their job comes, at about the time that was asked about, they are graded
// like the mirror's own, under an origin of their own.
const (
	plansDir  = "plans"
	maxPlans  = 1000     // that wait for their job
	maxPlan   = 64 << 10 // bytes of a file
	planGrace = api.Minute
)

// KeepPlan leaves with the mirror what was foretold of a job, were it submitted at
// p.Submitted. Where no mirror runs nothing happens.
func KeepPlan(dir string, p *grade.Prediction) error {
	if !lockfile.Held(filepath.Join(dir, LockName)) {
		return nil
	}
	dir = filepath.Join(dir, plansDir)
	err := os.MkdirAll(dir, 0o700)
	var text []byte
	if err == nil {
		text, err = json.Marshal(p)
	}
	if err == nil {
		err = writeWhole(dir, "plan-*.json", text)
	}
	if err != nil {
		return fmt.Errorf("leave the answer with the mirror: %w", err)
	}
	return nil
}

// writeWhole writes a file that appears under its name when it is whole.
func writeWhole(dir, pattern string, text []byte) error {
	f, err := os.CreateTemp(dir, "draft-"+pattern)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, filepath.Base(f.Name())[len("draft-"):]))
	}
	return err
}

// takePlans takes in what was left, and finds the jobs that it is of.
func (m *Mirror) takePlans() {
	files, _ := filepath.Glob(filepath.Join(m.cfg.Dir, plansDir, "plan-*.json")) // the pattern is a good one
	var came []*grade.Prediction
	for _, name := range files {
		if p := readPlan(name); p != nil && len(came) < maxPlans {
			came = append(came, p)
		}
		_ = os.Remove(name) // next second it would be taken again, and counts once
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.plans = append(m.plans, came...)
	m.plans = m.plans[max(0, len(m.plans)-maxPlans):]
	left := m.plans[:0]
	for _, p := range m.plans {
		if !m.cameAsPlanned(p) && m.now().Sub(p.Submitted.Std()) < 2*planGrace.Std() {
			left = append(left, p)
		}
	}
	m.plans = left
}

// readPlan is nil where a file holds no answer.
func readPlan(name string) *grade.Prediction {
	info, err := os.Stat(name)
	if err != nil || info.Size() > maxPlan {
		return nil
	}
	p := &grade.Prediction{}
	text, err := os.ReadFile(name)
	if err != nil || json.Unmarshal(text, p) != nil || p.Submitted < p.Made || p.Submitted.Std().After(time.Now().Add(api.MaxDuration.Std())) {
		return nil
	}
	p.Origin, p.ID, p.Round = grade.OfPlan, 0, 0
	return p
}

// cameAsPlanned reports whether the job of an answer has come, and takes the answer
// down for it. It may have come a little sooner or later than was asked, and have ended
// since: a job of less than a second often has, and is graded by what the state tells.
func (m *Mirror) cameAsPlanned(p *grade.Prediction) bool {
	if m.state == nil {
		return false
	}
	w := m.state.Named(p.Tenant, p.Name)
	if w == nil || w.Submitted < p.Made || w.Spec.Kind != api.KindJob || w.NextRun != 0 {
		return false
	}
	by := w.Submitted.Sub(p.Submitted)
	ended := w.Status == api.WorkloadSucceeded || w.Status == api.WorkloadFailed
	if max(by, -by) > planGrace || m.memory.Jobs[w.ID] == nil && !ended {
		return false
	}
	p.ID, p.Submitted = w.ID, w.Submitted
	p.Start, p.End = p.Start.Later(by), p.End.Later(by)
	// What persistence says is of the jobs that had ended: of one that has ended before
	// its answer was taken in, it would be the truth itself.
	if t, known := m.memory.Last.of(w.Spec); known && !ended {
		persist(p, t)
	}
	m.note(p)
	m.keep(&entry{Made: p})
	if ended {
		m.grade(p, rehearse.Began(w), w.FinishAt)
	}
	return true
}
