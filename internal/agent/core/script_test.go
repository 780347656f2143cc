package core

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"github.com/cockroachdb/datadriven"
)

// TestScripts walks through testdata/scripts. Each command is one Step; what is
// shown is all that the core answered. Regenerate with -rewrite, and read.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		s := &script{}
		s.reset()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return s.run(t, d) })
	})
}

// script is a core, the records that its disk holds, and the tickets of the
// calls that wait for an answer.
type script struct {
	core    *Core
	now     api.Duration
	disk    []Record
	tickets map[string]uint64
}

func (s *script) reset() {
	s.core = New(Config{Node: "n1", Boot: "b1", Harmless: []string{"noop"}})
	s.tickets = map[string]uint64{}
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	if at, ok := option(d, "at"); ok {
		s.now = duration(t, d, at)
	}
	switch d.Cmd {
	case "tick":
		return s.step()
	case "restart":
		s.reset()
		for i := range s.disk {
			s.core.Replay(&s.disk[i])
		}
		return s.step(Resume{})
	case "compact":
		s.disk = s.core.Snapshot()
		return fmt.Sprintf("%d records\n", len(s.disk))
	case "held":
		return s.held()
	}
	return s.step(s.input(t, d))
}

func (s *script) step(in ...Input) string {
	out := s.core.Step(s.now, in...)
	if !out.Record.Empty() {
		s.disk = append(s.disk, out.Record)
	}
	var b strings.Builder
	showRecord(&b, &out.Record, out.Sync)
	for _, a := range out.Urgent {
		b.WriteString("at once: " + s.show(a) + "\n")
	}
	for _, a := range out.Actions {
		b.WriteString(s.show(a) + "\n")
	}
	if out.Next > 0 {
		fmt.Fprintf(&b, "next at %v\n", time.Duration(out.Next))
	}
	if out.Done {
		b.WriteString("done\n")
	}
	return b.String()
}

func (s *script) held() string {
	var b strings.Builder
	for a := s.core.list.first; a != nil; a = a.next {
		names := [...]string{"preparing", "starting", "adopting", "running", "collecting", "ended"}
		fmt.Fprintf(&b, "%s %s, %d unsent\n", id(a.Attempt), names[a.phase], len(a.reports))
	}
	return b.String()
}

func (s *script) input(t *testing.T, d *datadriven.TestData) Input {
	switch d.Cmd {
	case "up":
		return LinkUp{}
	case "down":
		return LinkDown{}
	case "shutdown":
		return Shutdown{}
	case "hint":
		return Hinted{Hint: api.Hint{Epoch: number(t, d, "epoch"), Version: number(t, d, "version"), Power: api.PowerAsk(number(t, d, "power"))}}
	case "welcome":
		return Welcomed{s.tickets["hello"], api.Welcome{
			Epoch: number(t, d, "epoch"), Heartbeat: api.Duration(number(t, d, "heartbeat")) * api.Second,
			SilentAfter: api.Duration(number(t, d, "silent")) * api.Second,
		}}
	case "set":
		return Set{s.tickets["pull"], parseSet(t, d)}
	case "ack":
		text, _ := option(d, "error")
		return Acked{s.tickets["reports"], api.ReportsAck{Epoch: number(t, d, "epoch"), Seq: 1, Error: text}}
	case "beaten":
		return Beaten{s.tickets["beat"], api.Hint{Epoch: number(t, d, "epoch"), Version: number(t, d, "version"), Power: api.PowerAsk(number(t, d, "power"))}}
	case "slept":
		return Slept{OK: number(t, d, "within") > 0, Within: api.Duration(number(t, d, "within")) * api.Second}
	case "refused":
		return Refused{s.tickets[d.CmdArgs[0].Key]}
	}
	return taskInputOf(t, d)
}

func taskInputOf(t *testing.T, d *datadriven.TestData) Input {
	about := About{parseID(t, d, d.CmdArgs[0].Key)}
	switch d.Cmd {
	case "prepared":
		return Prepared{About: about}
	case "started":
		return Started{About: about, PID: int32(number(t, d, "pid"))}
	case "adopted":
		return Adopted{About: about, PID: int32(number(t, d, "pid"))}
	case "ended":
		return Ended{About: about, Result: parseResult(t, d)}
	case "collected":
		return Collected{About: about, Outputs: []api.Value{{Name: "out", Inline: []byte("42")}}}
	case "retry":
		return Retry{About: about, Detail: "the store does not answer"}
	case "probed":
		detail, _ := option(d, "failed")
		return Probed{About: about, Index: int(number(t, d, "index")), OK: detail == "", Detail: detail}
	}
	d.Fatalf(t, "unknown command %q", d.Cmd)
	return nil
}

func parseResult(t *testing.T, d *datadriven.TestData) api.Result {
	text, _ := option(d, "outcome")
	for o := api.OutcomeSucceeded; o <= api.OutcomeRejected; o++ {
		if o.String() == text {
			reason, _ := option(d, "reason")
			return api.Result{Outcome: o, Reason: reason}
		}
	}
	d.Fatalf(t, "unknown outcome %q", text)
	return api.Result{}
}

// parseSet reads lines such as "run 1.0[0]#1 process grace=5 timeout=60 once output".
func parseSet(t *testing.T, d *datadriven.TestData) api.AssignmentSet {
	set := api.AssignmentSet{
		Epoch: number(t, d, "epoch"), From: number(t, d, "from"), Version: number(t, d, "version"),
		Full: d.HasArg("full"), Again: d.HasArg("again"),
	}
	for _, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		attempt := parseID(t, d, words[1])
		as := api.Assignment{Attempt: attempt, Epoch: set.Epoch, Version: set.Version}
		switch words[0] {
		case "gone":
			set.Gone = append(set.Gone, attempt)
			continue
		case "stop":
			as.Desire = api.DesireStop
		default:
			as.Task = parseTask(t, d, words[2:])
		}
		set.Items = append(set.Items, as)
	}
	return set
}

func parseTask(t *testing.T, d *datadriven.TestData, words []string) *api.Task {
	task := &api.Task{}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		seconds, _ := strconv.Atoi(value)
		switch key {
		case "grace":
			task.Grace = api.Duration(seconds) * api.Second
		case "timeout":
			task.Timeout = api.Duration(seconds) * api.Second
		case "once":
			task.AtMostOnce = true
		case "output":
			task.Outputs = append(task.Outputs, api.Output{Name: "out", Path: "out"})
		case "check":
			task.Checks = append(task.Checks, api.Check{Type: "tcp", Interval: api.Duration(seconds) * api.Second, Failures: 2})
		case "slow": // the last check gives it so long to start
			task.Checks[len(task.Checks)-1].StartAfter = api.Duration(seconds) * api.Second
		case "process", "wasm", "noop":
			task.Driver = key
		default:
			d.Fatalf(t, "unknown word %q", w)
		}
	}
	return task
}

func option(d *datadriven.TestData, key string) (string, bool) {
	for _, a := range d.CmdArgs {
		if a.Key == key && len(a.Vals) > 0 {
			return a.Vals[0], true
		}
	}
	return "", false
}

func number(t *testing.T, d *datadriven.TestData, key string) uint64 {
	text, ok := option(d, key)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		d.Fatalf(t, "%s: %v", key, err)
	}
	return n
}

func duration(t *testing.T, d *datadriven.TestData, text string) api.Duration {
	v, err := time.ParseDuration(text)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return api.Duration(v)
}

// parseID reads "workload.task[index]#try", as id writes it.
func parseID(t *testing.T, d *datadriven.TestData, text string) api.Attempt {
	var a api.Attempt
	if _, err := fmt.Sscanf(text, "%d.%d[%d]#%d", &a.Workload, &a.Task, &a.Index, &a.Try); err != nil {
		d.Fatalf(t, "attempt %q: %v", text, err)
	}
	return a
}

func id(a api.Attempt) string {
	return fmt.Sprintf("%d.%d[%d]#%d", a.Workload, a.Task, a.Index, a.Try)
}

func showRecord(b *strings.Builder, r *Record, sync bool) {
	if r.Empty() {
		return
	}
	b.WriteString("record:")
	if r.Epoch > 0 {
		fmt.Fprintf(b, " epoch %d,", r.Epoch)
	}
	if r.Lease != nil {
		fmt.Fprintf(b, " lease until %v,", time.Duration(r.Lease.Until))
	}
	for _, s := range r.Starts {
		fmt.Fprintf(b, " start %s,", id(s.Assignment.Attempt))
	}
	for _, m := range r.Acked {
		fmt.Fprintf(b, " %s acked to %d,", id(m.Attempt), m.N)
	}
	for i := range r.Reports {
		fmt.Fprintf(b, " report %s,", showReport(&r.Reports[i]))
	}
	for _, f := range r.Forgot {
		fmt.Fprintf(b, " forget %s,", id(f))
	}
	if sync {
		b.WriteString(" sync")
	}
	b.WriteString("\n")
}

func showReport(r *api.Report) string {
	kinds := [...]string{"started", "ended", "healthy", "unhealthy", "suspended", "resumed"}
	text := fmt.Sprintf("%s/%d %s", id(r.Attempt), r.N, kinds[r.Kind])
	if r.PID > 0 {
		text += fmt.Sprintf(" pid %d", r.PID)
	}
	if r.Detail != "" {
		text += fmt.Sprintf(" (%s)", r.Detail)
	}
	if r.Result == nil {
		return text
	}
	text += " " + r.Result.Outcome.String()
	for _, more := range []string{r.Result.Reason, r.Result.Detail} {
		if more != "" {
			text += fmt.Sprintf(" (%s)", more)
		}
	}
	for _, v := range r.Result.Outputs {
		text += fmt.Sprintf(" %s=%s", v.Name, v.Inline)
	}
	return text
}

func (s *script) show(a Action) string {
	switch a := a.(type) {
	case Prepare:
		return "prepare " + id(a.Assignment.Attempt)
	case Cancel:
		return "cancel " + id(a.ID)
	case Start:
		return "start " + id(a.Assignment.Attempt)
	case Adopt:
		return "adopt " + id(a.Assignment.Attempt)
	case Stop:
		return fmt.Sprintf("stop %s, grace %v", id(a.ID), time.Duration(a.Grace))
	case Collect:
		return "collect " + id(a.Assignment.Attempt)
	case Probe:
		return fmt.Sprintf("probe %s check %d", id(a.Assignment.Attempt), a.Index)
	case Forget:
		return "delete " + id(a.ID)
	}
	return s.showSend(a)
}

func (s *script) showSend(a Action) string {
	switch a := a.(type) {
	case SendHello:
		s.tickets["hello"] = a.Ticket
		return "send hello"
	case SendPull:
		s.tickets["pull"] = a.Ticket
		return fmt.Sprintf("send pull, have %d of epoch %d", a.Pull.Have, a.Pull.Epoch)
	case FallAsleep:
		return "fall asleep"
	case SendBeat:
		s.tickets["beat"] = a.Ticket
		return fmt.Sprintf("send beat, have %d, %d running", a.Beat.Version, a.Beat.Running)
	case SendReports:
		s.tickets["reports"] = a.Ticket
		text := "send reports"
		for i := range a.Reports {
			text += "; " + showReport(&a.Reports[i])
		}
		return text
	}
	return fmt.Sprintf("%T", a)
}
