//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/journal"
	"drover.dev/internal/live"
)

// oldBinEnv names a program of an earlier version, in place of the one that is built
// from the commit before this one.
const oldBinEnv = "DROVER_OLD_BIN"

// previous builds the program as it was one commit ago.
func previous(t *testing.T) (binary, version string) {
	t.Helper()
	if binary = os.Getenv(oldBinEnv); binary != "" {
		return binary, binary
	}
	root := strings.TrimSpace(git(t, ".", "rev-parse", "--show-toplevel"))
	version = strings.TrimSpace(git(t, root, "rev-parse", "--short", "HEAD~1"))
	dir := t.TempDir()
	archive := filepath.Join(dir, "source.tar")
	git(t, root, "archive", "-o", archive, "HEAD~1")
	source := filepath.Join(dir, "source")
	if err := os.Mkdir(source, 0o755); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(scratch, "drover-"+version)
	for _, args := range [][]string{
		{"tar", "-xf", archive, "-C", source},
		{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/drover"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env = source, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return binary, version
}

// git skips the test where there is no history: in an archive of the sources, or a
// clone of depth 1.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("SKIPPED: there is no commit before this one to upgrade from: git %s: %v: %s: fetch one more, or name a program in %s",
			args[0], err, strings.TrimSpace(errs.String()), oldBinEnv)
	}
	return string(out)
}

// TestRollingUpgrade replaces two servers and an agent of the commit before, one
// after the other, while work comes in and runs. Nothing is lost and nothing is run
// twice; tasks run on while their agent is replaced.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	old, version := previous(t)
	s := newSeveral(t, 1)
	for i := range 2 {
		s.server(fmt.Sprint("server-", i), old)
	}
	agent := s.agent("n1", old, "--label", "node=n1", "--noop", "--cpu", "100", "--memory", "64Gi")
	s.Agent("n2", "--label", "node=n2", "--noop", "--cpu", "100", "--memory", "64Gi")
	l := newLoad(t, s)
	l.progress()
	leader, epoch := s.leader(0, s.servers...)
	var without []time.Duration
	for _, v := range append(s.without(leader), leader) {
		began := time.Now()
		v.Terminate()
		if v == leader {
			_, epoch = s.leader(epoch, s.without(v)...)
			without = append(without, time.Since(began).Round(time.Millisecond))
		}
		v.args[0] = program
		v.Restart()
		s.becomes(v, api.RoleFollower)
		l.progress()
	}
	l.yard.close(t)
	held := l.yard.gated("held", 0) // on n1
	l.submit(s.Client(0), held)
	Await(t, startTimeout, "the held task runs", func() (bool, string) {
		b, err := os.ReadFile(filepath.Join(l.yard.side, held.name))
		return len(b) > 0, fmt.Sprint(err)
	})
	agent.Terminate()
	agent.args[0] = program
	agent.Restart()
	l.progress()
	l.yard.release(t)
	l.finish()
	if n := l.yard.runs(t, held); n != 1 {
		t.Errorf("the task that ran while its agent was replaced was started %d times", n)
	}
	f := &failing{Several: s}
	f.audited()
	s.Stop()
	story := retellOf(t, live.Config{
		Dir: s.servers[0].dir, NATS: s.bus, CellSecret: cellSecret, AgentUser: "agents", AcceptUnsynced: true,
	})
	story.must(t, l.accepted)
	t.Logf("from %s: %d events in %d records, %d leaderships, %v without a leader; %d tasks accepted, each ended well and once, %d double runs",
		version, story.events, story.records, story.leaders, without, len(l.accepted), l.doubles)
}

// progress waits until some more work was accepted.
func (l *load) progress() {
	l.t.Helper()
	before := l.sum()
	Await(l.t, startTimeout, "work comes in", func() (bool, string) {
		n := l.sum() - before
		return n >= 20, fmt.Sprint(n, " tasks accepted")
	})
}

// TestNewerRecords has servers meet a record that only a newer version can read:
// they end, with the reason, and do not start again. The journal stays as it is.
func TestNewerRecords(t *testing.T) {
	t.Parallel()
	s := newSeveral(t, 1)
	for i := range 2 {
		s.server(fmt.Sprint("server-", i), program)
	}
	if _, err := s.Client(0).Submit(Within(t, startTimeout), job("before", api.Task{Driver: api.DriverNoop})); err != nil {
		t.Fatal(err)
	}
	last, seq := s.appendNewer(t)
	for _, v := range s.servers {
		select {
		case <-v.Ended():
		case <-time.After(startTimeout):
			t.Fatalf("%s goes on", v.name)
		}
		s.saysWhy(v, last, "")
		from := v.Log()
		v.Start()
		if _, err := v.ready(startTimeout); err == nil {
			t.Errorf("%s starts again", v.name)
		}
		s.saysWhy(v, last, from)
	}
	if now := s.journal()(); now != seq {
		t.Errorf("the journal ends at %d, the newer record is %d", now, seq)
	}
	t.Logf("record %d needs a newer reader: two servers have ended with the reason, and do not start again", last)
}

// saysWhy demands the reason in what a server has logged since.
func (s *Several) saysWhy(v *Server, record uint64, since string) {
	s.t.Helper()
	said := strings.TrimPrefix(v.Log(), since)
	want := fmt.Sprintf("record %d needs a reader of format ≥ %d, this build reads %d: upgrade", record, journal.Format+1, journal.Format)
	v.mu.Lock()
	over := v.over
	v.mu.Unlock()
	if !strings.Contains(said, want) || over == nil {
		s.t.Errorf("%s ended with %v, without saying %q:\n%s", v.name, over, want, lastLines(said, 10))
	}
}

// appendNewer continues the journal as a leader of a later version would.
func (s *Several) appendNewer(t *testing.T) (record, seq uint64) {
	t.Helper()
	ctx := Within(t, startTimeout)
	nc, err := bus.Connect(ctx, bus.Dial{URL: s.bus})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	stream, err := journal.OpenStream(ctx, nc, journal.StreamOptions{Cell: "drover"})
	if err != nil {
		t.Fatal(err)
	}
	for ; ; time.Sleep(10 * time.Millisecond) { // the leader may append in between
		r, end := s.next(ctx, t, stream)
		encoded, err := journal.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		if seq, err = stream.Append(ctx, end, encoded); err == nil {
			return r.N, seq
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// next is a record of a later format behind the last one.
func (s *Several) next(ctx context.Context, t *testing.T, j journal.Journal) (next journal.Record, end uint64) {
	t.Helper()
	for e, err := range j.Read(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if next, err = journal.Decode(e.Data); err != nil {
			t.Fatal(err)
		}
		next.PrevHash, end = journal.Hash(e.Data), e.Seq
	}
	next.N, next.Epoch = next.N+1, next.Epoch+1
	next.Format, next.MinReader = journal.Format+1, journal.Format+1
	next.Inputs, next.Events = slices.Clone(next.Inputs), slices.Clone(next.Events)
	return next, end
}
