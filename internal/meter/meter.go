// Package meter reads what a machine's energy meters count: counters of the machine
// itself, and readings of others that come over the network.
package meter

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"drover.dev/api"
)

// Meter counts energy. One that holds connections is an io.Closer, too.
type Meter interface {
	// Read is the energy since the meter was opened, never less than before. With an
	// error, some of what was drawn since the last time may be missing in it.
	Read() (api.Microjoules, error)
	// String says what is measured.
	String() string
}

var (
	_ Meter = (*RAPL)(nil)
	_ Meter = (*File)(nil)
	_ Meter = (*Prometheus)(nil)
	_ Meter = (*Subject)(nil)
)

// ErrNone says that a machine has no such meter.
var ErrNone = errors.New("this machine has no energy meter that can be read")

// Options are what meters need to know of their machine.
type Options struct {
	// Root is the directory that sysfs is mounted below, "/" on a real machine.
	Root string
	// Power is what the machine declares that it draws; nil is not known. Readings that
	// are far from it are in another unit.
	Power *api.PowerModel
}

// Open opens a meter by how it is written: "rapl", "file:PATH:UNIT", or the path of a
// [Config] that ends in .yaml or .yml.
func Open(text string, o Options) (Meter, error) {
	if text == "rapl" {
		return OpenRAPL(o.Root)
	}
	if rest, ok := strings.CutPrefix(text, "file:"); ok {
		if at := strings.LastIndexByte(rest, ':'); at > 0 {
			return OpenFile(rest[:at], rest[at+1:])
		}
	}
	if strings.HasSuffix(text, ".yaml") || strings.HasSuffix(text, ".yml") {
		c, err := ReadConfig(text)
		if err != nil {
			return nil, fmt.Errorf("read the meter's settings %s: %w", text, err)
		}
		return c.Open(o)
	}
	return nil, fmt.Errorf("%.80q is no meter: write rapl, file:PATH:UNIT such as file:/run/meter:J, or the path of a .yaml file that declares one", text)
}

func line(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	text, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(text)
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
