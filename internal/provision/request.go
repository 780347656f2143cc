package provision

import (
	"cmp"
	"math"
	"slices"

	"drover.dev/api"
)

// Sample is what a task's runs used over a stretch of time.
type Sample struct {
	N         uint64 // measurements
	Mean, Max float64
}

// Use is what is known of a task's use.
type Use struct {
	CPU    []Sample // in thousandths of a core
	Memory []Sample // in bytes
	Killed uint64   // runs that were killed for their memory
}

// Recommendation is what a task should ask for.
type Recommendation struct {
	CPU, P95CPU        api.Milli // to ask for; the use that 95 % of the time is not exceeded
	Memory, PeakMemory api.Bytes // to ask for; the largest use seen
	Samples            uint64
	Killed             uint64
	Enough             bool // there is enough to rely on
}

// The rules of a recommendation. The margins are those that Autopilot's rules aim at for
// jobs that run again and again (Rzadca and others, 2020, "Autopilot: workload autoscaling
// at Google"): CPU may be exceeded for a while, memory never.
const (
	enoughSamples = 12
	cpuQuantile   = 0.95
	margin        = 1.15
	killedMargin  = 1.5 // after a run was killed: what it needed is not known, only that it was more
	leastCPU      = 10  // milli
	leastMemory   = 16 * api.MiB
	grainMemory   = api.MiB
)

// Request recommends what a task should ask for. asked is what it asks for now; it
// bounds memory from below when a run was killed at it.
func Request(u Use, asked api.Resources) Recommendation {
	r := Recommendation{Killed: u.Killed}
	for _, s := range u.Memory {
		r.Samples += s.N
		r.PeakMemory = max(r.PeakMemory, bytesOf(s.Max))
	}
	cpu := uint64(0)
	for _, s := range u.CPU {
		cpu += s.N
	}
	r.Enough = r.Samples >= enoughSamples && cpu >= enoughSamples
	r.P95CPU = api.Milli(math.Ceil(bounded(quantile(u.CPU, cpuQuantile), 1e12)))
	r.CPU = max(api.Milli(math.Ceil(float64(r.P95CPU)*margin)), leastCPU)
	need := float64(r.PeakMemory) * margin
	if u.Killed > 0 {
		need = max(need, float64(max(asked.Memory, r.PeakMemory))*killedMargin)
	}
	r.Memory = max((bytesOf(need)+grainMemory-1)/grainMemory*grainMemory, leastMemory)
	return r
}

func bytesOf(v float64) api.Bytes { return api.Bytes(math.Ceil(bounded(v, 1<<52))) }

func bounded(v, most float64) float64 {
	if !(v > 0) {
		return 0
	}
	return min(v, most)
}

// quantile is that of the means, each as often as it was measured; 0 of none.
func quantile(list []Sample, q float64) float64 {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Sample) int { return cmp.Compare(a.Mean, b.Mean) })
	total := 0.0
	for _, s := range list {
		total += float64(s.N)
	}
	sum := 0.0
	for _, s := range list {
		if sum += float64(s.N); sum >= q*total {
			return s.Mean
		}
	}
	return 0
}

// Far reports whether a recommendation differs enough from what is asked for to be worth
// a change: by a fifth.
func (r Recommendation) Far(asked api.Resources) bool { return Apart(r.CPU, r.Memory, asked) }

// Apart reports whether CPU or memory differ by a fifth or more from what is asked for.
func Apart(cpu api.Milli, memory api.Bytes, asked api.Resources) bool {
	return far(int64(cpu), int64(asked.CPU)) || far(int64(memory), int64(asked.Memory))
}

// AboveKill is the least memory that a task should ask for of which a run was killed at
// so much.
func AboveKill(killed api.Bytes) api.Bytes { return bytesOf(float64(killed) * margin) }

func far(a, b int64) bool { return 5*max(a, b) > 6*min(a, b) }
