package live

import (
	"context"
	"log/slog"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/power"
)

// TestAHookThatHangsRunsOnce: however often its node is asked for, it takes the place of
// one hook, and others are woken beside it.
func TestAHookThatHangsRunsOnce(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	c := &Cell{log: slog.New(slog.DiscardHandler), cfg: Config{Wake: map[string]power.Waker{
		"hangs": {OnWake: power.Command{"/bin/sleep", "60"}},
		"works": {OnWake: power.Command{"/bin/true"}},
	}}}
	w := waking{cell: c, tried: map[string]try{}, busy: map[string]bool{}, done: make(chan string, wakersAtOnce)}
	for order := range api.Time(2 * wakersAtOnce) {
		w.look(ctx, []engine.Woken{{Node: "hangs", Since: order}})
	}
	w.look(ctx, []engine.Woken{{Node: "hangs", Since: 1 << 40}, {Node: "works", Since: 1}})
	if got := <-w.done; got != "works" || len(w.busy) != 2 {
		t.Errorf("the hook of %s ended, and %d were begun", got, len(w.busy))
	}
	stop()
	w.hooks.Wait()
	if got := <-w.done; got != "hangs" || len(w.done) != 0 {
		t.Errorf("the hook of %s ended, and %d more", got, len(w.done))
	}
}
