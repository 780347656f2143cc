package agent

import (
	"time"

	"drover.dev/api"
	"golang.org/x/sys/unix"
)

// sinceBoot is the time since the machine booted, sleep included: it goes on
// across restarts of the agent, and a lease ends even while the machine sleeps.
func sinceBoot() api.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return api.Duration(time.Now().UnixNano())
	}
	return api.Duration(t.Nano())
}
