package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
)

// moment is what a test remembers of the present, to find it again later.
type moment struct {
	record uint64
	now    api.Time
	state  []byte
}

func snap(t *testing.T, c *Cell, seq uint64) (m moment) {
	t.Helper()
	_, err := c.View(t.Context(), seq, func(e *engine.Engine) {
		m = moment{c.shadow.at.N, e.State().Now, must[[]byte](t)(journal.EncodeState(e.State()))}
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

type traveller interface {
	Past(ctx context.Context, m httpapi.Moment, f func(*engine.Engine)) (httpapi.Stood, error)
}

// find goes to a moment and demands that it is as it was.
func (m moment) find(t *testing.T, c traveller, at httpapi.Moment) {
	t.Helper()
	stood, err := c.Past(t.Context(), at, func(e *engine.Engine) {
		if got := must[[]byte](t)(journal.EncodeState(e.State())); !bytes.Equal(got, m.state) {
			t.Errorf("record %d is not as it was", m.record)
		}
	})
	if err != nil || stood.Record != m.record || stood.Time != m.now {
		t.Errorf("at %+v stood %+v, %v; want record %d of %s", at, stood, err, m.record, m.now)
	}
}

func TestThePast(t *testing.T) {
	dir := t.TempDir()
	var moments []moment
	live := func(n int) *Cell {
		c := run(t, Config{Dir: dir, SnapshotEvery: 8})
		for range n {
			_, seq := do(t, c, submit(job(fmt.Sprint("job-", len(moments)), 2)))
			moments = append(moments, snap(t, c, seq))
		}
		return c
	}
	closeCell(t, live(30))
	c := live(20)
	if segments, err := c.archive.Segments(); err != nil || len(segments) == 0 {
		t.Fatalf("%d segments, %v: the past should begin in the archive", len(segments), err)
	}
	bases := must[[]uint64](t)(c.archive.Bases().List())
	t.Logf("%d records, %d moments, snapshots in the archive at %v", c.Status().Record, len(moments), bases)
	for i, m := range moments {
		m.find(t, c, httpapi.Moment{Record: m.record})
		if i%7 == 0 {
			m.find(t, c, httpapi.Moment{Time: m.now})
		}
	}
	for name, at := range map[string]httpapi.Moment{
		"a record that is not written": {Record: 1000},
		"a time before all":            {Time: api.Time(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())},
		"a time to come":               {Time: api.Time(time.Now().Add(time.Hour).UnixNano())},
	} {
		if _, err := c.Past(t.Context(), at, nothing); !errors.Is(err, httpapi.ErrNoPast) {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	closeCell(t, c)

	f, err := OpenFrozen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, m := range moments {
		if i%5 == 0 {
			m.find(t, f, httpapi.Moment{Record: m.record})
		}
	}
	moments[len(moments)-1].find(t, f, httpapi.Moment{Record: f.Last().N})
}
