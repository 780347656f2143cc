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
	"time"

	"drover.dev/api"
)

// RAPL is the running average power limit counters of x86 processors, as Linux shows
// them under /sys/class/powercap: the packages, and their memory where it is apart.
type RAPL struct {
	domains []*domain
	sum     api.Microjoules
	now     func() time.Time
}

// domain is a counter that begins again at its range.
type domain struct {
	name, file string
	last, most uint64
	at         time.Time // when it showed last
}

// mostDomain is more than a package or its memory draws, in W: the largest processors
// are sold with about 500.
const mostDomain = 2000

// OpenRAPL finds the counters below a root directory, "/" on a real machine. A counter
// that is missing is left out; one that may not be read is an error that says what to do.
func OpenRAPL(root string) (*RAPL, error) { return openRAPL(root, time.Now) }

func openRAPL(root string, now func() time.Time) (*RAPL, error) {
	base := filepath.Join(root, "sys/class/powercap")
	dirs, err := filepath.Glob(filepath.Join(base, "intel-rapl:*"))
	if err != nil {
		return nil, err
	}
	slices.Sort(dirs)
	r := RAPL{now: now}
	var refused error
	for _, dir := range dirs {
		name := line(filepath.Join(dir, "name"))
		if !strings.HasPrefix(name, "package") && name != "dram" {
			continue // cores and graphics are parts of a package, psys is more than the machine's own
		}
		d := &domain{name: name, file: filepath.Join(dir, "energy_uj"), at: now()}
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

func (d *domain) read() (uint64, error) {
	b, err := os.ReadFile(d.file)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
}

// since is the energy in µJ that a counter which shows now has counted since the last
// time. One that shows less went round if it was so near its range that no processor
// draws more than that takes; otherwise it was set back, by a driver that was loaded
// anew for instance, and what was drawn meanwhile nobody knows.
func (d *domain) since(now uint64, at time.Time) (uint64, error) {
	last, most := d.last, mostDomain*1e6*(at.Sub(d.at).Seconds()+1) // meters are refreshed now and then
	d.last, d.at = now, at
	counted := now - last
	if now < last {
		if d.most < last {
			return 0, fmt.Errorf("the counter %s was set back from %d to %d µJ: what was drawn meanwhile is not counted", d.name, last, now)
		}
		counted = d.most - last + now
	}
	if float64(counted) > most {
		return 0, fmt.Errorf("the counter %s was set from %d to %d µJ, which would be more than %d W: what was drawn meanwhile is not counted", d.name, last, now, mostDomain)
	}
	return counted, nil
}

// Read implements Meter. It must be called often enough that no counter goes round
// twice: at 200 W that is every 20 minutes.
func (r *RAPL) Read() (api.Microjoules, error) {
	var errs []error
	at := r.now()
	for _, d := range r.domains {
		now, err := d.read()
		if err != nil {
			errs = append(errs, fmt.Errorf("read the counter %s: %w", d.name, err))
			continue
		}
		counted, err := d.since(now, at)
		errs = append(errs, err)
		r.sum = plus(r.sum, float64(counted))
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
