package profile

import (
	"math/bits"
	"slices"

	"drover.dev/api"
)

// Window is how many of the latest runs a History remembers.
const Window = 64

// The interval's aim and how it is kept. Levels are in 1/65536.
const (
	one      = 1 << 16
	tail     = one / 10 // of runs below RunLow, and of runs above RunHigh
	rate     = 128      // a level moves by 1/rate of the error of each run
	enough   = 9        // runs whose range covers 80 %: (n-1)/(n+1)
	minLevel = -one / 10
	maxLevel = one * 3 / 20
	unknown  = 5 * octave / 2 // widening per missing rank, before there are enough runs
)

// History remembers the run times of one kind of task, in 150 bytes of
// integers, and as much again where kinds of machines are told apart. The zero
// value is empty and ready. All run times are those of the reference node (see
// Normalise).
type History struct {
	Codes [Window]uint16 `cbor:"1,keyasint"`           // logarithms of run times, 1/1024 octave; a ring
	Runs  uint32         `cbor:"2,keyasint,omitempty"` // observed ever, saturating
	Next  uint8          `cbor:"3,keyasint,omitempty"` // where the next run goes in Codes
	// Low and High are what the levels of the two ends have learnt: the
	// difference to the nominal 10 %, in 1/65536.
	Low  int16 `cbor:"4,keyasint,omitempty"`
	High int16 `cbor:"5,keyasint,omitempty"`
	// Output is a moving average of the output sizes, the latest weighing 1/8;
	// zero before the first.
	Output api.Bytes `cbor:"6,keyasint,omitempty"`
	// Machines says where the runs were; nil when no machine had a name.
	Machines *Machines `cbor:"7,keyasint,omitempty"`
}

// Len returns how many runs are remembered, at most Window.
func (h *History) Len() int {
	if h == nil {
		return 0
	}
	return int(min(h.Runs, Window))
}

// Run is a finished run of a task.
type Run struct {
	Time    api.Duration // on the reference node, see Normalise
	Machine string       // kind of machine; "" is any
	Output  api.Bytes    // what it left behind
}

// Add adds a finished run.
func (h *History) Add(r Run) {
	h.ObserveOn(r.Time, r.Machine)
	h.ObserveOutput(r.Output)
}

// Observe adds a finished run on a machine without a name. It costs one pass over
// the window and allocates nothing.
func (h *History) Observe(run api.Duration) { h.ObserveOn(run, "") }

// ObserveOn adds a finished run on a kind of machine.
//
// Before the run is added, it grades the interval that was in force: each end
// has its own level, which narrows a little when the run was inside and widens
// when it was outside, so that in the long run one run in ten falls below and
// one above, whatever the distribution and however it drifts. This is adaptive
// conformal inference (Gibbs and Candès, 2021, "Adaptive Conformal Inference
// Under Distribution Shift"), one level an end.
func (h *History) ObserveOn(run api.Duration, machine string) {
	code := encode(run)
	if h.Len() >= enough {
		below, above := h.misses(int(code), machine)
		h.Low = learn(h.Low, below)
		h.High = learn(h.High, above)
	}
	h.Next %= Window // a damaged snapshot must not panic
	h.Codes[h.Next] = code
	if machine != "" && h.Machines == nil {
		h.Machines = &Machines{}
	}
	if h.Machines != nil {
		h.Machines.note(h.Next, machine, h.Len())
	}
	h.Next = (h.Next + 1) % Window
	if h.Runs++; h.Runs == 0 {
		h.Runs--
	}
}

// ObserveOutput adds the size of what a finished run left behind.
func (h *History) ObserveOutput(size api.Bytes) {
	size = max(size, 0)
	if h.Output == 0 {
		h.Output = size
		return
	}
	h.Output += (size - h.Output) / 8
}

// misses reports whether a run lies below or above the present interval. A
// run is below the k-th smallest when fewer than k are at most as long, so
// nothing needs sorting.
func (h *History) misses(code int, machine string) (below, above bool) {
	level := h.Codes
	code -= h.level(&level).by[h.Machines.group(machine)]
	codes := level[:h.Len()]
	shorter, longer := 0, 0
	first, last := int(codes[0]), int(codes[0])
	for _, c := range codes {
		v := int(c)
		if v <= code {
			shorter++
		}
		if v >= code {
			longer++
		}
		first, last = min(first, v), max(last, v)
	}
	k, beyond := rank(len(codes), h.Low, last-first)
	below = shorter < k || k == 0 && code < first-beyond
	k, beyond = rank(len(codes), h.High, last-first)
	above = longer < k || k == 0 && code > last+beyond
	return below, above
}

// learn moves a level's difference by one observation.
func learn(level int16, miss bool) int16 {
	step := tail
	if miss {
		step -= one
	}
	return int16(min(max(int(level)+step/rate, minLevel-tail), maxLevel-tail))
}

// rank says which order statistic of n runs, counted from an end, bounds the
// interval there: the k-th, of which a new run falls outside with probability
// k/(n+1) (Vovk, Gammerman and Shafer, 2005, "Algorithmic Learning in a Random
// World"). When the wanted rank is below 1 no run bounds it: then k is 0 and
// the interval reaches beyond the extreme run, by an amount that grows with the
// part of a rank that is missing.
func rank(n int, learnt int16, spread int) (k, beyond int) {
	r := (tail + int(learnt)) * (n + 1)
	if r >= one {
		return r >> 16, 0
	}
	scale := spread/8 + octave/16
	if n < enough {
		scale = max(scale, unknown)
	}
	return 0, int(int64(one-r) * int64(scale) >> 16) // 64 bits also on 32-bit processors
}

// Interval predicts the next run: the median and the ends of an 80 % interval, on
// the kind of machine where most were. All three are zero for an empty history.
func (h *History) Interval() (low, mid, high api.Duration) {
	n := h.Len()
	if n == 0 {
		return 0, 0, 0
	}
	sorted := h.Codes
	h.level(&sorted)
	codes := sorted[:n]
	slices.Sort(codes)
	first, last := int(codes[0]), int(codes[n-1])
	median := (int(codes[(n-1)/2]) + int(codes[n/2])) / 2

	lo, hi := first, last
	k, beyond := rank(n, h.Low, last-first)
	if lo -= beyond; k > 0 {
		lo = int(codes[min(k, n)-1])
	}
	k, beyond = rank(n, h.High, last-first)
	if hi += beyond; k > 0 {
		hi = int(codes[n-min(k, n)])
	}
	return decode(min(lo, median)), decode(median), decode(max(hi, median))
}

// Normalise turns a run time measured on a node of the given speed into that of
// the reference node. A speed of zero or less counts as equal to it.
func Normalise(run api.Duration, speed api.Milli) api.Duration {
	return scale(run, int64(speed), 1000)
}

// On is the inverse of Normalise: the run time to expect on a node of the given
// speed.
func On(run api.Duration, speed api.Milli) api.Duration {
	return scale(run, 1000, int64(speed))
}

// scale returns run·num/den, saturating; without a usable ratio it is run.
func scale(run api.Duration, num, den int64) api.Duration {
	if run <= 0 || num <= 0 || den <= 0 {
		return run
	}
	hi, lo := bits.Mul64(uint64(run), uint64(num))
	if hi >= uint64(den) {
		return forever
	}
	q, _ := bits.Div64(hi, lo, uint64(den))
	return api.Duration(min(q, uint64(forever)))
}

const forever = api.Duration(1<<63 - 1)
