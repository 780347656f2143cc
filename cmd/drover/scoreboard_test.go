package main

import "testing"

// TestScoreboard: every measurement belongs to a row, and says on which data, when
// and by which command it was made.
func TestScoreboard(t *testing.T) {
	rows, err := measure(scores())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range rows {
		if r.Measured == "" {
			continue
		}
		n++
		if r.Bound == "" || r.Data == "" || r.Date == "" || r.Command == "" || r.Aim == "" {
			t.Errorf("%+v", r)
		}
	}
	if n == 0 {
		t.Error("no row has a measurement")
	}
}
