package agent

import (
	"os"
	"strconv"

	"drover.dev/api"
)

// writeLease tells the workers of tasks marked atMostOnce until when they may
// run, in time since boot: they stop by themselves when the agent is gone. It
// needs no sync, since a machine that goes down takes the tasks with it.
func writeLease(path string, until api.Duration) error {
	next := path + ".next"
	if err := os.WriteFile(next, strconv.AppendInt(nil, int64(until), 10), 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
