package failpoint

import (
	"strings"
	"testing"
)

func names() []string { return []string{"agent.before-start", "agent.after-start"} }

func TestDiesAtItsTime(t *testing.T) {
	for text, want := range map[string]int{"agent.before-start": 1, "agent.before-start:3": 3} {
		p, err := New(text, names())
		if err != nil {
			t.Fatal(err)
		}
		died, passed := 0, 0
		p.die = func() { died = passed }
		for passed = 1; passed < 10; passed++ {
			p.At("agent.after-start")
			p.At("agent.before-start")
		}
		if died != want {
			t.Errorf("%s died at passage %d", text, died)
		}
	}
}

func TestNames(t *testing.T) {
	for _, bad := range []string{"agent.nowhere", "agent.", "agent", "agent.before-start:0", "agent.before-start:x", "agent.before-start:"} {
		if _, err := New(bad, names()); err == nil || !strings.Contains(err.Error(), Env) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, other := range []string{"", "server.before-append", "agents.x"} {
		p, err := New(other, names())
		if p != nil || err != nil {
			t.Errorf("%q: %v, %v", other, p, err)
		}
		p.At("server.before-append") // and goes on
	}
}
