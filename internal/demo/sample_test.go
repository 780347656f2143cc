package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A recorder keeps what is written, and calls after with the number of rows so far, before Sample reads again.
type recorder struct {
	text  strings.Builder
	rows  int
	after func(rows int) error
}

func (r *recorder) Write(p []byte) (int, error) {
	n, err := r.text.Write(p)
	r.rows++
	if err != nil || r.after == nil {
		return n, err
	}
	return n, r.after(r.rows - 1)
}

// TestSample runs in virtual time over a machine that gets 30 busy and 10 idle ticks between readings.
func TestSample(t *testing.T) {
	root := fixture(t, "idle")
	machine := func(rows int) error {
		stat := fmt.Sprintf("cpu %d 0 0 %d\nctxt %d\n", 1000+30*(rows+1), 8000+10*(rows+1), 500+7*(rows+1))
		return os.WriteFile(filepath.Join(root, "stat"), []byte(stat), 0o644)
	}
	if err := machine(-1); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		out := &recorder{after: machine}
		if err := Sample(t.Context(), root, 100*time.Millisecond, 300*time.Millisecond, out); err != nil {
			t.Fatal(err)
		}
		want := SampleHeader + "\n" +
			"100,75.00,4194304000,16777216000,0.52,507\n" +
			"200,75.00,4194304000,16777216000,0.52,514\n" +
			"300,75.00,4194304000,16777216000,0.52,521\n"
		if out.text.String() != want {
			t.Errorf("got\n%swant\n%s", out.text.String(), want)
		}
	})
}

func TestSampleLeavesOutWhatTheKernelDoesNotTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &recorder{}
		if err := Sample(t.Context(), filepath.Join("testdata", "sandbox"), time.Second, time.Second, out); err != nil {
			t.Fatal(err)
		}
		if want := SampleHeader + "\n1000,,319488000,524288000,,\n"; out.text.String() != want {
			t.Errorf("got %q, want %q", out.text.String(), want)
		}
	})
}

func TestSampleSkipsTicksItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &recorder{after: func(rows int) error {
			if rows == 1 {
				time.Sleep(250 * time.Millisecond) // a slow disk: the ticks at 200 and 300 come at once
			}
			return nil
		}}
		if err := Sample(t.Context(), filepath.Join("testdata", "idle"), 100*time.Millisecond, 500*time.Millisecond, out); err != nil {
			t.Fatal(err)
		}
		var times []string
		for _, line := range strings.Split(strings.TrimSpace(out.text.String()), "\n")[1:] {
			at, _, _ := strings.Cut(line, ",")
			times = append(times, at)
		}
		if got := strings.Join(times, " "); got != "100 350 400 500" {
			t.Errorf("rows at %s ms, want 100 350 400 500", got)
		}
	})
}

func TestSampleEndsOnErrors(t *testing.T) {
	full := errors.New("disk full")
	root := filepath.Join("testdata", "idle")
	cases := map[string]struct {
		root          string
		every, length time.Duration
		after         func(cancel context.CancelFunc, rows int) error
		want          error
	}{
		"cancelled": {root, time.Second, time.Minute, func(cancel context.CancelFunc, rows int) error {
			if rows == 2 {
				cancel()
			}
			return nil
		}, context.Canceled},
		"header not written": {root, time.Second, time.Minute, func(context.CancelFunc, int) error { return full }, full},
		"row not written": {root, time.Second, time.Minute, func(_ context.CancelFunc, rows int) error {
			if rows == 1 {
				return full
			}
			return nil
		}, full},
		"no proc": {"testdata/none", time.Second, time.Minute, nil, fs.ErrNotExist},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				out := &recorder{}
				if c.after != nil {
					out.after = func(rows int) error { return c.after(cancel, rows) }
				}
				if err := Sample(ctx, c.root, c.every, c.length, out); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			})
		})
	}
}

func TestSampleRefusesAbsurdTimes(t *testing.T) {
	for _, c := range [][2]time.Duration{{0, time.Second}, {-1, time.Second}, {time.Millisecond, time.Second}, {time.Second, time.Millisecond}, {time.Second, 2 * time.Hour}} {
		out := &recorder{}
		if err := Sample(t.Context(), filepath.Join("testdata", "idle"), c[0], c[1], out); err == nil || out.rows > 0 {
			t.Errorf("every %v for %v: error %v after %d lines, want an error at once", c[0], c[1], err, out.rows)
		}
	}
}

func TestBusyPercentOfCountersThatRunBack(t *testing.T) {
	a, b := reading{cpuTotal: 100, cpuIdle: 50}, reading{cpuTotal: 200, cpuIdle: 40}
	if got := field(busyPercent(a, b), 2); got != "" {
		t.Errorf("idle time ran back, yet use is %s", got)
	}
	if got := field(busyPercent(b, a), 2); got != "" {
		t.Errorf("all time ran back, yet use is %s", got)
	}
}

// TestSampleThisMachine needs nothing but a kernel with /proc.
func TestSampleThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc on " + runtime.GOOS)
	}
	out := &recorder{}
	if err := Sample(t.Context(), "/proc", 20*time.Millisecond, 60*time.Millisecond, out); err != nil {
		t.Fatal(err)
	}
	if out.rows < 2 {
		t.Errorf("no row:\n%s", out.text.String())
	}
}
