//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"drover.dev/api"
)

// wire is a TCP proxy that can be cut or fall silent.
type wire struct {
	t      testing.TB
	listen net.Listener
	to     string

	mu    sync.Mutex
	open  chan struct{} // closed while bytes pass
	conns map[net.Conn]bool
	cut   bool
	deaf  bool // answers are lost
}

func newWire(t testing.TB, listen, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, listen: l, to: to, open: make(chan struct{}), conns: map[net.Conn]bool{}}
	close(w.open)
	go w.serve()
	t.Cleanup(func() {
		_ = l.Close() // once
		w.heal()
		w.drop(true)
	})
	return w
}

func (w *wire) serve() {
	for {
		in, err := w.listen.Accept()
		if err != nil {
			return
		}
		if !w.keep(in) {
			continue
		}
		out, err := net.Dial("tcp", w.to)
		if err != nil || !w.keep(out) {
			_ = in.Close() // who dialled sees it
			continue
		}
		go w.pass(in, out, false)
		go w.pass(out, in, true)
	}
}

// keep notes a connection; false, and it is closed, while the wire is cut.
func (w *wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		_ = c.Close() // that is what a cut is
		return false
	}
	w.conns[c] = true
	return true
}

// pass carries bytes as long as the wire is open; those on their way wait, as
// TCP would send them again.
func (w *wire) pass(from, to net.Conn, answers bool) {
	defer to.Close()   //nolint:errcheck // it may be closed
	defer from.Close() //nolint:errcheck // it may be closed
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		open, lost := w.open, w.deaf && answers
		w.mu.Unlock()
		<-open
		if n > 0 && !lost {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// silence lets connections stand and carries nothing.
func (w *wire) silence() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = make(chan struct{})
}

// deafen loses what comes back: who speaks is heard, and gets no answer. What a
// connection has lost it does not get again: heal after a drop.
func (w *wire) deafen() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf = true
}

// drop cuts the wire: connections end, and new ones are refused.
func (w *wire) drop(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	for c := range w.conns {
		_ = c.Close() // it may have ended
	}
	clear(w.conns)
}

func (w *wire) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut, w.deaf = false, false
	select {
	case <-w.open:
	default:
		close(w.open)
	}
}

// site is a hub with an edge site behind a wire.
type site struct {
	t          *testing.T
	hub, plant *Cluster
	edge       *Process
	wires      []*wire
}

func newSite(t *testing.T) *site {
	t.Helper()
	hub := newCluster(t, t.TempDir())
	s := &site{t: t, hub: hub, wires: []*wire{
		newWire(t, hub.address(7520), hub.address(7420)),
		newWire(t, hub.address(7522), hub.address(7422)),
	}}
	hub.Server = hub.process("server", "server", "--data", hub.ServerDir(), "--http", hub.address(7420), "--bus", hub.address(7421),
		"--leaf", hub.address(7422), "--advertise-leaf", "nats://"+hub.address(7522), "--cell", "hub")
	hub.Server.Restart()
	hub.Agent("n1")
	s.plant = newCluster(t, t.TempDir())
	s.edge = s.plant.process("edge", "edge", "--parent", "http://"+hub.address(7520),
		"--join-token-file", filepath.Join(hub.ServerDir(), "join.token"), "--name", "plant-1", "--site", "plant",
		"--data", s.plant.Dir, "--http", s.plant.address(7420))
	s.plant.agents = append(s.plant.agents, s.edge)
	s.edge.Restart()
	s.cell("ready")
	return s
}

// cell waits until the hub says how the child stands, and returns how long that
// took.
func (s *site) cell(status string) time.Duration {
	s.t.Helper()
	began := time.Now()
	Await(s.t, patience, "plant-1 "+status, func() (bool, string) {
		cells := read[[]api.CellView](s.hub, "cells")
		return len(cells) == 1 && cells[0].Status == status, fmt.Sprintf("%+v", cells)
	})
	return time.Since(began)
}

func (s *site) each(f func(*wire)) {
	for _, w := range s.wires {
		f(w)
	}
}

// forPlant is a job for the edge site that leaves a line in a file.
func (s *site) forPlant(name string, count int32, script string) *api.Workload {
	w := job(name, shell(script))
	w.Tasks[0].Count = count
	w.Tasks[0].Requires.Sites = []string{"plant"}
	return w
}

func stand(want string) func(shown) bool {
	return func(s shown) bool { return s.Workload.Handover != nil && s.Workload.Handover.Stand == want }
}

// mark is a script that leaves one line each time it runs.
func (s *site) mark(file, line string) string {
	return fmt.Sprintf("echo %s >> %s; echo done %s", line, s.plant.file(file), line)
}

// TestEdgeCutOff is the life of an edge site: work from its parent and of its
// own, a cut, a reboot while cut, and the reconciliation afterwards.
func TestEdgeCutOff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	gate := s.forPlant("gate", 1, "echo $$ >> "+s.plant.file("pids")+"; while :; do sleep 0.1; done")
	gate.Kind, gate.Tasks[0].Outputs = api.KindService, nil
	s.hub.applied(gate)
	const batch = 6
	s.hub.applied(s.forPlant("batch", batch, s.plant.gated("go", s.mark("marks", "batch-$DROVER_INDEX"))))
	s.hub.await("gate", "healthy there", func(v shown) bool { return stand(api.HandoverAccepted)(v) && v.Workload.Healthy == 1 })
	s.hub.await("batch", "running there", func(v shown) bool { return v.Workload.Counts.Running == batch })
	worker, pid := s.plant.show("gate").Tasks[0].PID, s.servicePID()

	s.each(func(w *wire) { w.drop(true) })
	noticed := s.cell("silent")
	var here, there, later []string
	for i := range 5 {
		here, there, later = append(here, fmt.Sprint("here-", i)), append(there, fmt.Sprint("there-", i)), append(later, fmt.Sprint("later-", i))
		s.hub.applied(job(here[i], shell(s.mark("marks", here[i]))))
		own := job(there[i], shell(s.mark("marks", there[i])))
		s.plant.applied(own)
		s.hub.applied(s.forPlant(later[i], 1, s.mark("marks", later[i])))
	}
	for i := range here {
		s.hub.await(here[i], "done while cut", status("succeeded"))
		s.plant.await(there[i], "done while cut", status("succeeded"))
	}
	s.hub.await(later[0], "waits for the cell", stand(api.HandoverWaiting))

	s.edge.Kill()
	s.edge.Restart()
	s.plant.open("go")
	s.plant.await("batch", "done while cut", status("succeeded"))
	if got := s.plant.show("gate").Tasks[0]; got.PID != worker || got.Try != 1 || !alive(pid) {
		t.Errorf("the service had worker %d before the reboot, now %d, try %d", worker, got.PID, got.Try)
	}

	s.each((*wire).heal)
	began := time.Now()
	s.hub.await("batch", "known to have ended", status("succeeded"))
	resumed := time.Since(began)
	for _, name := range later {
		s.hub.await(name, "done there", status("succeeded"))
	}
	s.hub.await("gate", "healthy there", func(v shown) bool { return v.Workload.Healthy == 1 })
	s.check(pid, append(append(append([]string{}, here...), there...), later...), batch)
	t.Logf("cut noticed after %v, reconciled %v after the heal", noticed.Round(time.Millisecond), resumed.Round(time.Millisecond))

	if r := s.hub.CLI("cancel", "gate"); r.Code != 0 {
		t.Errorf("cancel: %+v", r)
	}
	s.hub.await("gate", "cancelled there", status("cancelled"))
	if alive(pid) {
		t.Error("the cancelled service runs on")
	}
}

// servicePID is the process of the service, as it wrote it down at its start.
func (s *site) servicePID() int {
	s.t.Helper()
	starts := s.plant.lines("pids")
	if len(starts) != 1 {
		s.t.Fatalf("the service was started as %v, want once", starts)
	}
	pid, err := strconv.Atoi(starts[0])
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

// check counts what ran: everything once.
func (s *site) check(pid int, names []string, batch int) {
	s.t.Helper()
	for i := range batch {
		names = append(names, fmt.Sprint("batch-", i))
	}
	ran := map[string]int{}
	for _, line := range s.plant.lines("marks") {
		ran[line]++
	}
	lost, double := 0, 0
	for _, name := range names {
		switch n := ran[name]; {
		case n == 0:
			lost++
			s.t.Errorf("%s never ran", name)
		case n > 1:
			double++
			s.t.Errorf("%s ran %d times", name, n)
		}
	}
	if now := s.servicePID(); now != pid || !alive(pid) {
		s.t.Errorf("the service is process %d, before the cut it was %d", now, pid)
	}
	results := 0
	for r, err := range s.hub.Client().Results(Within(s.t, time.Minute), "batch", "") {
		if err != nil || !strings.HasPrefix(string(r.Outputs[0].Inline), "done batch-") {
			s.t.Errorf("result %+v, %v", r, err)
		}
		results++
	}
	if results != batch {
		s.t.Errorf("the hub has %d results of %d", results, batch)
	}
	s.t.Logf("%d tasks: %d lost, %d run twice, %d results with the hub; the service is process %d all the while", len(names), lost, double, results, pid)
}

// TestEdgeSilentLink: a link that carries nothing is noticed, and used again
// soon after it carries.
func TestEdgeSilentLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	input := filepath.Join(s.hub.Dir, "recipe")
	if err := os.WriteFile(input, []byte(strings.Repeat("stir ", 4000)), 0o644); err != nil {
		t.Fatal(err)
	}
	w := s.forPlant("cook", 1, "cat $DROVER_IN/recipe; cat $DROVER_IN/recipe")
	w.Tasks[0].Inputs = []api.Input{{Path: "recipe", Source: api.Source{File: "recipe"}}}
	s.hub.applied(w)
	s.hub.await("cook", "done there", status("succeeded"))
	got := ""
	for r, err := range s.hub.Client().Results(Within(t, time.Minute), "cook", "") {
		if err != nil || len(r.Outputs) != 1 {
			t.Fatalf("result %+v, %v", r, err)
		}
		got = string(r.Outputs[0].Digest)
	}
	var text bytes.Buffer
	if err := s.hub.Client().Download(Within(t, time.Minute), api.Digest(got), &text); err != nil || text.Len() != 40_000 {
		t.Errorf("the output has %d bytes, %v", text.Len(), err)
	}

	s.each((*wire).silence)
	noticed := s.cell("silent")
	if noticed > 15*time.Second {
		t.Errorf("the silent link was noticed after %v", noticed)
	}
	time.Sleep(20 * time.Second) // until both ends have given the connection up
	s.hub.applied(s.forPlant("after", 1, "echo after"))
	s.each((*wire).heal)
	began := time.Now()
	s.hub.await("after", "is accepted", stand(api.HandoverAccepted))
	t.Logf("silence noticed after %v, work accepted %v after the heal", noticed.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	s.hub.await("after", "done there", status("succeeded"))
}
