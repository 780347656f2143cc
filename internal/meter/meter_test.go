package meter_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/meter"
)

// machine is a fake tree of sysfs.
type machine struct {
	t    *testing.T
	root string
}

func (m machine) set(domain, file, text string) {
	m.t.Helper()
	dir := filepath.Join(m.root, "sys/class/powercap", domain)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text+"\n"), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) domain(id, name string, count uint64) {
	m.set(id, "name", name)
	m.set(id, "max_energy_range_uj", "1000000")
	m.set(id, "energy_uj", strconv.FormatUint(count, 10))
}

func (m machine) read(r meter.Meter) api.Microjoules {
	m.t.Helper()
	e, err := r.Read()
	if err != nil {
		m.t.Fatal(err)
	}
	return e
}

func TestRAPL(t *testing.T) {
	m := machine{t, t.TempDir()}
	m.domain("intel-rapl:0", "package-0", 100)
	m.domain("intel-rapl:0:0", "core", 50) // a part of the package
	m.domain("intel-rapl:0:1", "dram", 10)
	m.domain("intel-rapl:1", "package-1", 999_900)
	m.domain("intel-rapl:2", "psys", 7)
	m.set("intel-rapl:3", "name", "package-2") // without a counter
	r, err := meter.Open("rapl", meter.Options{Root: m.root})
	if err != nil {
		t.Fatal(err)
	}
	if s := r.String(); s != "rapl: package-0, dram, package-1" {
		t.Error(s)
	}
	if e := m.read(r); e != 0 {
		t.Errorf("%d at the start", e)
	}
	m.set("intel-rapl:0", "energy_uj", "150")
	m.set("intel-rapl:0:0", "energy_uj", "90")
	m.set("intel-rapl:0:1", "energy_uj", "15")
	m.set("intel-rapl:1", "energy_uj", "20") // went round: 100 to the range, and 20
	if e := m.read(r); e != 50+5+120 {
		t.Errorf("%d µJ, want 175", e)
	}
	if err := os.Remove(filepath.Join(m.root, "sys/class/powercap/intel-rapl:1/energy_uj")); err != nil {
		t.Fatal(err)
	}
	m.set("intel-rapl:0", "energy_uj", "160")
	if e, err := r.Read(); e != 185 || err == nil || !strings.Contains(err.Error(), "package-1") {
		t.Errorf("with a counter gone %d µJ, %v", e, err)
	}
}

// TestRAPLSetBack: a counter that shows less went round if it was near its range, else
// it was set back, and nobody knows what was drawn.
func TestRAPLSetBack(t *testing.T) {
	const most = 262_143_328_850 // what packages of servers have, 262 kJ
	m, clock := machine{t, t.TempDir()}, time.Unix(1e9, 0)
	m.domain("intel-rapl:0", "package-0", most-1e9)
	m.set("intel-rapl:0", "max_energy_range_uj", strconv.Itoa(most))
	r, err := meter.OpenRAPLAt(m.root, func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name  string
		pass  time.Duration
		shows uint64
		want  api.Microjoules
		says  string
	}{
		{"went round in 10 s at 200 W", 10 * time.Second, 1e9, 2e9, ""},
		{"set to nothing by a driver that was loaded anew", 10 * time.Second, 5e5, 2e9, "more than 2000 W"},
		{"counts on from there", 10 * time.Second, 5e5 + 1e9, 3e9, ""},
		{"jumps ahead", time.Second, 200e9, 3e9, "set from"},
		{"an hour without a look may be a round", time.Hour, 150e9, 3e9 + (most - 50e9), ""},
	} {
		clock = clock.Add(step.pass)
		m.set("intel-rapl:0", "energy_uj", strconv.FormatUint(step.shows, 10))
		switch e, err := r.Read(); {
		case e != step.want:
			t.Errorf("%s: %d µJ, want %d", step.name, e, step.want)
		case step.says == "" && err != nil, step.says != "" && (err == nil || !strings.Contains(err.Error(), step.says)):
			t.Errorf("%s: it says %v", step.name, err)
		}
	}
}

func TestWithoutRAPL(t *testing.T) {
	if _, err := meter.OpenRAPL(t.TempDir()); !errors.Is(err, meter.ErrNone) {
		t.Error(err)
	}
}

func TestFileCounter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meter")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("1000\n")
	f, err := meter.Open("file:"+path+":J", meter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	write("1002.5 J\n")
	if _, err := f.Read(); err == nil {
		t.Error("a text counts")
	}
	for text, want := range map[string]api.Microjoules{"1002.5": 2_500_000} {
		write(text)
		if e, err := f.Read(); e != want || err != nil {
			t.Errorf("%s: %d, %v", text, e, err)
		}
	}
	write("3") // it began anew
	if e, err := f.Read(); e != 5_500_000 || err != nil {
		t.Errorf("%d, %v", e, err)
	}
	write("9e12") // no counter, but no sum that becomes negative either
	for range 3 {
		if e, err := f.Read(); e < 5_500_000 || err != nil {
			t.Errorf("%d, %v", e, err)
		}
		write("0")
		if _, err := f.Read(); err != nil {
			t.Error(err)
		}
		write("9e12")
	}
	for _, bad := range []string{"rapl2", "file:x", "file:" + path + ":horse", "file:/nowhere/at/all:J", ""} {
		if _, err := meter.Open(bad, meter.Options{Root: t.TempDir()}); err == nil {
			t.Errorf("%q opens", bad)
		}
	}
}
