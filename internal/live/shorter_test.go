package live

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// streams is a way to the streams of an outside server that passes by Drover.
func streams(t *testing.T, cfg Config) jetstream.JetStream {
	t.Helper()
	nc := must[*nats.Conn](t)(nats.Connect(cfg.NATS, nats.UserInfo(cfg.NATSUser, cfg.NATSPassword)))
	t.Cleanup(nc.Close)
	return must[jetstream.JetStream](t)(jetstream.New(nc))
}

// stored counts the records that an outside server has ever stored.
func stored(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	name := must[string](t)(js.StreamNameBySubject(t.Context(), "drover.journal.drover"))
	return must[jetstream.Stream](t)(js.Stream(t.Context(), name)).CachedInfo().State.LastSeq
}

// TestALeaderOfAJournalThatBecameShorterFallsMute: what it acknowledged does not stand any
// more, so nodes and users must not hear of it from this server.
func TestALeaderOfAJournalThatBecameShorterFallsMute(t *testing.T) {
	cfg := outside(t)
	c := run(t, named(cfg, "first"))
	role(t, c, "leader")
	do(t, c, submit(job("one", 1)))
	if !c.cluster.acts() {
		t.Fatal("it does not act while all is well")
	}

	js := streams(t, cfg)
	for name := range js.StreamNames(t.Context()).Name() {
		s := must[jetstream.Stream](t)(js.Stream(t.Context(), name))
		same := s.CachedInfo().Config
		if err := js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		must[jetstream.Stream](t)(js.CreateStream(t.Context(), same))
	}
	for deadline := time.Now().Add(wait); c.cluster.acts(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it goes on acting for a journal that does not hold what it acknowledged")
		}
	}
}
