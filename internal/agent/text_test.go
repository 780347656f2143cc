package agent

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
	"pgregory.net/rapid"
)

// rawText is any bytes in the place of a text.
func rawText(t *rapid.T, label string) string {
	b := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, label)
	return strings.Repeat(string(b), rapid.SampledFrom([]int{1, 40}).Draw(t, label+" times"))
}

// sent finds the action of one type among those of a step.
func sent[A core.Action](t *rapid.T, out core.Output) A {
	for _, a := range append(out.Urgent, out.Actions...) {
		if a, ok := a.(A); ok {
			return a
		}
	}
	var none A
	t.Fatalf("no %T among %v %v", none, out.Urgent, out.Actions)
	return none
}

// hostile reports an end with any bytes in its texts and gives the reports that
// go to the server, with the record that goes to the ledger.
func hostile(t *rapid.T) (core.Record, []api.Report) {
	c := core.New(core.Config{Node: "n1", Boot: "boot"})
	hello := sent[core.SendHello](t, c.Step(1, core.Resume{}, core.LinkUp{}))
	pull := sent[core.SendPull](t, c.Step(2, core.Welcomed{Ticket: hello.Ticket, Welcome: api.Welcome{Epoch: 1}}))
	as := job(1, api.Task{Name: "main", Driver: "process", Outputs: []api.Output{{Name: "out"}}})
	as.Epoch, as.Version = 1, 1
	c.Step(3, core.Set{Ticket: pull.Ticket, Set: api.AssignmentSet{Epoch: 1, Version: 1, Full: true, Items: []api.Assignment{as}}})
	id := core.About{ID: as.Attempt}
	c.Step(4, core.Prepared{About: id})
	var out core.Output
	if rapid.Bool().Draw(t, "succeeds") {
		c.Step(5, core.Ended{About: id})
		out = c.Step(6, core.Collected{About: id, Outputs: []api.Value{{
			Name: rawText(t, "name"), File: rawText(t, "file"), Digest: api.Digest(rawText(t, "digest")),
		}}})
	} else {
		out = c.Step(6, core.Ended{About: id, Result: api.Result{
			Outcome: api.OutcomeFailed, Reason: rawText(t, "reason"), Detail: rawText(t, "detail"), Signal: rawText(t, "signal"),
		}})
	}
	return out.Record, sent[core.SendReports](t, out).Reports
}

// TestReportsOfAnyBytes: whatever bytes tasks and files have for texts, reports
// can be read from the ledger and by the server.
func TestReportsOfAnyBytes(t *testing.T) {
	dir := t.TempDir()
	wire, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		record, reports := hostile(rt)
		body, err := wire.enc.Marshal(api.Reports{Reports: reports})
		if err != nil {
			rt.Fatal(err)
		}
		var got api.Reports
		if err := wire.dec.Unmarshal(body, &got); err != nil {
			rt.Fatalf("the server cannot read the reports: %v", err)
		}
		r := got.Reports[0].Result
		if most := max(len(r.Reason), len(r.Detail), len(r.Signal)); most > core.MaxDetail {
			rt.Fatalf("a text of %d bytes", most)
		}
		frames := ledger{enc: wire.enc}
		if err := frames.frames([]core.Record{record}); err != nil {
			rt.Fatal(err)
		}
		n++
		path := filepath.Join(dir, strconv.Itoa(n))
		if err := os.WriteFile(path, frames.buf, 0o600); err != nil {
			rt.Fatal(err)
		}
		count := 0
		l, err := openLedger(path, func(*core.Record) { count++ })
		if err != nil || count != 1 {
			rt.Fatalf("%d records, %v", count, err)
		}
		if err := l.close(); err != nil {
			rt.Fatal(err)
		}
		if _, _, err := nextFrame(wire.dec, frames.buf); err != nil {
			rt.Fatalf("the ledger holds text that is not UTF-8: %v", err)
		}
	})
}

// A ledger with a poisoned report is read, and the report mended.
func TestLedgerWithBadTextIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, _ := reopen(t, path)
	bad := reportOf(1)
	bad.Reports[0].Detail = "500 \xff\xfe"
	if err := l.append([]core.Record{bad}, true); err != nil {
		t.Fatal(err)
	}
	c := core.New(core.Config{Node: "n1"})
	again, err := openLedger(path, c.Replay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.close() })
	for _, r := range c.Snapshot() {
		for _, r := range r.Reports {
			if r.Detail != "500 ?" {
				t.Errorf("replayed as %q", r.Detail)
			}
		}
	}
	if c.Len() != 1 {
		t.Errorf("%d attempts", c.Len())
	}
}
