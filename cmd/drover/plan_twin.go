package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/history"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// foresight are the flags of drover plan that ask the twin.
type foresight struct {
	twin      bool
	at, after string
	changes   []string
	seeds     int
	horizon   string
	arrivals  string

	standing *standing // of the cell, once it was read
}

// standing is a cell as it stands, and what is asked of it for each job.
type standing struct{ rehearse.Question }

// foreseeing are the flags that only --twin has a use for.
func foreseeing() []string { return []string{"at", "after", "if", "seeds", "horizon", "arrivals"} }

func (o *foresight) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.twin, "twin", false, "ask the twin what would come of it")
	f.StringVar(&o.at, "at", "", "as if it were submitted at a time: 2026-03-01T12:00:00Z, 15:04")
	f.StringVar(&o.after, "after", "", "as if it were submitted so much later: 2h")
	f.StringArrayVar(&o.changes, "if", nil, "as if the fleet were another: node=NAME=down, node=NAME=drained, node=NAME=+N for N more of its kind; may be repeated")
	f.IntVar(&o.seeds, "seeds", 20, "how often to look ahead, each time with other run times")
	f.StringVar(&o.horizon, "horizon", "7d", "how far to look ahead from its submission")
	o.arrivalsFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("at", "after")
}

func (o *foresight) arrivalsFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.arrivals, "arrivals", rehearse.LikeRecent, "what others submit meanwhile: like-recent (like the last that came, when more than ten have) or none")
}

// checkExplain refuses flags of drover explain that mean nothing.
func (o *foresight) checkExplain(cmd *cobra.Command) error {
	for _, flag := range []string{"at", "from"} {
		if o.twin && cmd.Flags().Changed(flag) {
			return usageError{errText("--twin goes on from the cell as it stands, and --%s is of its past", flag), "leave one of them out"}
		}
	}
	if !o.twin && cmd.Flags().Changed("arrivals") {
		return usageError{errText("--arrivals says what the twin is asked, and it is not"), "add --twin"}
	}
	return o.checkArrivals()
}

func (o *foresight) checkArrivals() error {
	if o.arrivals != rehearse.LikeRecent && o.arrivals != rehearse.NoArrivals {
		return usageError{errText("--arrivals %.40q is neither like-recent nor none", o.arrivals), "leave it out for like-recent"}
	}
	return nil
}

// check refuses flags that mean nothing.
func (o *foresight) check(cmd *cobra.Command) error {
	for _, flag := range foreseeing() {
		if !o.twin && cmd.Flags().Changed(flag) {
			return usageError{errText("--%s says what the twin is asked, and it is not", flag), "add --twin"}
		}
	}
	if o.seeds < 1 || o.seeds > 1000 {
		return usageError{errText("--seeds %d is not from 1 to 1000", o.seeds), "20 give a rough interval"}
	}
	return o.checkArrivals()
}

// foresee asks the twin about one job, of which the server has made a plan.
func (a *app) foresee(ctx context.Context, o *foresight, w *api.Workload, plan api.Plan) (*rehearse.Foreseen, error) {
	if w.Kind != api.KindJob || w.Schedule != nil {
		return nil, usageError{errText("%s does not end: the twin tells of jobs without a schedule", w.Name), "leave --twin out, or give it the job of one run"}
	}
	if o.standing == nil {
		var err error
		if o.standing, err = a.stand(ctx, o); err != nil {
			return nil, err
		}
	}
	q := o.standing.Question
	spec := *w
	spec.Tenant = a.set.tenant
	spec.Normalize()
	q.Workload = &spec
	for i := range plan.Tasks {
		q.Profiles = append(q.Profiles, plan.Tasks[i].Profile)
	}
	bar := report.NewProgress(a.err, a.terminal, a.style(), "worlds", int64(q.Seeds), time.Now)
	q.Done = func(n int) { bar.Set(int64(n)) }
	got, err := rehearse.Foresee(ctx, q)
	bar.Done("")
	return got, foreseeError(err)
}

// foreseeError says whose fault it is that nothing was foreseen.
func foreseeError(err error) error {
	var refused *rehearse.RefusedError
	var noNode *rehearse.NoNodeError
	switch {
	case errors.As(err, &refused):
		return codeError{exitConflict, refused.Error()}
	case errors.As(err, &noNode):
		return usageError{errText("--if: %v", noNode), "drover nodes lists them"}
	}
	return err
}

// stand reads the cell as it stands, and what is asked of it.
func (a *app) stand(ctx context.Context, o *foresight) (*standing, error) {
	s := &standing{}
	q := &s.Question
	q.Seeds, q.Workers = o.seeds, runtime.GOMAXPROCS(0)
	q.Intensity, q.Price = rehearse.WorldIntensity, rehearse.AssumedPrice
	for _, text := range o.changes {
		c, err := rehearse.ParseChange(text)
		if err != nil {
			return nil, usageError{errText("--if: %v", err), "for example --if node=n1=+1"}
		}
		q.Changes = append(q.Changes, c)
	}
	var err error
	if q.Horizon, err = api.ParseDuration(o.horizon); err != nil || q.Horizon <= 0 || q.Horizon > api.MaxDuration {
		return nil, usageError{errText("--horizon %.40q is no time to look ahead", o.horizon), "for example --horizon 24h"}
	}
	if _, err := o.submitted(a.now()); err != nil {
		return nil, err
	}
	if err := a.withServersBundle(ctx, standingRecords, func(path string) error { return s.read(ctx, path) }); err != nil {
		return nil, err
	}
	if o.arrivals == rehearse.NoArrivals {
		q.Came = nil
	}
	// The clocks of the client and of the server may differ.
	now := a.now()
	if at := q.State.Now.Std(); at.After(now) {
		now = at
	}
	q.Now = api.Time(now.UnixNano())
	q.At, err = o.submitted(now)
	return s, err
}

// standingRecords is how far back start-up times, and what comes, are learnt from.
const standingRecords = 20_000

// read takes the state at the end of a bundle, how long tasks take to start, and what came.
func (s *standing) read(ctx context.Context, path string) error {
	src, _, end, err := history.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = end() }() // it is a copy
	last, err := src.Last(ctx)
	if err != nil {
		return err
	}
	if s.State, _, err = src.At(ctx, last.N); err != nil {
		return err
	}
	past, err := pastOf(ctx, src)
	if err == nil {
		s.Startup, s.Came = past.Usual(), past.Came
	}
	return err
}

// submitted is when the job comes, seen from now.
func (o *foresight) submitted(now time.Time) (api.Time, error) {
	const hint = "write 2026-03-01T12:00:00Z, or 15:04 for the next time that it is that late"
	bad := func(flag, text string) error {
		return usageError{errText("--%s %.40q is no time to come", flag, text), hint}
	}
	at := api.Time(now.UnixNano())
	if o.after != "" {
		d, err := api.ParseDuration(o.after)
		if err != nil || d < 0 || d > api.MaxDuration {
			return 0, usageError{errText("--after %.40q is no time from now", o.after), "for example --after 2h"}
		}
		return at.Add(d), nil
	}
	if o.at == "" {
		return at, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, o.at); err == nil {
		if got := api.Time(t.UnixNano()); got >= at && got.Sub(at) <= api.MaxDuration {
			return got, nil
		}
		return 0, usageError{errText("--at %s is past, or too far ahead", o.at), hint}
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.ParseInLocation(layout, o.at, now.Location()); err == nil {
			day := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location())
			if day.Before(now) {
				day = day.AddDate(0, 0, 1)
			}
			return api.Time(day.UnixNano()), nil
		}
	}
	return 0, bad("at", o.at)
}

func (a *app) foretellAll(plans []planned) error {
	for i := range plans {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		if err := a.foretell(plans[i].Twin); err != nil {
			return err
		}
	}
	return nil
}

// guessedText says of which tasks a prediction knows nothing; "" when it does of all.
func guessedText(tasks []string) string {
	if len(tasks) == 0 {
		return ""
	}
	return "no run of " + strings.Join(tasks, ", ") + " has ended yet: what follows may be far off; say a duration, or run it once"
}

// foretell shows what the twin says of a job.
func (a *app) foretell(f *rehearse.Foreseen) error {
	pairs := []report.Pair{
		{Key: "Workload", Value: f.Workload, Tone: report.Strong},
		{Key: "Submitted", Value: clock(f.Submitted)},
		{Key: "If", Value: strings.Join(f.If, ", ")},
		{Key: "Others come", Value: arrivalsText(&f.Arrivals)},
		{Key: "Nothing known", Value: guessedText(f.Guessed), Tone: report.Warn},
		{Key: "Starts", Value: span(f.Start, f.Submitted, f.Began, f.Seeds)},
		{Key: "Ends", Value: span(f.End, f.Submitted, f.Ended, f.Seeds)},
		{Key: "Fails", Value: seedsText(f.Failed, f.Seeds)},
		{Key: "Runs on", Value: sharesText(f.Nodes)},
		{Key: "Energy", Value: rangeText(f.EnergyKWh, 1000, "Wh")},
		{Key: "Carbon", Value: rangeText(f.CarbonKg, 1000, "g CO2e")},
		{Key: "Cost", Value: rangeText(f.Cost, 100, "ct (EUR)")},
	}
	if err := report.Pairs(a.out, a.style(), pairs); err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	if len(f.Others) == 0 {
		a.say("It holds nobody up.")
		return nil
	}
	const told = 20
	t := &report.Table{Columns: []report.Column{
		{Title: "HOLDS UP", Both: true},
		{Title: "TENANT", Wide: true},
		{Title: "LATER BY", Right: true},
		{Title: "8 TIMES IN 10"},
		{Title: "STOPPED", Right: true},
		{Title: "SEEDS", Right: true},
	}}
	for _, o := range f.Others[:min(len(f.Others), told)] {
		between := seconds(o.LaterSeconds.P10) + " to " + seconds(o.LaterSeconds.P90)
		t.Add(o.Workload, o.Tenant, seconds(o.MeanLater), between, report.Number(o.Stopped), fmt.Sprintf("%d of %d", o.Later, f.Seeds))
	}
	if err := t.Render(a.out, a.style()); err != nil {
		return err
	}
	if more := f.HeldUp - told; more > 0 {
		a.say("and %s more: -o json tells of up to 1,000", report.Count(int64(more)))
	}
	return nil
}

// arrivalsText says what comes besides: "like the last 255 jobs that came, 12 an hour".
func arrivalsText(r *rehearse.Arrivals) string {
	if r.Kind == rehearse.NoArrivals {
		return "none but runs of schedules"
	}
	return fmt.Sprintf("like the last %d jobs that came, %s an hour; %s until it has ended, in the mean", r.Like, report.Number(r.PerHour), report.Number(r.Mean))
}

func seconds(s float64) string { return report.Duration(api.Duration(s * float64(api.Second))) }

func clock(t api.Time) string { return t.Std().UTC().Format(time.RFC3339) }

// span says when something happens: "2026-03-01T12:11:00Z, in 11 min 0 s (8 times in
// 10 between 8 min 2 s and 14 min 0 s)".
func span(m rehearse.Moments, from api.Time, seen, of int) string {
	if m.P10 == 0 {
		return "not before the horizon"
	}
	after := func(t api.Time) string {
		if t == 0 {
			return "the horizon"
		}
		return report.Duration(t.Sub(from))
	}
	text := fmt.Sprintf("after %s, 8 times in 10 between %s and %s", after(m.P50), after(m.P10), after(m.P90))
	if m.P50 != 0 {
		text = clock(m.P50) + ", " + text
	}
	if seen < of {
		text += fmt.Sprintf(" (before the horizon in %d of %d runs)", seen, of)
	}
	return text
}

func seedsText(n, of int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("in %d of %d runs", n, of)
}

func sharesText(list []rehearse.Share) string {
	const named = 5
	var out []string
	for _, s := range list[:min(len(list), named)] {
		out = append(out, fmt.Sprintf("%s (%.0f %%)", s.Node, 100*s.Share))
	}
	if more := len(list) - named; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, ", ")
}

func rangeText(r rehearse.Range, by float64, unit string) string {
	return fmt.Sprintf("%s %s, 8 times in 10 between %s and %s", report.Number(by*r.P50), unit, report.Number(by*r.P10), report.Number(by*r.P90))
}
