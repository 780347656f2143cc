// Command drover is the server, the agent and the command line of Drover in one
// binary.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"drover.dev/internal/driver/process"
	"drover.dev/internal/driver/wasm"
	"drover.dev/internal/driver/worker"
)

func main() {
	// A worker of a task is this binary again: nothing may come before.
	worker.Main(append(process.Kinds(), wasm.Kinds()...)...)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := newApp().run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
