package bus

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Whoever tries what it may not do, again and again, does not fill the log.
func TestALogIsNotFlooded(t *testing.T) {
	var out bytes.Buffer
	b := &bridge{log: slog.New(slog.NewTextHandler(&out, nil))}
	start := time.Now()
	for range 1000 {
		b.Errorf("Publish Violation")
	}
	most := saidMost * (2 + int(time.Since(start)/time.Second)) // seconds begin while it speaks
	if n := strings.Count(out.String(), "Violation"); n < saidMost || n > most {
		t.Errorf("%d of 1000 lines are written, want %d to %d", n, saidMost, most)
	}
}

func TestWhatIsKeptBackIsCounted(t *testing.T) {
	b, now := &bridge{}, time.Unix(1000, 0)
	for i := range saidMost + 5 {
		if pass, kept := b.admit(now); pass != (i < saidMost) || kept != 0 {
			t.Errorf("line %d: pass %v, %d kept back", i, pass, kept)
		}
	}
	if pass, kept := b.admit(now.Add(time.Second)); !pass || kept != 5 {
		t.Errorf("a second later: pass %v, %d kept back, want 5", pass, kept)
	}
}
