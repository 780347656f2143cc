package rehearse_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"drover.dev/internal/energy/consolidate"
	"drover.dev/internal/rehearse"
)

// archive is a day of machines, each at a steady use in percent.
func archive(t *testing.T, percents ...int) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, p := range percents {
		text := strings.Repeat(fmt.Sprintln(p), 288)
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("20110303/vm%d", i), Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestConsolidate(t *testing.T) {
	run := func(name string) *rehearse.ConsolidateReport {
		p, err := consolidate.ParsePolicy(name, consolidate.MMT)
		if err != nil {
			t.Fatal(err)
		}
		r, err := rehearse.RunConsolidate(t.Context(), rehearse.ConsolidatePlan{Traces: archive(t, 10, 20, 30, 10, 20, 30, 5, 5), Policy: p})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	still, ours := run("dvfs"), run(consolidate.Own)
	if still.VMs != 8 || still.Hosts != 800 || still.Migrations != 0 {
		t.Errorf("%+v", still)
	}
	if ours.EnergyKWh > 0.5*still.EnergyKWh || ours.SLATAH > 0.01 || ours.Migrations == 0 || ours.Migrations > 8 {
		t.Errorf("%+v, where hosts that stay on give %+v", ours, still)
	}
}

func TestConsolidateRefused(t *testing.T) {
	p := consolidate.Policy{Detect: consolidate.DVFS}
	for name, text := range map[string]*bytes.Buffer{
		"no archive": bytes.NewBufferString("10\n20\n"),
		"no machine": archive(t),
		"over 100 %": archive(t, 101),
	} {
		if _, err := rehearse.RunConsolidate(t.Context(), rehearse.ConsolidatePlan{Traces: text, Policy: p}); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
