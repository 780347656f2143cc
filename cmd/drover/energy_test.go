package main

import (
	"strings"
	"testing"

	"drover.dev/internal/rehearse"
)

func TestShiftFlags(t *testing.T) {
	good := rehearse.ShiftPlan{Objective: rehearse.ObjectiveCarbon}
	for name, tc := range map[string]struct {
		spoil func(p *rehearse.ShiftPlan)
		start string
		says  string
	}{
		"objective": {func(p *rehearse.ShiftPlan) { p.Objective = "fame" }, "", "carbon, cost or balanced"},
		"slack":     {func(p *rehearse.ShiftPlan) { p.Slack = -1 }, "", "0 to 1000h"},
		"stop cost": {func(p *rehearse.ShiftPlan) { p.StopCost = -1 }, "", "0 to 24h"},
		"capacity":  {func(p *rehearse.ShiftPlan) { p.Capacity = -1 }, "", "0 for no limit"},
		"start":     {func(*rehearse.ShiftPlan) {}, "June", "no date"},
	} {
		p := good
		tc.spoil(&p)
		if err := shiftFlags(&p, tc.start); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := good
	if err := shiftFlags(&p, "2023-06-01"); err != nil || p.Start == 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestConsolidateFlags(t *testing.T) {
	for name, o := range map[string]consolidateOptions{
		"no day":         {policy: "lr-1.2"},
		"both":           {traces: "day.tar", policy: "lr-1.2", strategy: "consolidation"},
		"neither":        {traces: "day.tar"},
		"other strategy": {traces: "day.tar", strategy: "best-fit"},
		"other policy":   {traces: "day.tar", policy: "best"},
		"other select":   {traces: "day.tar", policy: "lr-1.2", selection: "last"},
	} {
		if _, err := o.chosen(); err == nil {
			t.Errorf("%s passes", name)
		}
	}
	o := consolidateOptions{traces: "day.tar", policy: "thr-0.7", selection: "rs", seed: 3}
	if p, err := o.chosen(); err != nil || p.Safety != 0.7 || p.Seed != 3 {
		t.Errorf("%+v, %v", p, err)
	}
}
