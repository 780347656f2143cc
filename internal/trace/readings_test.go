package trace_test

import (
	"math"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/trace"
)

func TestReadings(t *testing.T) {
	got, err := trace.Readings(strings.NewReader("t_ms_since_start,power_w\n30000,22008\n60000,\n90000,-1.5\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0] != (trace.Reading{At: 30 * api.Second, Value: 22008}) || !math.IsNaN(got[1].Value) || got[2].Value != -1.5 {
		t.Errorf("readings are %v", got)
	}
	got, err = trace.Readings(strings.NewReader("t_s,watts\n30,7\n"))
	if err != nil || len(got) != 1 || got[0].At != 30*api.Second {
		t.Errorf("in seconds: %v, %v", got, err)
	}
	for text, want := range map[string]string{
		"":                            "line 1: there is no header",
		"time,power\n1,2\n":           `line 1: its header is "time,power"`,
		"t_ms,w\n1,2\n1,3\n":          "line 3: its time is not later",
		"t_ms,w\n1,2\nx,3\n":          `line 3: "x,3" is no time`,
		"t_ms,w\n1,2\n2,many\n":       `line 3: "many" is no number`,
		"t_ms,w\n-1,2\n":              "line 2",
		"t_s,w\n9223372036854775,1\n": "line 2",
		"t_ms,w\n1,Inf\n":             "no number",
	} {
		if _, err := trace.Readings(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
