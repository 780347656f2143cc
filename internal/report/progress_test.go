package report

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// ticker is a clock that moves by hand.
type ticker struct {
	mu sync.Mutex
	t  time.Time
}

func (c *ticker) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *ticker) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func TestProgressOnATerminal(t *testing.T) {
	var b bytes.Buffer
	clock := &ticker{t: time.Unix(1_800_000_000, 0)}
	p := NewProgress(&b, true, Style{Width: 80}, "tiles", 64, clock.now)
	for range 8 {
		clock.pass(4 * time.Second)
		p.Add(8)
	}
	p.Done("64 tiles in 32 s")
	p.Add(1) // too late, and silent
	golden(t, "progress.txt", []byte(strings.ReplaceAll(strings.ReplaceAll(b.String(), "\r", "\n"), "\x1b[K", "")))
	for line := range strings.SplitSeq(b.String(), "\r") {
		if w := Width(strings.TrimSuffix(line, "\x1b[K")); w > 79 {
			t.Errorf("%d columns wrap on a terminal of 80: %q", w, line)
		}
	}
}

func TestProgressDrawsRarely(t *testing.T) {
	var b bytes.Buffer
	clock := &ticker{t: time.Unix(1_800_000_000, 0)}
	p := NewProgress(&b, true, Style{Width: 80}, "tasks", 0, clock.now)
	for range 10_000 {
		clock.pass(100 * time.Microsecond)
		p.Add(1)
	}
	if n := strings.Count(b.String(), "\r"); n != 10 {
		t.Errorf("drew %d times in a second, want 10", n)
	}
}

func TestProgressIsSilentWhenPiped(t *testing.T) {
	var b bytes.Buffer
	clock := &ticker{t: time.Unix(1_800_000_000, 0)}
	p := NewProgress(&b, false, Style{}, "tasks", 10, clock.now)
	p.Set(5)
	if p.Done(""); b.Len() != 0 {
		t.Errorf("wrote %q", b.String())
	}
	p = NewProgress(&b, false, Style{}, "tasks", 10, clock.now)
	if p.Done("done\x1b[2J"); b.String() != "done\\x1b[2J\n" {
		t.Errorf("wrote %q", b.String())
	}
}

func TestProgressOnAnyWidth(t *testing.T) {
	for width := 1; width < 120; width++ {
		var b bytes.Buffer
		clock := &ticker{t: time.Unix(1_800_000_000, 0)}
		p := NewProgress(&b, true, Style{Width: width}, "rendering the tiles", 1_000_000, clock.now)
		clock.pass(time.Second)
		p.Set(1234)
		line := strings.TrimSuffix(strings.TrimPrefix(b.String(), "\r"), "\x1b[K")
		if w := Width(line); w >= width && w > 0 {
			t.Errorf("%d columns on a terminal of %d: %q", w, width, line)
		}
	}
}

func TestProgressFromManyGoroutines(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, true, Style{}, "tasks", 800, time.Now)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				p.Add(1)
			}
		})
	}
	group.Wait()
	if p.n != 800 {
		t.Errorf("counted %d, want 800", p.n)
	}
}
