package control_test

import (
	"fmt"
	"slices"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/control"
	"drover.dev/internal/engine"
	"pgregory.net/rapid"
)

// label says which lane an item came from, and as which one.
type label struct {
	lane string
	n    int
}

func items(lane string, from, n, size int) []control.Item[label] {
	out := make([]control.Item[label], n)
	for i := range out {
		out[i] = control.Item[label]{Input: &engine.Silent{Node: lane}, Size: size, Tag: label{lane, from + i}}
	}
	return out
}

var small = control.Limits{Bytes: 40_000, Inputs: 10, QueueBytes: 400_000, QueueInputs: 100}

func TestLanesTakeTurns(t *testing.T) {
	b := control.NewBatcher[label](small)
	b.Offer("greedy", items("greedy", 0, 8, 10_000))
	b.Offer("modest", items("modest", 0, 1, 10_000))
	got := b.Take()
	if len(got) != 4 || got[1].Tag.lane != "modest" {
		t.Errorf("the first batch is %v", tags(got))
	}
}

func tags(items []control.Item[label]) (out []label) {
	for _, it := range items {
		out = append(out, it.Tag)
	}
	return out
}

func TestOneLaneGetsHalfOfTheQueue(t *testing.T) {
	b := control.NewBatcher[label](small)
	for i := range 50 {
		if _, ok := b.Offer("greedy", items("greedy", i, 1, 100)); !ok {
			t.Fatalf("refused after %d of 100", i)
		}
	}
	if _, ok := b.Offer("greedy", items("greedy", 50, 1, 100)); ok {
		t.Error("a lane got more than half")
	}
	for i := range 25 {
		if _, ok := b.Offer("modest", items("modest", i, 1, 100)); !ok {
			t.Fatalf("the other lane was refused after %d", i)
		}
	}
}

func TestALargeInputMakesABatchOfItsOwn(t *testing.T) {
	b := control.NewBatcher[label](small)
	b.Offer("a", items("a", 0, 1, 90_000))
	b.Offer("a", items("a", 1, 1, 10))
	if got := b.Take(); len(got) != 1 {
		t.Errorf("the first batch is %v", tags(got))
	}
	if got := b.Take(); len(got) != 1 || b.Len() != 0 || b.Bytes() != 0 {
		t.Errorf("the second batch is %v, %d inputs of %d bytes are left", tags(got), b.Len(), b.Bytes())
	}
}

func TestTheWaitFollowsTheMeasuredRate(t *testing.T) {
	full := func(rate int) api.Duration {
		b := control.NewBatcher[label](small)
		b.Offer("a", items("a", 0, 50, 2000))
		for range 20 {
			b.Drained(rate/10, 100*api.Millisecond)
		}
		wait, ok := b.Offer("a", items("a", 50, 50, 2000))
		if ok {
			t.Fatal("a full lane took more")
		}
		return wait
	}
	if got := full(100_000); got < api.Second || got > 3*api.Second {
		t.Errorf("200 kB at 100 kB/s: told to wait %v", got)
	}
	if slow, quick := full(10_000), full(1_000_000); slow <= quick {
		t.Errorf("told to wait %v when slow, %v when quick", slow, quick)
	}
}

func TestBatcherProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := control.NewBatcher[label](small)
		offered, queue, waiting := map[string]int{}, map[string][]int{}, 0
		take := func() {
			got := b.Take()
			if waiting > 0 && len(got) == 0 {
				t.Fatal("inputs wait and nothing was taken")
			}
			size := 0
			for _, it := range got {
				size += it.Size
				lane := queue[it.Tag.lane]
				if len(lane) == 0 || it.Tag.n != lane[0] {
					t.Fatalf("lane %s: %d came of %v", it.Tag.lane, it.Tag.n, lane)
				}
				queue[it.Tag.lane] = lane[1:]
			}
			if len(got) > small.Inputs || len(got) > 1 && size > small.Bytes {
				t.Fatalf("a batch of %d inputs and %d bytes", len(got), size)
			}
			waiting -= len(got)
		}
		t.Repeat(map[string]func(*rapid.T){
			"offer": func(t *rapid.T) {
				lane := fmt.Sprint(rapid.IntRange(0, 4).Draw(t, "lane"))
				n, size := rapid.IntRange(1, 20).Draw(t, "n"), rapid.IntRange(1, 50_000).Draw(t, "size")
				retry, ok := b.Offer(lane, items(lane, offered[lane], n, size))
				if ok {
					for range n {
						queue[lane] = append(queue[lane], offered[lane])
						offered[lane]++
					}
					waiting += n
				} else if retry <= 0 {
					t.Fatal("refused without a wait")
				}
			},
			"take": func(*rapid.T) { take() },
			"withdraw": func(t *rapid.T) {
				lane, odd := fmt.Sprint(rapid.IntRange(0, 4).Draw(t, "lane")), rapid.IntRange(0, 2).Draw(t, "which")
				of := func(n int) bool { return odd == 2 || n%2 == odd }
				before := len(queue[lane])
				queue[lane] = slices.DeleteFunc(queue[lane], of)
				n := b.Withdraw(lane, func(l label) bool { return of(l.n) })
				if n != before-len(queue[lane]) {
					t.Fatalf("%d were withdrawn, want %d", n, before-len(queue[lane]))
				}
				waiting -= n
			},
			"": func(t *rapid.T) {
				if b.Len() != waiting || b.Bytes() > small.QueueBytes || b.Len() > small.QueueInputs {
					t.Fatalf("%d inputs of %d bytes wait, %d should", b.Len(), b.Bytes(), waiting)
				}
			},
		})
		for waiting > 0 {
			take()
		}
		if b.Bytes() != 0 {
			t.Fatalf("%d bytes are left of nothing", b.Bytes())
		}
	})
}
