package worker

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/drivertest"
	"drover.dev/internal/driver/tree"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// echo is a kind of worker that ends at once with the code in Spec.Args.
type echo struct{}

func (echo) Run(t *Task) driver.Exit { return driver.Exit{Code: len(t.Args)} }

func TestMain(m *testing.M) {
	Main(Kind{Name: "echo", Main: func(args []string) int {
		return Serve(args, func(json.RawMessage, *tree.Tree) (Runner, error) { return echo{}, nil })
	}}, Kind{Name: "broken", Main: func([]string) int { return 1 }})
	goleak.VerifyTestMain(m)
}

func newPool(t *testing.T, o Options) *Pool {
	t.Helper()
	p, err := NewPool(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func waitingWorkers(p *Pool) []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var pids []int
	for _, w := range p.idle {
		pids = append(pids, w.id.PID)
	}
	return pids
}

func TestPoolKeepsWorkersReady(t *testing.T) {
	p := newPool(t, Options{Kind: "echo", Idle: 2})
	ready := func(n int) {
		t.Helper()
		drivertest.Eventually(t, "the pool is full", func() bool { return len(waitingWorkers(p)) == n })
	}
	ready(2)
	first := waitingWorkers(p)[0]
	h, err := p.Start(t.Context(), driver.Spec{Dir: t.TempDir(), Args: []string{"a", "b", "c"}})
	if err != nil {
		t.Fatal(err)
	}
	if h.Identity().PID != first {
		t.Errorf("worker %d took the task, and %d was ready", h.Identity().PID, first)
	}
	if e, err := h.Wait(t.Context()); e.Code != 3 || err != nil {
		t.Errorf("%+v, %v", e, err)
	}
	ready(2)
	p.Warm(3)
	ready(3)
	p.Warm(1)
	ready(1)
}

func TestADeadIdleWorkerIsReplaced(t *testing.T) {
	p := newPool(t, Options{Kind: "echo", Idle: 1})
	drivertest.Eventually(t, "the pool is full", func() bool { return len(waitingWorkers(p)) == 1 })
	dead := waitingWorkers(p)[0]
	if err := unix.Kill(dead, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	drivertest.Eventually(t, "it is dead", func() bool { s, err := tree.ReadStat(dead); return err != nil || s.State == 'Z' })
	h, err := p.Start(t.Context(), driver.Spec{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := h.Wait(t.Context()); !e.OK() || err != nil || h.Identity().PID == dead {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestAWorkerThatCannotServe(t *testing.T) {
	for _, kind := range []string{"broken", "unknown"} {
		p := newPool(t, Options{Kind: kind})
		if _, err := p.Start(t.Context(), driver.Spec{Dir: t.TempDir()}); err == nil {
			t.Errorf("%s: a task was started", kind)
		}
	}
}

// Adopt said that nothing runs; a worker that comes late must respect that.
func TestAWorkerRespectsARefusal(t *testing.T) {
	p := newPool(t, Options{Kind: "echo"})
	dir := t.TempDir()
	s := driver.Spec{Dir: dir}
	if err := p.makeDirs(s); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Adopt(t.Context(), dir); !errors.Is(err, driver.ErrGone) {
		t.Fatalf("adopt: %v", err)
	}
	if h, err := p.assign(t.Context(), s); err == nil {
		t.Errorf("started %+v", h.Identity())
	}
}

func TestConcurrentStartsOfOneDirectory(t *testing.T) {
	p := newPool(t, Options{Kind: "echo"})
	dir := t.TempDir()
	var started atomic.Int32
	done := make(chan struct{}, 4)
	for range cap(done) {
		go func() {
			defer func() { done <- struct{}{} }()
			if h, err := p.Start(t.Context(), driver.Spec{Dir: dir}); err == nil {
				started.Add(1)
				_, _ = h.Wait(t.Context())
			}
		}()
	}
	for range cap(done) {
		<-done
	}
	if n := started.Load(); n != 1 {
		t.Errorf("%d of four starts succeeded", n)
	}
}

func TestHostileFilesOfATask(t *testing.T) {
	p := newPool(t, Options{Kind: "echo"})
	for name, content := range map[string]string{
		"nothing in it": "{}", "no tree": `{"tree":null,"pid":1}`, "init": `{"pid":1,"startTime":1}`,
	} {
		dir := t.TempDir()
		if err := errors.Join(os.Mkdir(filepath.Join(dir, Run), 0o700), os.WriteFile(runPath(dir, birthName), []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
		h, err := p.Adopt(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := h.Wait(t.Context()); e.Reason != driver.Lost || err != nil {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, Run), 0o700), os.WriteFile(runPath(dir, birthName), []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Adopt(t.Context(), dir); err == nil || errors.Is(err, driver.ErrGone) {
		t.Errorf("half a file: %v", err)
	}
}

func TestTimeStandsStillWhileSuspended(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, Run), 0o700); err != nil {
		t.Fatal(err)
	}
	now := monotonic()
	const limit, slack = 100 * time.Hour, time.Hour
	for name, c := range map[string]struct {
		s    suspend
		want time.Duration
	}{
		"runs all the time":  {suspend{}, 60 * time.Hour},
		"was suspended":      {suspend{Total: 10 * time.Hour}, 70 * time.Hour},
		"is suspended":       {suspend{Since: now - 5*time.Hour}, 65 * time.Hour},
		"is suspended again": {suspend{Since: now - 5*time.Hour, Total: 10 * time.Hour}, 75 * time.Hour},
	} {
		if c.s.Since < 0 {
			c.s.Since, c.want = 1, 60*time.Hour+now // this machine has not run that long
			c.want += c.s.Total
		}
		if err := writeJSON(dir, suspendName, c.s, false); err != nil {
			t.Fatal(err)
		}
		if got := left(dir, limit, now-40*time.Hour); got > c.want || got < c.want-slack {
			t.Errorf("%s: %s left, want %s", name, got, c.want)
		}
	}
	if got := left(dir, 0, now); got < 10*365*24*time.Hour {
		t.Errorf("without a limit %s is left", got)
	}
}

func TestUsed(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, driver.Out)
	if err := errors.Join(os.MkdirAll(filepath.Join(out, "d"), 0o755),
		os.WriteFile(filepath.Join(out, "a"), make([]byte, 100), 0o644),
		os.WriteFile(filepath.Join(out, "d", "b"), make([]byte, 50), 0o644),
		os.Symlink("/usr", filepath.Join(out, "link"))); err != nil {
		t.Fatal(err)
	}
	used := func(limit int64) (Output, *driver.Exit) {
		s := Space{Name: "it", Reason: driver.VolumeFull, Dirs: []string{out, filepath.Join(dir, "gone")}, Limit: limit}
		o := s.Used()
		return o, s.Full(o)
	}
	if got, full := used(150); got != (Output{Bytes: 150, Entries: 5}) || full != nil {
		t.Errorf("got %+v, %+v", got, full)
	}
	if _, full := used(149); full == nil || full.Reason != driver.VolumeFull || full.Detail != "it is full: 150 of 149" {
		t.Errorf("above the limit: %+v", full)
	}
	if _, full := used(0); full != nil {
		t.Errorf("without a limit: %+v", full)
	}
}

func TestRoughly(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 1: "1", 1000: "1k", 12<<20 + 1: "12416Ki", 3 << 30: "3Gi"} {
		if got := roughly(n).String(); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// What bytes alone do not show.
func TestUsedIsNotFooled(t *testing.T) {
	const limit = 1 << 20
	for name, c := range map[string]struct {
		fill func(dir string) error
		want string
	}{
		"many empty files": {func(dir string) error {
			for i := range 1300 {
				if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o600); err != nil {
					return err
				}
			}
			return nil
		}, "it is full: 1257 files and directories, and 1Mi have room for 1256"},
		"a file with many names": {func(dir string) error {
			err := os.WriteFile(filepath.Join(dir, "a"), make([]byte, limit), 0o600)
			for i := range 50 {
				err = errors.Join(err, os.Link(filepath.Join(dir, "a"), filepath.Join(dir, strconv.Itoa(i))))
			}
			return err
		}, ""},
		"directories deep inside each other": {func(dir string) error {
			return os.MkdirAll(dir+strings.Repeat("/d", MaxDepth+1), 0o700)
		}, "it: directories are nested deeper than 512"},
		"a link to a large directory": {func(dir string) error { return os.Symlink("/usr", filepath.Join(dir, "usr")) }, ""},
		"a sparse file": {func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "a"), nil, 0o600), os.Truncate(filepath.Join(dir, "a"), limit+1))
		}, "it is full: 1040Ki of 1Mi"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Space{Name: "it", Dirs: []string{t.TempDir()}, Limit: limit}
			if err := c.fill(s.Dirs[0]); err != nil {
				t.Fatal(err)
			}
			got := ""
			if e := s.Full(s.Used()); e != nil {
				got = e.Detail
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
