//go:build !linux

package agent

import (
	"time"

	"drover.dev/api"
)

// sinceBoot is the wall clock where there is no clock that counts since boot.
func sinceBoot() api.Duration { return api.Duration(time.Now().UnixNano()) }
