package wasm

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/drivertest"
	"drover.dev/internal/driver/tree"
	"drover.dev/internal/driver/worker"
	exp "github.com/tetratelabs/wazero/experimental/sys"
)

func TestRunsAModule(t *testing.T) {
	for name, parent := range map[string]tree.Parent{"groups": tree.Detect(), "plain": {}} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SECRET_OF_THE_AGENT", "1")
			d := newDriver(t, Options{Cache: t.TempDir(), Parent: &parent})
			s := spec(t, driver.Limits{Memory: 64 * mib, CPU: 1000}, "show", "a b")
			s.Env = []string{"KEY=value=more"}
			for range 2 { // the second time from the cache of compiled code
				e := drivertest.Run(t, d, s)
				if e.Code != 7 || e.Reason != driver.None || e.CPU <= 0 || e.Wall <= 0 {
					t.Errorf("%+v", e)
				}
				if got, want := drivertest.Output(t, s, driver.Stdout), "arg guest.wasm\narg show\narg a b\nenv KEY=value=more\n"; got != want {
					t.Errorf("stdout %q, want %q", got, want)
				}
				if got := drivertest.Output(t, s, driver.Stderr); got != "err\n" {
					t.Errorf("stderr %q", got)
				}
				s.Dir = t.TempDir()
			}
		})
	}
}

func TestFiles(t *testing.T) {
	d := newDriver(t, Options{Idle: 1, Cache: t.TempDir()})
	t.Run("in, out and a read-only mount", func(t *testing.T) {
		s := spec(t, driver.Limits{}, "copy", "/in/f", "/out/g")
		if err := errors.Join(os.Mkdir(filepath.Join(s.Dir, driver.In), 0o755),
			os.WriteFile(filepath.Join(s.Dir, driver.In, "f"), []byte("content"), 0o644)); err != nil {
			t.Fatal(err)
		}
		if e := drivertest.Run(t, d, s); !e.OK() {
			t.Fatalf("%+v: %s", e, drivertest.Output(t, s, driver.Stderr))
		}
		if b, err := os.ReadFile(filepath.Join(s.Dir, driver.Out, "g")); string(b) != "content" {
			t.Errorf("copied %q, %v", b, err)
		}
		next := spec(t, driver.Limits{}, "copy", "/data/g", "/data/h")
		next.Mounts = []driver.Mount{{Source: filepath.Join(s.Dir, driver.Out), Target: "/data", ReadOnly: true}}
		if e := drivertest.Run(t, d, next); e.OK() {
			t.Error("wrote into a read-only mount")
		}
		next.Dir, next.Mounts[0].ReadOnly = t.TempDir(), false
		if e := drivertest.Run(t, d, next); !e.OK() {
			t.Errorf("%+v: %s", e, drivertest.Output(t, next, driver.Stderr))
		}
	})
	t.Run("/in is read-only", func(t *testing.T) {
		if e := drivertest.Run(t, d, spec(t, driver.Limits{}, "link", "x", "/in/y")); e.OK() {
			t.Error("changed its input")
		}
	})
	t.Run("editing", func(t *testing.T) {
		s := spec(t, driver.Limits{Output: mib}, "edit")
		if e := drivertest.Run(t, d, s); !e.OK() {
			t.Errorf("%+v: %s", e, drivertest.Output(t, s, driver.Stderr))
		}
		for _, name := range []string{".", "..", "b", "c", "l"} {
			if got := drivertest.Output(t, s, driver.Stdout); !strings.Contains("\n"+got, "\n"+name+"\n") {
				t.Errorf("list %q lacks %q", got, name)
			}
		}
	})
}

func TestNoWayOut(t *testing.T) {
	d := newDriver(t, Options{Idle: 1, Cache: t.TempDir()})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"absolute path":           {"copy", secret, "/out/x"},
		"dots":                    {"copy", "/out/../../../../../../../../../.." + secret, "/out/x"},
		"dots in the middle":      {"copy", "/work/d/../../../../../../../../../../.." + secret, "/out/x"},
		"a link it makes":         {"link", secret, "/out/x"},
		"a relative link":         {"link", "../../../../../../.." + secret, "/out/x"},
		"one step out":            {"link", "../run/worker.json", "/out/x"},
		"a link it finds":         {"copy", "/out/planted", "/out/x"},
		"a directory link":        {"copy", "/out/dir/secret", "/out/x"},
		"writing through a link":  {"copy", "/out/harmless", "/out/planted"},
		"writing beside a secret": {"copy", "/out/harmless", "/out/dir/new"},
		"a pipe":                  {"copy", "/out/pipe", "/out/x"},
	} {
		t.Run(name, func(t *testing.T) {
			s := spec(t, driver.Limits{Output: mib, Wall: 20 * time.Second}, args...)
			out := filepath.Join(s.Dir, driver.Out)
			if err := errors.Join(os.Mkdir(out, 0o755),
				os.WriteFile(filepath.Join(out, "harmless"), []byte("x"), 0o644),
				os.Symlink(secret, filepath.Join(out, "planted")),
				os.Symlink(filepath.Dir(secret), filepath.Join(out, "dir")),
				syscall.Mkfifo(filepath.Join(out, "pipe"), 0o644)); err != nil {
				t.Fatal(err)
			}
			if e := drivertest.Run(t, d, s); e.OK() || e.Reason != driver.None {
				t.Errorf("%+v", e)
			}
			if b, err := os.ReadFile(filepath.Join(out, "x")); len(b) > 0 {
				t.Errorf("got %q, %v", b, err)
			}
		})
	}
	if b, err := os.ReadFile(secret); string(b) != "secret" {
		t.Errorf("the secret is %q now, %v", b, err)
	}
	if left, err := os.ReadDir(filepath.Dir(secret)); len(left) != 1 {
		t.Errorf("beside the secret: %v, %v", left, err)
	}
}

func TestStartFailures(t *testing.T) {
	d := newDriver(t, Options{Idle: 1, Cache: t.TempDir()})
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const head = "\x00asm\x01\x00\x00\x00"
	start := "\x07\x0a\x01\x06_start\x00\x00"
	for name, c := range map[string]struct{ module, says string }{
		"no file":       {filepath.Join(dir, "none"), "no such file"},
		"not a module":  {write("elf", "\x7fELF..............."), "not a WebAssembly module"},
		"no _start":     {write("library", head), "no _start"},
		"bad code":      {write("bad", head+start), "compile module"},
		"unknown world": {write("world", head+"\x01\x04\x01\x60\x00\x00\x02\x0b\x01\x03env\x03fly\x00\x00"), "env.fly"},
		"too large":     {write("large", head+"\x05\x04\x01\x00\x80\x20"+start), "raise resources.memory"},
		"huge table":    {write("table", head+"\x04\x07\x01\x70\x00\xff\xff\xff\x3f"+start), "raise resources.memory"},
		"high maximum":  {write("maximum", head+"\x05\x05\x01\x01\x01\x80\x20"+start), "lower maximum"},
	} {
		t.Run(name, func(t *testing.T) {
			s := spec(t, driver.Limits{Memory: 16 * mib})
			s.Module = c.module
			if e := drivertest.Run(t, d, s); e.Reason != driver.StartFailed || !strings.Contains(e.Detail, c.says) {
				t.Errorf("got %+v, want %q", e, c.says)
			}
		})
	}
	if _, err := d.Start(t.Context(), driver.Spec{Dir: t.TempDir(), Module: "relative.wasm"}); err == nil {
		t.Error("a relative module path was accepted")
	}
}

func TestMemoryLimit(t *testing.T) {
	d := newDriver(t, Options{Idle: 1, Cache: t.TempDir()})
	limit := driver.Limits{Memory: 16 * mib}
	s := spec(t, limit, "alloc", "8")
	if e := drivertest.Run(t, d, s); !e.OK() || drivertest.Output(t, s, driver.Stdout) != "had 8\n" {
		t.Errorf("within the limit: %+v", e)
	}
	if e := drivertest.Run(t, d, spec(t, limit, "alloc", "32")); e.Reason != driver.OutOfMemory {
		t.Errorf("twice the limit: %+v", e)
	}
	if e := drivertest.Run(t, d, spec(t, limit, "trap")); e.Reason != driver.None || e.OK() || !strings.Contains(e.Detail, "unreachable") {
		t.Errorf("a trap is not a lack of memory: %+v", e)
	}
}

func TestOutputLimit(t *testing.T) {
	d := newDriver(t, Options{Idle: 1, Cache: t.TempDir()})
	limit := driver.Limits{Output: 4 * mib}
	if e := drivertest.Run(t, d, spec(t, limit, "churn", "64")); !e.OK() {
		t.Errorf("what was removed must not count: %+v", e)
	}
	s := spec(t, limit, "churn", "64", "keep open")
	if e := drivertest.Run(t, d, s); e.Reason != driver.OutputLimit {
		t.Errorf("what is removed but open must count: %+v", e)
	}
}

func TestScratchLimit(t *testing.T) {
	d := newDriver(t, Options{Idle: 1, Cache: t.TempDir()})
	fill := func(mebibytes int) driver.Exit {
		s := spec(t, driver.Limits{Output: mib}, "copy", "/in/big", "/data/big")
		s.Mounts = []driver.Mount{{Source: t.TempDir(), Target: "/data", Size: 10 * mib}}
		in := filepath.Join(s.Dir, driver.In)
		if err := errors.Join(os.Mkdir(in, 0o755), os.WriteFile(filepath.Join(in, "big"), make([]byte, mebibytes*mib), 0o644)); err != nil {
			t.Fatal(err)
		}
		return drivertest.Run(t, d, s)
	}
	if e := fill(10); !e.OK() {
		t.Errorf("exactly the limit: %+v", e)
	}
	if e := fill(12); e.Reason != driver.VolumeFull || e.Detail != "scratch volume /data is full: 10368Ki of 10Mi" {
		t.Errorf("%+v", e)
	}
}

// Names count as they come and go, however they do.
func TestQuotaCountsNames(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	end := make(chan *driver.Exit, 1)
	space := worker.Space{Name: "it", Reason: driver.VolumeFull, Dirs: []string{dir}, Limit: mib}
	d := &dirFS{root: root, quota: newQuota(space, end)}
	before := d.quota.used.Entries
	for range 3000 { // far more than there is room for at once
		f, n := d.OpenFile("a", exp.O_CREAT|exp.O_RDWR, 0o600)
		if n != 0 {
			t.Fatal(n)
		}
		for i, n := range []exp.Errno{
			f.Close(), d.Link("a", "b"), d.Rename("a", "b"), d.Symlink("a", "c"), d.Mkdir("d", 0o700),
			d.Rmdir("d"), d.Unlink("c"), d.Rename("b", "a"), d.Unlink("a"), d.Unlink("b"),
		} {
			if n != 0 {
				t.Fatal(i, n)
			}
		}
	}
	if used := d.quota.used; used.Entries != before || used.Bytes != 0 {
		t.Errorf("of nothing is left: %+v, before %d", used, before)
	}
	for i := 0; ; i++ {
		if d.Symlink("x", strconv.Itoa(i)) != 0 {
			if i != 1255 {
				t.Errorf("refused after %d links", i)
			}
			break
		}
	}
	if e := <-end; e.Detail != "it is full: 1257 files and directories, and 1Mi have room for 1256" {
		t.Errorf("%+v", e)
	}
}

func TestLogsAreCapped(t *testing.T) {
	d := newDriver(t, Options{Idle: 1, Cache: t.TempDir()})
	e := drivertest.Run(t, d, spec(t, driver.Limits{Log: 64 << 10}, "lines", "50000"))
	if written := int64(50000 * len("a line of forty characters, as logs have\n")); !e.OK() || e.DroppedLog < written-64<<10 || e.DroppedLog > written-47<<10 {
		t.Errorf("%+v", e)
	}
}

// A guest that loops cannot be asked to stop; it is stopped all the same.
func TestABusyLoop(t *testing.T) {
	d := newDriver(t, Options{Idle: 1, Cache: t.TempDir()})
	t.Run("times out", func(t *testing.T) {
		e := drivertest.Run(t, d, spec(t, driver.Limits{Wall: 200 * time.Millisecond}, "loop"))
		if e.Reason != driver.Timeout || e.Wall < 200*time.Millisecond {
			t.Errorf("%+v", e)
		}
	})
	t.Run("is stopped", func(t *testing.T) {
		s := spec(t, driver.Limits{}, "loop")
		h := drivertest.Start(t, d, s)
		drivertest.Eventually(t, "it loops", func() bool { return drivertest.Output(t, s, driver.Stdout) != "" })
		if err := h.Stop(10 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if e := drivertest.Wait(t, h); e.Reason != driver.Stopped {
			t.Errorf("%+v", e)
		}
	})
	t.Run("times out when its worker does not react", func(t *testing.T) {
		h := drivertest.Start(t, d, spec(t, driver.Limits{Wall: 200 * time.Millisecond}, "loop"))
		if err := syscall.Kill(h.Identity().PID, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if e := drivertest.Wait(t, h); e.Reason != driver.Timeout {
			t.Errorf("%+v", e)
		}
	})
	t.Run("uses no CPU while suspended", func(t *testing.T) {
		s := spec(t, driver.Limits{Wall: 500 * time.Millisecond}, "loop")
		h := drivertest.Start(t, d, s)
		drivertest.Eventually(t, "it loops", func() bool { return drivertest.Output(t, s, driver.Stdout) != "" })
		if err := d.Suspend(h); err != nil {
			t.Fatal(err)
		}
		before, err := d.Usage(h)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		// Exactly none: Suspend returned when all its threads stood still.
		if after, err := d.Usage(h); after.CPU != before.CPU || err != nil {
			t.Errorf("used %s while suspended, %v", after.CPU-before.CPU, err)
		}
		if err := d.Resume(h); err != nil {
			t.Fatal(err)
		}
		if e := drivertest.Wait(t, h); e.Reason != driver.Timeout || e.Wall < 1500*time.Millisecond {
			t.Errorf("%+v", e)
		}
	})
}

func TestKilledWorkerIsLost(t *testing.T) {
	d := newDriver(t, Options{Idle: 1, Cache: t.TempDir()})
	h := drivertest.Start(t, d, spec(t, driver.Limits{}, "sleep"))
	if err := syscall.Kill(h.Identity().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if e := drivertest.Wait(t, h); e.Reason != driver.Lost {
		t.Errorf("%+v", e)
	}
}

func TestAdoptAfterARestart(t *testing.T) {
	old := newDriver(t, Options{})
	s := spec(t, driver.Limits{}, "sleep")
	h := drivertest.Start(t, old, s)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	adopted, err := newDriver(t, Options{}).Adopt(t.Context(), s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if adopted.Identity() != h.Identity() {
		t.Errorf("identity %+v, was %+v", adopted.Identity(), h.Identity())
	}
	drivertest.Eventually(t, "it sleeps", func() bool { return drivertest.Output(t, s, driver.Stdout) == "sleeping\n" })
	if err := adopted.Stop(time.Minute); err != nil {
		t.Fatal(err)
	}
	if e := drivertest.Wait(t, adopted); e.Reason != driver.Stopped {
		t.Errorf("%+v", e)
	}
}
