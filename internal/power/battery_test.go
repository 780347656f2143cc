package power

import (
	"strings"
	"testing"

	"drover.dev/api"
)

func TestChargerFiles(t *testing.T) {
	c, err := ReadChargers(file(t, 0o600, "sites:\n  bonn: {onSet: [/usr/local/bin/inverter, --unit, \"3\"]}\n"))
	if err != nil || len(c.Sites["bonn"].OnSet) != 3 {
		t.Errorf("%+v, %v", c, err)
	}
	for text, want := range map[string]string{
		"sites: {bonn: {}}":                       "sites.bonn.onSet",
		"sites: {bonn: {onSet: [inverter]}}":      "whole path",
		"sites: {bonn: {onSat: [/bin/true]}}":     "unknown field",
		"batteries: {bonn: {onSet: [/bin/true]}}": "unknown field",
	} {
		if _, err := ReadChargers(file(t, 0o600, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := ReadChargers(file(t, 0o666, "sites: {}")); err == nil || !strings.Contains(err.Error(), "others can write") {
		t.Errorf("a file that others can write: %v", err)
	}
}

// TestSet: a hook gets the set-point in W, and nothing of the environment; its last line
// may say how full the battery is.
func TestSet(t *testing.T) {
	t.Setenv("SECRET", "s")
	b := &api.Battery{Capacity: 36e12}
	for _, tc := range []struct {
		name, script, want string
		level              api.Microjoules // -1: it says nothing
	}{
		{"says nothing", `[ "$1 $DROVER_WATTS $DROVER_SITE $SECRET" = "-1500.5 -1500.5 bonn " ]`, "", -1},
		{"kWh", `echo hello; echo '{"kWh": 2.5}'`, "", 9e12},
		{"per cent", `printf '{"percent": 100}'`, "", 36e12},
		{"full, as meters go", `echo '{"kWh": 10.2}'`, "", 36e12},
		{"much before it", `i=0; while [ $i -lt 300 ]; do echo 0123456789; i=$((i+1)); done; echo '{"kWh": 0}'`, "", 0},
		{"more than it can", `echo '{"kWh": 25}'`, "cannot hold", -1},
		{"less than nothing", `echo '{"percent": -1}'`, "cannot hold", -1},
		{"both", `echo '{"kWh": 1, "percent": 10}'`, "one of", -1},
		{"something else", `echo '{"soc": 1}'`, "unknown field", -1},
		{"fails", `echo no bus >&2; exit 1`, "no bus", -1},
	} {
		got, err := Charger{Command{"/bin/sh", "-c", tc.script, "hook"}}.Set(t.Context(), "bonn", -1_500_500)
		level := api.Microjoules(-1)
		if err == nil && got != nil {
			if level, err = got.Level(b); err != nil {
				level = -1
			}
		}
		if level != tc.level || (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %d, %v; want %d, %q", tc.name, level, err, tc.level, tc.want)
		}
	}
}
