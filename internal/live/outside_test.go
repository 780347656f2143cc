package live

import (
	"context"
	"errors"
	"testing"
	"time"

	"drover.dev/internal/bus"
	"drover.dev/internal/engine"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// Two servers on one outside NATS server: the later one takes over with all that
// was accepted, and the earlier one notices before it answers anybody.
func TestASecondServerTakesOver(t *testing.T) {
	outside, err := bus.Start(t.Context(), bus.Options{
		StoreDir: t.TempDir(), Port: -1,
		Authenticate: func(user, password string) (bus.Grant, bool) {
			return bus.ServerGrant(), user == "server" && password == "secret"
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(outside.Stop)
	cfg := Config{NATS: outside.URL(), NATSUser: "server", NATSPassword: "secret", AcceptUnsynced: true, AgentUser: "agent"}

	first := open(t, cfg)
	ended := make(chan error, 1)
	go func() { ended <- first.Run(context.WithoutCancel(t.Context())) }()
	<-first.Ready()
	do(t, first, submit(job("one", 1)))

	second := run(t, cfg)
	_, seq := do(t, second, submit(job("two", 1)))
	view(t, second, seq, func(st *state.State) {
		if st.Epoch != 2 || len(st.Workloads) != 2 {
			t.Errorf("epoch %d, %d workloads; want 2, 2", st.Epoch, len(st.Workloads))
		}
	})
	if _, _, err := first.Do(t.Context(), []engine.Input{submit(job("three", 1))}); !errors.Is(err, httpapi.ErrNotLeader) {
		t.Errorf("the first server answers %v, want ErrNotLeader", err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, ErrDeposed) {
			t.Errorf("the first server ended with %v, want ErrDeposed", err)
		}
	case <-time.After(wait):
		t.Fatal("the first server goes on")
	}
	must[int](t)(second.Audit(t.Context()))
}
