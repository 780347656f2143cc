package httpapi

import (
	"context"
	"errors"
	"io"
	"testing"
)

func TestOneProfileAtATime(t *testing.T) {
	p := newProfiler()
	var busy *BusyError
	_, err := p.take(t.Context(), func(ctx context.Context, _ io.Writer) error {
		if _, err := p.take(ctx, heapProfile); !errors.As(err, &busy) {
			t.Errorf("a second one beside the first: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.take(t.Context(), heapProfile); err != nil || len(got) == 0 {
		t.Errorf("another one after it: %d bytes, %v", len(got), err)
	}
}

func TestACPUProfileEndsWithItsRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := newProfiler()
	if _, err := p.take(ctx, func(ctx context.Context, w io.Writer) error { return cpuProfile(ctx, w, profileLongest) }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
