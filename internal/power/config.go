// Package power switches machines off and on as their operators say: with a command,
// which no shell reads, or for waking with a magic packet (Wake-on-LAN). What is run
// stands in files of the operator, never in what tenants submit.
package power

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"drover.dev/api"
	"github.com/goccy/go-yaml"
	"golang.org/x/sys/unix"
)

// Sleeper is how a machine falls asleep, as the file of its agent says.
type Sleeper struct {
	OnSleep Command `json:"onSleep"`
	// What api.Sleep says, in W, in time and in J.
	Watts       float64      `json:"watts"`
	Down        api.Duration `json:"down"`
	Up          api.Duration `json:"up"`
	SleepJoules float64      `json:"sleepJoules"`
	WakeJoules  float64      `json:"wakeJoules"`
}

// Waker is how a machine is woken: by a command, or by a magic packet to MAC.
type Waker struct {
	OnWake    Command `json:"onWake"`
	MAC       string  `json:"mac"`
	Broadcast string  `json:"broadcast"` // host:port that the packet goes to; default 255.255.255.255:9
}

// Wakers are those that a server knows, by node.
type Wakers struct {
	Nodes map[string]Waker `json:"nodes"`
}

// Limits of what files may say.
const (
	maxFile    = 1 << 20
	maxWakers  = 100_000
	maxArgs    = 64
	maxCommand = 8 << 10 // bytes of all arguments
)

// ReadSleeper reads the file of an agent. The error names what is wrong.
func ReadSleeper(path string) (*Sleeper, error) {
	var s Sleeper
	err := read(path, &s)
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return nil, fmt.Errorf("how this machine falls asleep, %s: %w", path, err)
	}
	return &s, nil
}

// ReadWakers reads the file of a server.
func ReadWakers(path string) (*Wakers, error) {
	var w Wakers
	err := read(path, &w)
	if err == nil {
		err = w.check()
	}
	if err != nil {
		return nil, fmt.Errorf("how nodes are woken, %s: %w", path, err)
	}
	return &w, nil
}

// read refuses a file that others could write or replace: what it names is run.
func read(path string, v any) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a pipe must not hold us up
	if err != nil {
		return err
	}
	defer f.Close()
	if err := ours(f); err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return err
	}
	if len(b) > maxFile {
		return fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return yaml.UnmarshalWithOptions(b, v, yaml.DisallowUnknownField())
}

// ours reports why somebody else than the user of this process and root could say what a
// file says: by writing it, or by putting another one in its place.
func ours(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	mode := os.FileMode(st.Mode & 0o777)
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return errors.New("it is not a regular file")
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("user %d owns it, and what it names is run: have root or user %d own it", st.Uid, os.Geteuid())
	case mode&0o022 != 0:
		return fmt.Errorf("others can write it (mode %v), and what it names is run: make it 0644 or less", mode)
	}
	real, err := filepath.EvalSymlinks(f.Name())
	if err != nil {
		return err
	}
	dir := filepath.Dir(real)
	if err := unix.Stat(dir, &st); err != nil {
		return &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if mode := os.FileMode(st.Mode & 0o777); mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0 {
		return fmt.Errorf("others can replace it, as they can write %s (mode %v), and what it names is run: make the folder 0755 or less", dir, mode)
	}
	return nil
}

func (s *Sleeper) check() error {
	spec := s.Spec()
	n := api.Node{Name: "n", Site: "s", Layer: api.LayerCloud, Sleep: spec}
	var errs []error
	for _, f := range n.Validate() {
		errs = append(errs, fmt.Errorf("%s: %s", f.Path, f.Message))
	}
	for _, v := range [...]struct {
		name        string
		value, most float64
	}{{"watts", s.Watts, 1e6}, {"sleepJoules", s.SleepJoules, 3.6e8}, {"wakeJoules", s.WakeJoules, 3.6e8}} {
		if !(v.value >= 0 && v.value <= v.most) {
			errs = append(errs, fmt.Errorf("%s: %v is out of range: 0 to %g", v.name, v.value, v.most))
		}
	}
	return errors.Join(append(errs, s.OnSleep.check("onSleep"))...)
}

// Spec is what the node registers with.
func (s *Sleeper) Spec() *api.Sleep {
	return &api.Sleep{
		Draw: int64(s.Watts * 1000), Down: s.Down, Up: s.Up,
		DownEnergy: api.Microjoules(s.SleepJoules * 1e6), UpEnergy: api.Microjoules(s.WakeJoules * 1e6),
	}
}

func (w *Wakers) check() error {
	if len(w.Nodes) > maxWakers {
		return fmt.Errorf("nodes: it names %d, at most %d may be", len(w.Nodes), maxWakers)
	}
	var errs []error
	for name, one := range w.Nodes {
		if err := one.check(); err != nil {
			errs = append(errs, fmt.Errorf("nodes.%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (w *Waker) check() error {
	if (w.MAC == "") == (len(w.OnWake) == 0) {
		return errors.New("write either onWake, a command with its arguments, or mac")
	}
	if w.MAC == "" {
		return w.OnWake.check("onWake")
	}
	if mac, err := net.ParseMAC(w.MAC); err != nil || len(mac) != 6 {
		return fmt.Errorf("mac: %q is not an address of six bytes: write for example 00:1b:21:3c:4d:5e", w.MAC)
	}
	if w.Broadcast != "" {
		if _, _, err := net.SplitHostPort(w.Broadcast); err != nil {
			return fmt.Errorf("broadcast: %q is not host:port: write for example 192.168.1.255:9", w.Broadcast)
		}
	}
	return nil
}

// check wants a program by its whole path, so that it does not matter who changed PATH.
func (c Command) check(field string) error {
	size := 0
	for _, a := range c {
		size += len(a)
	}
	switch {
	case len(c) == 0:
		return fmt.Errorf("%s: is missing: write a command with its arguments, for example [/usr/bin/systemctl, suspend]", field)
	case !filepath.IsAbs(c[0]):
		return fmt.Errorf("%s: %q is not the whole path of a program", field, c[0])
	case len(c) > maxArgs || size > maxCommand:
		return fmt.Errorf("%s: it has %d arguments of %d bytes: at most %d of %d may be", field, len(c), size, maxArgs, maxCommand)
	}
	return nil
}
