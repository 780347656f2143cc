package agent

import (
	"context"

	"drover.dev/api"
	"drover.dev/internal/agent/core"
)

// sleepMargin is how much longer than its operator says a machine may take to fall
// asleep before the agent takes it to be awake.
const sleepMargin = 5 * api.Second

// fallAsleep has the machine fall asleep as its operator says. Most often this process
// hears no more then until it is woken, or ends.
func (n *node) fallAsleep(ctx context.Context) {
	s := n.cfg.Sleeper
	if s == nil {
		n.post(core.Slept{})
		return
	}
	n.log.Info("the machine is to fall asleep")
	err := s.OnSleep.Run(ctx, n.self.Name)
	if err != nil {
		n.log.Warn("the machine does not fall asleep", "error", err)
	}
	n.post(core.Slept{OK: err == nil, Within: s.Down + sleepMargin})
}
