package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/drivertest"
	"drover.dev/internal/driver/worker"
)

const mib = 1 << 20

func TestOutOfMemoryHarmsNoNeighbour(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		limit := driver.Limits{Memory: 256 * mib}
		neighbour := own(t, limit, "hold", fmt.Sprint(32*mib))
		h := drivertest.Start(t, d, neighbour)
		greedy := own(t, limit, "hold", fmt.Sprint(512*mib))
		if e := drivertest.Run(t, d, greedy); e.Reason != driver.OutOfMemory || e.OK() {
			t.Errorf("greedy: %+v: %.300s", e, drivertest.Output(t, greedy, driver.Stderr))
		}
		if e := drivertest.Wait(t, h); !e.OK() || drivertest.Output(t, neighbour, driver.Stdout) != "held true\n" {
			t.Errorf("neighbour: %+v", e)
		}
	})
}

// A kill inside the tree counts, also when the command itself goes on.
func TestOutOfMemoryOfAChild(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		s := shell(t, driver.Limits{Memory: 256 * mib}, fmt.Sprintf("%s task hold %d; exit 0", exe, 512*mib))
		if e := drivertest.Run(t, d, s); e.Reason != driver.OutOfMemory || e.OK() {
			t.Errorf("%+v", e)
		}
	})
}

func TestForkBomb(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		marker := fmt.Sprintf("fork-bomb-%d", os.Getpid())
		// Bounded to a thousand, should nothing contain it.
		s := shell(t, driver.Limits{Processes: 40, Wall: 2 * time.Second},
			`i=0; while [ $i -lt 1000 ]; do (exec sh -c 'sleep 60; :' `+marker+`) & i=$((i+1)); done; wait`)
		h := drivertest.Start(t, d, s)
		most := 0
		for done := false; !done; {
			most = max(most, len(running(t, marker)))
			done = ended(h)
		}
		e := drivertest.Wait(t, h)
		switch {
		case strings.HasSuffix(t.Name(), "plain"):
			if e.Reason != driver.ProcessLimit {
				t.Errorf("%+v", e)
			}
		case most > 42: // the bomb's own shell and its worker carry the marker or not
			t.Errorf("%d processes at once", most)
		case e.Reason != driver.Timeout && e.Code == 0:
			t.Errorf("%+v", e)
		}
		if left := running(t, marker); len(left) > 0 {
			t.Errorf("still running: %v", left)
		}
	})
}

func ended(h driver.Handle) bool {
	_, err := os.Stat(filepath.Join(h.(*worker.Handle).Dir(), worker.Run, "status.json"))
	return err == nil
}

func TestGiantLine(t *testing.T) {
	d := newDriver(t, Options{})
	s := own(t, driver.Limits{Log: mib}, "line", "512")
	e := drivertest.Run(t, d, s)
	if !e.OK() || e.DroppedLog < 511*mib || e.DroppedLog > 512*mib-mib/2 {
		t.Errorf("%+v", e)
	}
	var kept int64
	files, err := os.ReadDir(filepath.Join(s.Dir, driver.Logs))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			kept += info.Size()
		}
	}
	if kept > mib || kept+e.DroppedLog != 512*mib {
		t.Errorf("kept %d, dropped %d", kept, e.DroppedLog)
	}
}

func TestOutputLimit(t *testing.T) {
	d := newDriver(t, Options{})
	for name, script := range map[string]string{
		"one file":      `head -c 5000000 /dev/zero > ../out/big`,
		"many files":    `i=0; while [ $i -lt 40 ]; do head -c 50000 /dev/zero > $i; i=$((i+1)); done`,
		"while it runs": `i=0; while :; do head -c 50000 /dev/zero > $i; i=$((i+1)); sleep 0.01; done`,
		"many names":    `while :; do mkdir d; cd d; done`,
		"no names":      `exec 3>a 4>b 5>c; rm a b c; for f in 3 4 5; do head -c 500000 /dev/zero >&$f; done; sleep 60`,
		"sparse":        `dd if=/dev/zero of=x bs=1 count=1 seek=900000 2>&1 && dd if=/dev/zero of=y bs=1 count=1 seek=900000 2>&1`,
	} {
		t.Run(name, func(t *testing.T) {
			if e := drivertest.Run(t, d, shell(t, driver.Limits{Output: mib}, script)); e.Reason != driver.OutputLimit {
				t.Errorf("%+v", e)
			}
		})
	}
	if e := drivertest.Run(t, d, shell(t, driver.Limits{Output: mib}, `head -c 1048576 /dev/zero > ../out/full`)); !e.OK() {
		t.Errorf("exactly the limit: %+v", e)
	}
}

// A scratch volume that is full ends its task, and no other one.
func TestScratchLimit(t *testing.T) {
	d := newDriver(t, Options{})
	fill := func(mebibytes int) driver.Spec {
		s := shell(t, driver.Limits{Output: mib}, fmt.Sprintf(`head -c %d /dev/zero > $DATA/x; while [ -e $DATA/x ]; do sleep 0.02; done`, mebibytes*mib))
		dir := t.TempDir()
		s.Mounts = []driver.Mount{{Source: dir, Target: dir, Size: 10 * mib}}
		s.Env = append(s.Env, "DATA="+dir)
		return s
	}
	fits := fill(9)
	neighbour := drivertest.Start(t, d, fits)
	s := fill(12)
	e := drivertest.Run(t, d, s)
	want := "scratch volume " + s.Mounts[0].Target + " is full: "
	if e.Reason != driver.VolumeFull || !strings.HasPrefix(e.Detail, want) || !strings.HasSuffix(e.Detail, " of 10Mi") || e.OK() {
		t.Errorf("%+v", e)
	}
	if err := os.Remove(filepath.Join(fits.Mounts[0].Source, "x")); err != nil {
		t.Error(err)
	}
	if e := drivertest.Wait(t, neighbour); !e.OK() {
		t.Errorf("the neighbour: %+v", e)
	}
}

// Scratch space belongs to whom the task runs as.
func TestScratchOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can run tasks as another user")
	}
	const nobody = 65534
	d := newDriver(t, Options{User: &User{UID: nobody, GID: nobody}})
	s := shell(t, driver.Limits{}, `echo mine > $DATA/x`)
	base, err := os.MkdirTemp("/tmp", "drover-scratch-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	s.Dir = filepath.Join(base, "task")
	dir := filepath.Join(base, "data")
	if err := errors.Join(os.Chmod(base, 0o711), os.Mkdir(s.Dir, 0o711), os.Mkdir(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	s.Mounts = []driver.Mount{{Source: dir, Target: dir, Size: mib}}
	s.Env = append(s.Env, "DATA="+dir)
	if e := drivertest.Run(t, d, s); !e.OK() {
		t.Errorf("%+v, %s", e, drivertest.Output(t, s, driver.Stderr))
	}
}

func TestTimeout(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		e := drivertest.Run(t, d, shell(t, driver.Limits{Wall: 100 * time.Millisecond}, `trap '' TERM; while :; do :; done`))
		if e.Reason != driver.Timeout || e.Wall < 100*time.Millisecond || e.OK() {
			t.Errorf("%+v", e)
		}
	})
}

func TestKilledWorkerTakesItsTreeAlong(t *testing.T) {
	each(t, func(t *testing.T, d *Driver) {
		marker := sleeper(3)
		s := shell(t, driver.Limits{}, fmt.Sprintf("%s & %s", marker, marker))
		h := drivertest.Start(t, d, s)
		drivertest.Eventually(t, "the tree runs", func() bool { return len(running(t, marker)) >= 2 })
		if err := syscall.Kill(h.Identity().PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if e := drivertest.Wait(t, h); e.Reason != driver.Lost || e.Code != -1 {
			t.Errorf("%+v", e)
		}
		drivertest.Eventually(t, "the tree is gone", func() bool { return len(running(t, marker)) == 0 })
		// A later agent hears the same.
		again, err := d.Adopt(t.Context(), s.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if e := drivertest.Wait(t, again); e.Reason != driver.Lost {
			t.Errorf("adopted: %+v", e)
		}
	})
}

// Nobody can adopt a task without its directory, so it must not run for ever.
func TestRemovedDirectoryEndsTheTask(t *testing.T) {
	d := newDriver(t, Options{})
	marker := sleeper(4)
	s := shell(t, driver.Limits{}, marker)
	h := drivertest.Start(t, d, s)
	drivertest.Eventually(t, "the task runs", func() bool { return len(running(t, marker)) > 0 })
	if err := os.RemoveAll(s.Dir); err != nil {
		t.Fatal(err)
	}
	if e := drivertest.Wait(t, h); e.OK() {
		t.Errorf("%+v", e)
	}
	if left := running(t, marker); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
}
