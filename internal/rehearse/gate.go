package rehearse

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Gate says when a strategy may take the place of another one.
type Gate struct {
	Metric string  // that must become better
	By     float64 // by how much at least, in percent of what it is
	Guards []Guard // what must not become much worse
}

// Guard bounds how much worse a metric may become.
type Guard struct {
	Metric string  `json:"metric"`
	Allow  float64 `json:"allowPercent"`
}

// ParseGuard reads METRIC:+N%, for example waitP99:+5%. The sign says nothing:
// what is bounded is always the change for the worse.
func ParseGuard(text string) (Guard, error) {
	name, bound, ok := strings.Cut(text, ":")
	if !ok {
		return Guard{}, fmt.Errorf("guard %.80q: write METRIC:+N%%, for example waitP99:+5%%", text)
	}
	m, err := FindMetric(name)
	if err != nil {
		return Guard{}, err
	}
	allow, err := ParsePercent(bound)
	return Guard{Metric: m.Name, Allow: math.Abs(allow)}, err
}

// ParsePercent reads a number with or without a percent sign.
func ParsePercent(text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(text), "%"), 64)
	if err != nil || !(math.Abs(v) <= 1000) {
		return 0, fmt.Errorf("%.40q is no percentage of at most 1000, such as 5%%", text)
	}
	return v, nil
}

// FindMetric finds a metric by its name. The order of its words and what is between
// them do not matter: completion.mean and mean_completion are completionMean.
func FindMetric(name string) (Metric, error) {
	want := metricWords(name)
	var names []string
	for _, m := range Metrics() {
		if slices.Equal(metricWords(m.Name), want) {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Metric{}, fmt.Errorf("there is no metric %.80q; choose from %s", name, strings.Join(names, ", "))
}

// metricWords are the words of a metric's name in alphabetical order.
func metricWords(name string) []string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r == '.' || r == '_' || r == '-':
			b.WriteByte(' ')
			continue
		case unicode.IsUpper(r):
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	out := strings.Fields(b.String())
	slices.Sort(out)
	return out
}

// Verdict says whether a strategy may take the place of the present one, and why.
type Verdict struct {
	Present   string    `json:"present"`
	Candidate string    `json:"candidate"`
	Passed    bool      `json:"passed"`
	Why       string    `json:"why"`
	Jobs      int       `json:"jobs"`
	Seeds     int       `json:"seeds"`
	Findings  []Finding `json:"findings"` // the metric, then the guards
	// Shadow is what the candidate would have done beside the present strategy, decision
	// by decision; nil when that was not looked at.
	Shadow *Beside `json:"shadow,omitempty"`
}

// Finding is one metric of a Verdict.
type Finding struct {
	Metric    string   `json:"metric"`
	Unit      string   `json:"unit,omitempty"`
	Higher    bool     `json:"higherIsBetter,omitempty"`
	Present   Interval `json:"present"`
	Candidate Interval `json:"candidate"`
	By        Interval `json:"by"` // candidate less present, taken run by run
	// Worse is the change in percent of the present mean, less than zero when it is
	// for the better; without a number where that is zero and the change is not.
	Worse    Percent `json:"worsePercent"`
	Required float64 `json:"requiredPercent"` // Worse must be at most this with its whole interval
	Guard    bool    `json:"guard"`
	Passed   bool    `json:"passed"`
	Why      string  `json:"why"`
}

// Percent is an Interval in percent; Known is false when it is of nothing.
type Percent struct {
	Interval
	Known bool `json:"known"`
}

// Judge holds the second strategy of a comparison against the first. The whole
// 95 % interval of the change must be beyond what the gate asks for: what chance
// may have done is no improvement, and what chance may yet break is no guard kept.
func Judge(c *Compared, g Gate) (*Verdict, error) {
	if len(c.Strategies) != 2 || c.Seeds < 2 {
		return nil, errors.New("judge a strategy: it takes two strategies and at least two seeds, or chance cannot be told from a change")
	}
	if !(g.By >= 0 && g.By <= 100) {
		return nil, fmt.Errorf("judge a strategy: an improvement by %g %% cannot be asked for: it is 0 to 100", g.By)
	}
	v := &Verdict{Present: c.Strategies[0].Strategy, Candidate: c.Strategies[1].Strategy, Jobs: c.Jobs, Seeds: c.Seeds, Passed: true, Shadow: c.Strategies[0].Shadow}
	for i, limit := range g.limits() {
		f, err := find(c, limit, i > 0)
		if err != nil {
			return nil, err
		}
		if !f.Passed && v.Passed {
			v.Passed, v.Why = false, f.Why
		}
		v.Findings = append(v.Findings, f)
	}
	if v.Passed {
		v.Why = v.Findings[0].Why
	}
	return v, nil
}

// limits are what is looked at. Work that does not end costs no time: that there is
// no more of it is always asked for.
func (g *Gate) limits() []Guard {
	const ends = "unfinished"
	out := append([]Guard{{g.Metric, -g.By}}, g.Guards...)
	if !slices.ContainsFunc(out, func(l Guard) bool { return l.Metric == ends }) {
		out = append(out, Guard{Metric: ends})
	}
	return out
}

func find(c *Compared, limit Guard, guard bool) (Finding, error) {
	m, err := FindMetric(limit.Metric)
	if err != nil {
		return Finding{}, fmt.Errorf("judge a strategy: %w", err)
	}
	present, candidate := &c.Strategies[0], &c.Strategies[1]
	i := slices.IndexFunc(candidate.Against, func(d Difference) bool { return d.Metric == m.Name })
	f := Finding{
		Metric: m.Name, Unit: m.Unit, Higher: m.Higher, Present: present.Metrics[m.Name], Candidate: candidate.Metrics[m.Name],
		By: candidate.Against[i].By, Required: limit.Allow, Guard: guard,
	}
	f.Worse = worse(f.By, f.Present.Mean, m.Higher)
	f.Passed = f.Worse.Known && f.Worse.High <= f.Required && (guard || f.Worse.High < 0)
	f.Why = f.reason(c.Jobs)
	return f, nil
}

// worse gives a change in percent of a base, positive for the worse.
func worse(by Interval, base float64, higher bool) Percent {
	switch {
	case by == Interval{}:
		return Percent{Known: true}
	case base == 0:
		return Percent{}
	}
	p := Interval{100 * by.Mean / base, 100 * by.Low / base, 100 * by.High / base}
	if higher {
		p = Interval{-p.Mean, -p.High, -p.Low}
	}
	return Percent{Interval: p, Known: true}
}

func (f *Finding) reason(jobs int) string {
	name := shown[f.Metric]
	if !f.Worse.Known {
		return fmt.Sprintf("%s changes from 0, which no percentage can be of", name)
	}
	w, change := &f.Worse, "changes by nothing"
	switch {
	case w.Mean > 0:
		change = fmt.Sprintf("becomes worse by %.1f %% (%.1f to %.1f)", w.Mean, w.Low, w.High)
	case w.Mean < 0:
		change = fmt.Sprintf("becomes better by %.1f %% (%.1f to %.1f)", -w.Mean, -w.High, -w.Low)
	}
	switch {
	case f.Guard && f.Passed:
		return fmt.Sprintf("%s %s, which its guard of %g %% allows", name, change, f.Required)
	case f.Guard:
		return fmt.Sprintf("%s %s, and is guarded at %g %%", name, change, f.Required)
	case f.Passed:
		return fmt.Sprintf("%s %s, and at least %g %% was asked for", name, change, -f.Required)
	case w.Low > 0 || w.High < 0 || w.Mean == 0:
		return fmt.Sprintf("%s %s; better by at least %g %% was asked for", name, change, -f.Required)
	}
	return fmt.Sprintf("%s %s: by chance, as far as %d jobs tell; better by at least %g %% was asked for", name, change, jobs, -f.Required)
}
