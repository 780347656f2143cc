package mirror

import (
	"math"
	"slices"
	"time"

	"drover.dev/api"
)

// clockWindow is how long a stamp sets the clocks at least, and half of how long at most.
const clockWindow = time.Minute

// lagSamples is of how many records the lag's quantiles are.
const lagSamples = 1000

// lag measures how long after the decision of a record it is in the mirror's state.
// The server's clock is known by its stamps: the one that came fastest of late counts, so
// that the fastest way from the server is not part of the lag, nor what clocks drift
// apart by in a connection of weeks.
type lag struct {
	offset  time.Duration // of the server's clock to this one, by the fastest stamp of this window
	before  time.Duration // and of the window before
	until   time.Time     // the window's end
	known   bool
	began   api.Time // of the connection, by the server's clock: older records are caught up with
	samples []float64
	next    int
	last    float64
}

// connected forgets what was known of the clocks.
func (l *lag) connected() { l.known, l.began = false, 0 }

// stamp takes note of a stamp of the server that came at now.
func (l *lag) stamp(sent api.Time, now time.Time) {
	offset := sent.Std().Sub(now)
	if !l.known {
		l.known, l.began, l.offset, l.before, l.until = true, sent, offset, offset, now.Add(clockWindow)
	}
	if !now.Before(l.until) {
		l.before, l.offset, l.until = l.offset, offset, now.Add(clockWindow)
	}
	l.offset = max(l.offset, offset)
}

// folded notes that a record is in the state. What was decided before the connection is
// not counted.
func (l *lag) folded(decided api.Time, now time.Time) {
	if decided < l.began {
		return
	}
	l.last = max(now.Add(max(l.offset, l.before)).Sub(decided.Std()), 0).Seconds()
	if len(l.samples) < lagSamples {
		l.samples = append(l.samples, l.last)
		return
	}
	l.samples[l.next%lagSamples] = l.last
	l.next = (l.next + 1) % lagSamples
}

// quantile is by nearest rank; 0 when there are no samples.
func (l *lag) quantile(q float64) float64 {
	if len(l.samples) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(l.samples))
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}
