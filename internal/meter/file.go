package meter

import (
	"fmt"
	"strconv"

	"drover.dev/api"
)

// File is a counter that some other program writes to a file: a whole number of units
// that grows. When it becomes less, it begins anew.
type File struct {
	path string
	unit float64 // in µJ
	last float64
	sum  api.Microjoules
}

// OpenFile opens the counter in a file; unit is uJ, mJ, J, Wh or kWh.
func OpenFile(path, unit string) (*File, error) {
	u, err := unitNamed(unit)
	if err != nil || u.power {
		return nil, fmt.Errorf("%.20q is no unit of an energy counter: it is uJ, mJ, J, Wh or kWh", unit)
	}
	f := &File{path: path, unit: u.size}
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
