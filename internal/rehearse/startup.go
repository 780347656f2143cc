package rehearse

import (
	"fmt"
	"slices"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/twin"
)

// drivers are those that tasks of a rehearsal may be of.
func drivers() []string { return []string{api.DriverNoop, api.DriverProcess, api.DriverWASM} }

// ParseStartup reads how long tasks take to start: "200ms" for all, "2s/200ms" for
// all when cold and when warm, or by driver: "wasm=50ms/5ms,process=20ms". A time
// for all holds for the drivers that are not named. "" is no time.
func ParseStartup(text string) (map[string]twin.Startup, error) {
	out := map[string]twin.Startup{}
	for _, part := range strings.Split(text, ",") {
		if part == "" {
			continue
		}
		driver, times, named := strings.Cut(part, "=")
		if !named {
			driver, times = "", part
		}
		if named && !slices.Contains(drivers(), driver) {
			return nil, fmt.Errorf("%.40q is no driver: it is one of %s", driver, strings.Join(drivers(), ", "))
		}
		s, err := startup(times)
		if err != nil {
			return nil, err
		}
		if _, twice := out[driver]; twice {
			return nil, fmt.Errorf("%.80q says the same twice", text)
		}
		out[driver] = s
	}
	all := out[""]
	delete(out, "")
	for _, d := range drivers() {
		if _, ok := out[d]; !ok && all != (twin.Startup{}) {
			out[d] = all
		}
	}
	return out, nil
}

// startup reads COLD/WARM, or one time for both.
func startup(text string) (s twin.Startup, err error) {
	cold, warm, two := strings.Cut(text, "/")
	if !two {
		warm = cold
	}
	for _, v := range []struct {
		text string
		to   *api.Duration
	}{{cold, &s.Cold}, {warm, &s.Warm}} {
		if *v.to, err = api.ParseDuration(v.text); err != nil {
			return s, fmt.Errorf("%.40q is no time to start: write for example 200ms, or 2s/200ms for a cold and a warm start", text)
		}
		if *v.to < 0 || *v.to > api.Day {
			return s, fmt.Errorf("a start takes from 0s to 1d, not %s", *v.to)
		}
	}
	return s, nil
}
