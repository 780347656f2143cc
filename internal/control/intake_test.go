package control_test

import (
	"fmt"
	"slices"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/control"
	"pgregory.net/rapid"
)

func smallIntake() *control.Intake[string] {
	return control.NewIntake[string](control.IntakeLimits{Messages: 3, Bytes: 100, Rate: 100, Burst: 200, Cost: 10, Nodes: 4})
}

// A slow message of one node holds back that node's next ones only.
func TestNodesTakeTurnsAndKeepTheirOrder(t *testing.T) {
	in := smallIntake()
	for _, m := range []string{"a1", "a2", "a3", "b1", "c1"} {
		if !in.Put(m[:1], 1, m, 0) {
			t.Fatalf("%s was dropped", m)
		}
	}
	var got []string
	_, slow, _ := in.Next() // a1 hangs
	for node, m, ok := in.Next(); ok; node, m, ok = in.Next() {
		got = append(got, m)
		in.Done(node)
	}
	if want := []string{"b1", "c1"}; slow != "a1" || !slices.Equal(got, want) {
		t.Errorf("while %s hangs, %v are served; want %v", slow, got, want)
	}
	in.Done("a")
	for _, want := range []string{"a2", "a3"} {
		if _, m, _ := in.Next(); m != want {
			t.Errorf("got %s, want %s", m, want)
		}
		in.Done("a")
	}
}

func TestANodeIsHeldToItsLimits(t *testing.T) {
	for name, c := range map[string]struct {
		sizes []int
		taken int
	}{
		"too many that wait":  {[]int{1, 1, 1, 1}, 3},
		"too much that waits": {[]int{50, 50, 1}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			in := smallIntake()
			taken := 0
			for _, size := range c.sizes {
				if in.Put("a", size, "", 0) {
					taken++
				}
			}
			if taken != c.taken || in.Dropped() != uint64(len(c.sizes)-taken) {
				t.Errorf("%d taken, %d dropped; want %d taken", taken, in.Dropped(), c.taken)
			}
			if !in.Put("b", 50, "", 0) {
				t.Error("another node suffers")
			}
		})
	}
}

func TestTheBucketFillsAgain(t *testing.T) {
	in := smallIntake()
	now := api.Duration(0)
	for in.Admit("a", 10, now) {
	}
	if in.Admit("a", 10, now+api.Second/10) {
		t.Error("10 bytes came in, 20 were spent")
	}
	if !in.Admit("a", 10, now+api.Second/5) {
		t.Error("20 bytes have come in")
	}
}

func TestForgottenNodesMakeRoom(t *testing.T) {
	in := smallIntake()
	for i := range 4 {
		in.Admit(fmt.Sprint("n", i), 100, 0)
	}
	if in.Admit("late", 1, 0) {
		t.Error("a fifth node is remembered")
	}
	if !in.Admit("late", 1, 2*api.Second) {
		t.Error("nodes that were quiet for long are remembered")
	}
}

// Whatever is sent and served, a node's messages come out in order, once each,
// never two at a time, and nothing that was taken is lost.
func TestIntakeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := control.NewIntake[int](control.IntakeLimits{Messages: 4, Bytes: 1000, Rate: 1000, Burst: 2000, Cost: 1, Nodes: 8})
		var now api.Duration
		sent, want, busy := 0, map[string][]int{}, map[string]bool{}
		node := rapid.StringMatching("[abc]")
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				n := node.Draw(t, "node")
				if sent++; in.Put(n, rapid.IntRange(0, 400).Draw(t, "size"), sent, now) {
					want[n] = append(want[n], sent)
				}
			},
			"next": func(t *rapid.T) {
				n, m, ok := in.Next()
				if !ok {
					for n, list := range want {
						if len(list) > 0 && !busy[n] {
							t.Fatalf("%d of node %s are never served", len(list), n)
						}
					}
					return
				}
				if busy[n] || m != want[n][0] {
					t.Fatalf("got %d of node %s (busy %v), want %v", m, n, busy[n], want[n])
				}
				busy[n], want[n] = true, want[n][1:]
			},
			"done": func(t *rapid.T) {
				n := node.Draw(t, "node")
				in.Done(n)
				busy[n] = false
			},
			"wait": func(t *rapid.T) { now += api.Second / 3 },
		})
	})
}
