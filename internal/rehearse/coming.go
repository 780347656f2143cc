package rehearse

import (
	"math/rand/v2"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// comingName begins the names of those that come.
const comingName = "coming-"

// Came is when a job came, which stands for what is to come.
type Came struct {
	At  api.Time `cbor:"1,keyasint"`
	Job uint64   `cbor:"2,keyasint"` // its specification is the state's, as long as that has it
}

// What is made up of the jobs to come.
const (
	fewCame       = 10     // so many are no sign of how often they come
	mostCame      = 255    // so many are looked at, the last
	mostComing    = 1_000  // jobs that come to one world
	mostComingAll = 10_000 // their elements
)

// coming is what comes to a world besides what is there: the jobs of the last stretch of
// the past once more, from a random one of them on and in a circle, as far apart as they
// came and as long as they ran (Politis and Romano, 1992, "A Circular Block-Resampling
// Procedure for Stationary Data"). So worlds differ in when what comes, and bursts stay
// bursts. A world that began at an arrival meets the next one after a gap of the past.
type coming struct {
	st    *state.State // that knows the jobs of the past
	came  []Came
	draw  drawer
	at    api.Time // when the last one came
	next  int      // of came
	close api.Duration
	made  int
	all   int
	over  func() bool
	asked *api.Workload // whose name is taken; may be nil
}

// coming begins a world's; nothing comes any more when over says so.
func (q *Waiting) coming(draw drawer, over func() bool) *coming {
	return comingTo(q.State, q.Came, q.Now, draw, over)
}

func comingTo(st *state.State, came []Came, now api.Time, draw drawer, over func() bool) *coming {
	c := &coming{st: st, came: came, draw: draw, at: now, over: over}
	if n := len(came); n > fewCame {
		c.next = rand.New(rand.NewPCG(draw.seed, 0xc0)).IntN(n)
		c.close = max(meanGap(came), now.Sub(came[n-1].At))
	}
	return c
}

// meanGap is how far apart more than one came, in the mean.
func meanGap(came []Came) api.Duration {
	n := len(came)
	return max(came[n-1].At.Sub(came[0].At)/api.Duration(n-1), 0)
}

// nearTo has the first ones come so late that half of those that a world takes are left for what is
// asked about at a moment. Before that, nothing comes.
func (c *coming) nearTo(at api.Time) *coming {
	if len(c.came) <= fewCame {
		return c
	}
	elements := 0
	for _, came := range c.came {
		if w := c.st.Workloads[came.Job]; w != nil {
			for i := range w.Spec.Tasks {
				elements += int(max(w.Spec.Tasks[i].Count, 1))
			}
		}
	}
	jobs := min(mostComing/2, mostComingAll/2*len(c.came)/max(elements, 1))
	c.at = max(c.at, at.Add(-meanGap(c.came)*api.Duration(jobs)))
	return c
}

// demand gives one after the other.
func (c *coming) demand() (a twin.Arrival, ok bool) {
	n := len(c.came)
	for range n {
		if n <= fewCame || c.made >= mostComing || c.all >= mostComingAll || c.over() {
			return a, false
		}
		gap := c.close // from the last of the past to the first
		if c.next > 0 {
			gap = c.came[c.next].At.Sub(c.came[c.next-1].At)
		}
		like := c.st.Workloads[c.came[c.next].Job]
		c.at, c.next = c.at.Add(max(gap, 0)), (c.next+1)%n
		if like != nil && like.Spec.Kind == api.KindJob && like.Spec.Schedule == nil {
			return c.another(like), true
		}
	}
	return a, false // the state knows none of them any more
}

// another is a job like one of the past.
func (c *coming) another(like *state.Workload) twin.Arrival {
	spec := *like.Spec
	for spec.Name = ""; spec.Name == "" || c.st.Named(spec.Tenant, spec.Name) != nil || c.asked != nil && c.asked.Name == spec.Name; {
		c.made++
		spec.Name = comingName + strconv.Itoa(c.made)
	}
	a := twin.Arrival{At: c.at, Workload: &spec}
	for i := range spec.Tasks {
		truth := c.draw.truth(&spec, c.at, i, profileOf(like.Profiles, i))
		if i < len(like.Groups) {
			c.asItWas(truth.Each, like.Groups[i].Tasks)
		}
		c.all += len(truth.Each)
		a.Truth = append(a.Truth, truth)
	}
	return a
}

// asItWas has elements run as long as those of the past did that have ended well.
func (c *coming) asItWas(each []api.Duration, past []*state.Task) {
	for _, t := range past {
		if t.Status == api.TaskSucceeded && t.Result != nil && int(t.Ref.Index) < len(each) {
			each[t.Ref.Index] = max(onReference(t.Result.Wall, c.st.Nodes[t.Node]), 1)
		}
	}
}

// onReference is how long something that ran so long on a node runs on a reference node.
func onReference(d api.Duration, n *state.Node) api.Duration {
	if n != nil && n.Speed > 0 {
		return api.Duration(float64(d) * float64(n.Speed) / 1000)
	}
	return d
}
