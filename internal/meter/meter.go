// Package meter reads what a machine's energy meters count.
package meter

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
)

// Meter counts energy.
type Meter interface {
	// Read is the energy since the meter was opened, never less than before.
	Read() (api.Microjoules, error)
	// String says what is measured.
	String() string
}

var (
	_ Meter = (*RAPL)(nil)
	_ Meter = (*File)(nil)
)

// ErrNone says that a machine has no such meter.
var ErrNone = errors.New("this machine has no energy meter that can be read")

// RAPL is the running average power limit counters of x86 processors, as Linux shows
// them under /sys/class/powercap: the packages, and their memory where it is apart.
type RAPL struct {
	domains []*domain
	sum     api.Microjoules
}

// domain is a counter that begins again at its range.
type domain struct {
	name, file string
	last, most uint64
}

// OpenRAPL finds the counters below a root directory, "/" on a real machine. A counter
// that is missing is left out; one that may not be read is an error that says what to do.
func OpenRAPL(root string) (*RAPL, error) {
	base := filepath.Join(root, "sys/class/powercap")
	dirs, err := filepath.Glob(filepath.Join(base, "intel-rapl:*"))
	if err != nil {
		return nil, err
	}
	slices.Sort(dirs)
	var r RAPL
	var refused error
	for _, dir := range dirs {
		name := line(filepath.Join(dir, "name"))
		if !strings.HasPrefix(name, "package") && name != "dram" {
			continue // cores and graphics are parts of a package, psys is more than the machine's own
		}
		d := &domain{name: name, file: filepath.Join(dir, "energy_uj")}
		d.most, _ = strconv.ParseUint(line(filepath.Join(dir, "max_energy_range_uj")), 10, 64)
		switch d.last, err = d.read(); {
		case errors.Is(err, fs.ErrPermission):
			refused = fmt.Errorf("the counter %s may only be read by root: run the agent as root, or let its user read %s (Linux keeps it from others since CVE-2020-8694)", name, d.file)
		case err == nil:
			r.domains = append(r.domains, d)
		}
	}
	if len(r.domains) == 0 {
		return nil, cmp.Or(refused, fmt.Errorf("%w: nothing of use stands in %s", ErrNone, base))
	}
	return &r, nil
}

func line(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	text, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(text)
}

func (d *domain) read() (uint64, error) {
	b, err := os.ReadFile(d.file)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
}

// since is what a counter that shows now counted since the last time.
func (d *domain) since(now uint64) uint64 {
	switch {
	case now >= d.last:
		return now - d.last
	case d.most >= d.last: // it went round
		return d.most - d.last + now
	default: // it was set back, nobody knows from where
		return now
	}
}

// plus adds to a sum in µJ; one beyond the range, from a counter that is none, stays at
// its end instead of becoming negative.
func plus(sum api.Microjoules, more float64) api.Microjoules {
	const most = 1 << 62 // 1,281 GWh
	if more >= float64(most-sum) {
		return most
	}
	return sum + api.Microjoules(more)
}

// Read implements Meter. It must be called often enough that no counter goes round
// twice: at 200 W that is every 20 minutes.
func (r *RAPL) Read() (api.Microjoules, error) {
	var errs []error
	for _, d := range r.domains {
		now, err := d.read()
		if err != nil {
			errs = append(errs, fmt.Errorf("read the counter %s: %w", d.name, err))
			continue
		}
		r.sum = plus(r.sum, float64(d.since(now)))
		d.last = now
	}
	return r.sum, errors.Join(errs...)
}

// String names the counters.
func (r *RAPL) String() string {
	var names []string
	for _, d := range r.domains {
		names = append(names, d.name)
	}
	return "rapl: " + strings.Join(names, ", ")
}

// File is a counter that some other program writes to a file: a whole number of units
// that grows. When it becomes less, it begins anew.
type File struct {
	path string
	unit float64 // in µJ
	last float64
	sum  api.Microjoules
}

// units of a file's counter, in µJ.
var units = map[string]float64{"uJ": 1, "mJ": 1e3, "J": 1e6, "Wh": 3.6e9, "kWh": 3.6e12}

// OpenFile opens the counter in a file; unit is uJ, mJ, J, Wh or kWh.
func OpenFile(path, unit string) (*File, error) {
	f := &File{path: path, unit: units[unit]}
	if f.unit == 0 {
		return nil, fmt.Errorf("%.20q is no unit of an energy counter: it is uJ, mJ, J, Wh or kWh", unit)
	}
	var err error
	f.last, err = f.count()
	return f, err
}

func (f *File) count() (float64, error) {
	v, err := strconv.ParseFloat(line(f.path), 64)
	if err != nil || !(v >= 0 && v*f.unit < 1e19) {
		return 0, fmt.Errorf("read the energy counter in %s: its first line is no number that counts", f.path)
	}
	return v, nil
}

// Read implements Meter.
func (f *File) Read() (api.Microjoules, error) {
	now, err := f.count()
	if err != nil {
		return f.sum, err
	}
	if now < f.last {
		f.last = 0
	}
	f.sum = plus(f.sum, (now-f.last)*f.unit)
	f.last = now
	return f.sum, nil
}

// String names the file.
func (f *File) String() string { return "file " + f.path }

// Open opens a meter by how it is written: "rapl", or "file:PATH:UNIT".
func Open(text, root string) (Meter, error) {
	if text == "rapl" {
		return OpenRAPL(root)
	}
	if rest, ok := strings.CutPrefix(text, "file:"); ok {
		if at := strings.LastIndexByte(rest, ':'); at > 0 {
			return OpenFile(rest[:at], rest[at+1:])
		}
	}
	return nil, fmt.Errorf("%.80q is no meter: write rapl, or file:PATH:UNIT such as file:/run/meter:J", text)
}
