package main

import (
	"os"
	"runtime/debug"
)

// What a rehearsal may take before garbage is collected as eagerly as otherwise.
const (
	simulationGarbage = 400     // per cent of what is in use
	simulationMemory  = 3 << 30 // bytes
)

// simulating lets more garbage gather than usual: worlds in virtual time leave much
// behind and hold little, and collecting it was a fifth of their time. What GOGC and
// GOMEMLIMIT say goes first. The function that it returns ends it.
func simulating() func() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	percent, limit := debug.SetGCPercent(simulationGarbage), debug.SetMemoryLimit(simulationMemory)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}
