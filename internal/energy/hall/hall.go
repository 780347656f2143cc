// Package hall says what servers draw that are put to sleep when nothing runs on
// them: under rules for which server takes the next piece of work, and at the least.
//
// CPU is in cores of a server chosen for comparison, power in kW but for the watts of
// a [Kind], time in hours from when all begins.
package hall

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"slices"
)

// Kind is a model of server. Its power is linear in its use.
type Kind struct {
	Name       string
	Cores      float64 // > 0
	Idle, Full float64 // W
}

// PerCore is what a core in use adds, in W.
func (k *Kind) PerCore() float64 { return (k.Full - k.Idle) / k.Cores }

// Least is what a core takes at the least, in W: on the server that is the most
// efficient one when it is full.
func Least(kinds []Kind) float64 {
	least := math.Inf(1)
	for i := range kinds {
		least = min(least, kinds[i].Full/kinds[i].Cores)
	}
	return least
}

// Rule is which server takes the next piece.
type Rule int

// The rules.
const (
	// Spread takes the server of which the largest part is free; none ever sleeps.
	Spread Rule = iota
	// BestFit takes the server that is awake and has the least room of those with
	// enough, and wakes the next one if none has.
	BestFit
	// LeastPower takes, of those that are awake, the one that the work adds the least
	// power to, and of these the one with the least room; it wakes the most efficient.
	LeastPower
)

// Service holds CPU of one server from the start to the end. What it uses is not this
// package's matter, but on what.
type Service struct{ Cores float64 }

// Job is a number of like pieces of work that begin together. Each runs on one server.
type Job struct {
	Start, Hours float64
	Cores        float64 // of each piece
	Pieces       int
}

// Case is what a hall is to hold.
type Case struct {
	Servers  []Kind
	Services []Service
	Jobs     []Job // in the order of their starts
	Hours    int   // how long services, and servers that never sleep, are there
	// Sleep is after how many hours without work a server goes to sleep, Wake how
	// long one takes to wake, at full power, before it can take work.
	Sleep, Wake float64
	Rule        Rule
}

// Outcome is what a hall drew. Jobs may end after its hours: the lists are as long as
// it takes.
type Outcome struct {
	KW []float64 // by hour, of servers that are awake and of jobs; not of what services use
	// PerCore is what a core that services use adds, in kW: the mean over what they hold.
	PerCore float64
	// Awake is the mean number of servers that were awake during the hours.
	Awake float64
	Wakes int
	// Held is by how many hours pieces began late for want of room, all added up.
	Held float64
}

const (
	maxServers = 100_000
	maxPieces  = 20_000_000
	maxHours   = 24 * 366
)

func (c *Case) check() error {
	if len(c.Servers) == 0 || len(c.Servers) > maxServers || c.Hours < 1 || c.Hours > maxHours || !(c.Sleep >= 0 && c.Wake >= 0 && c.Wake < 24) {
		return fmt.Errorf("%d servers for %d hours, asleep after %g hours and awake after %g: there must be 1 to %d servers, for 1 to %d hours", len(c.Servers), c.Hours, c.Sleep, c.Wake, maxServers, maxHours)
	}
	most := 0.0
	for i := range c.Servers {
		k := &c.Servers[i]
		if !(k.Cores > 0 && k.Idle >= 0 && k.Full >= k.Idle && k.Full < 1e6 && k.Cores < 1e6) {
			return fmt.Errorf("server %s has %g cores and draws %g to %g W: one of these cannot be", k.Name, k.Cores, k.Idle, k.Full)
		}
		most = max(most, k.Cores)
	}
	pieces := 0
	for i, j := range c.Jobs {
		if !(j.Start >= 0 && j.Hours > 0 && j.Start+j.Hours < 2*maxHours && j.Cores > 0 && j.Cores <= most && j.Pieces > 0 && j.Pieces <= maxPieces) || i > 0 && j.Start < c.Jobs[i-1].Start {
			return fmt.Errorf("job %d begins at hour %g, runs %g hours, in %d pieces of %g cores on servers of up to %g, and is to come in the order of time: one of these cannot be", i, j.Start, j.Hours, j.Pieces, j.Cores, most)
		}
		if pieces += j.Pieces; pieces > maxPieces {
			return fmt.Errorf("jobs are more than %d pieces", maxPieces)
		}
	}
	return nil
}

// server is one as it stands.
type server struct {
	kind     *Kind
	free     float64
	work     int     // pieces and services
	awake    bool    // until slept says otherwise
	since    float64 // when it woke
	emptied  float64 // when its last work ended
	services float64 // cores
}

// run is a hall in time.
type run struct {
	*Case
	servers []server
	order   []int // scratch
	asleep  []int // all servers, in the order in which they are woken
	ends    endings
	waiting []Job
	out     Outcome
	awake   float64 // server hours within Hours
}

// Run fills a hall.
func Run(c Case) (Outcome, error) {
	if err := c.check(); err != nil {
		return Outcome{}, fmt.Errorf("fill a hall: %w", err)
	}
	r := &run{Case: &c, servers: make([]server, len(c.Servers))}
	for i := range c.Servers {
		r.servers[i] = server{kind: &c.Servers[i], free: c.Servers[i].Cores, awake: c.Rule == Spread}
		r.asleep = append(r.asleep, i)
	}
	if c.Rule == LeastPower {
		slices.SortStableFunc(r.asleep, func(a, b int) int {
			x, y := &c.Servers[a], &c.Servers[b]
			return cmp.Compare(x.Full/x.Cores, y.Full/y.Cores)
		})
	}
	if err := r.settle(); err != nil {
		return Outcome{}, fmt.Errorf("fill a hall: %w", err)
	}
	for _, j := range c.Jobs {
		r.until(j.Start)
		r.waiting = append(r.waiting, j)
		r.start(j.Start)
	}
	r.until(math.Inf(1))
	return r.close(), nil
}

// settle gives services their places, for good.
func (r *run) settle() error {
	cores, watts := 0.0, 0.0
	for i, s := range r.Services {
		at := r.place(s.Cores, 0)
		if at < 0 {
			return fmt.Errorf("service %d of %g cores finds no room", i, s.Cores)
		}
		v := &r.servers[at]
		v.awake = true
		v.free -= s.Cores
		v.work++
		v.services += s.Cores
		cores += s.Cores
		watts += s.Cores * v.kind.PerCore()
	}
	if cores > 0 {
		r.out.PerCore = watts / cores / 1000
	}
	return nil
}

// place is the server that the rule gives a piece, -1 if none has room.
func (r *run) place(cores, now float64) int {
	at := -1
	for i := range r.servers {
		if r.fits(i, cores) && r.up(i, now) && (at < 0 || r.compare(&r.servers[i], &r.servers[at]) < 0) {
			at = i
		}
	}
	if at >= 0 {
		return at
	}
	next := slices.IndexFunc(r.asleep, func(i int) bool { return !r.servers[i].awake && r.fits(i, cores) })
	if next < 0 {
		return -1
	}
	return r.asleep[next]
}

const tiny = 1e-9

func (r *run) fits(i int, cores float64) bool { return r.servers[i].free+tiny >= cores }

// up tells whether a server is awake at a time, and books the time of one that has
// gone to sleep since it was looked at.
func (r *run) up(i int, now float64) bool {
	s := &r.servers[i]
	if s.awake && s.work == 0 && r.Rule != Spread && now > s.emptied+r.Sleep {
		r.book(s, s.emptied+r.Sleep)
		s.awake = false
	}
	return s.awake
}

// book enters a server's idle power from when it woke to a time.
func (r *run) book(s *server, to float64) {
	r.draw(s.since, to, s.kind.Idle/1000)
	r.awake += min(to, float64(r.Hours)) - min(s.since, float64(r.Hours))
	s.since = to
}

// compare orders servers that are awake and have room by the rule.
func (r *run) compare(a, b *server) int {
	switch r.Rule {
	case Spread:
		return cmp.Compare(b.free/b.kind.Cores, a.free/a.kind.Cores)
	case LeastPower:
		return cmp.Or(cmp.Compare(a.kind.PerCore(), b.kind.PerCore()), cmp.Compare(a.free, b.free))
	}
	return cmp.Compare(a.free, b.free)
}

// until lets jobs end up to a time; what waits begins as soon as there is room.
func (r *run) until(now float64) {
	for len(r.ends) > 0 && r.ends[0].at <= now {
		e := heap.Pop(&r.ends).(ending) //nolint:errcheck // the heap holds nothing else
		s := &r.servers[e.server]
		s.free += float64(e.pieces) * e.cores
		if s.work -= e.pieces; s.work == 0 {
			s.emptied, s.free = e.at, s.kind.Cores // what rounding left is nothing
		}
		if len(r.waiting) > 0 && (len(r.ends) == 0 || r.ends[0].at > e.at) {
			r.start(e.at)
		}
	}
}

// start begins what waits, in its order, as far as there is room.
func (r *run) start(now float64) {
	done := 0
	for i := range r.waiting {
		j := &r.waiting[i]
		began := r.begin(j, now)
		r.out.Held += float64(began) * (now - j.Start)
		if j.Pieces -= began; j.Pieces > 0 {
			break
		}
		done++
	}
	r.waiting = slices.Delete(r.waiting, 0, done)
}

// begin starts as many pieces of a job as there is room for.
func (r *run) begin(j *Job, now float64) (began int) {
	if r.Rule == Spread {
		for began < j.Pieces && r.one(j, now) {
			began++
		}
		return began
	}
	r.order = r.order[:0]
	for i := range r.servers {
		if r.fits(i, j.Cores) && r.up(i, now) {
			r.order = append(r.order, i)
		}
	}
	slices.SortStableFunc(r.order, func(a, b int) int { return r.compare(&r.servers[a], &r.servers[b]) })
	// A server that has taken a piece is the tightest one, until it is full.
	for _, list := range [...][]int{r.order, r.asleep} {
		for _, i := range list {
			if began == j.Pieces {
				return began
			}
			if n := min(j.Pieces-began, int((r.servers[i].free+tiny)/j.Cores)); n > 0 {
				r.put(i, n, j, now)
				began += n
			}
		}
	}
	return began
}

func (r *run) one(j *Job, now float64) bool {
	at := r.place(j.Cores, now)
	if at >= 0 {
		r.put(at, 1, j, now)
	}
	return at >= 0
}

// put gives pieces to a server. It was woken in time for them.
func (r *run) put(i, n int, j *Job, now float64) {
	s := &r.servers[i]
	if !s.awake {
		s.awake, s.since = true, now
		r.out.Wakes++
		r.draw(max(now-r.Wake, 0), now, s.kind.Full/1000)
	}
	s.work += n
	s.free -= float64(n) * j.Cores
	r.draw(now, now+j.Hours, float64(n)*j.Cores*s.kind.PerCore()/1000)
	heap.Push(&r.ends, ending{now + j.Hours, i, n, j.Cores})
}

// draw adds power from one time to another to the hours.
func (r *run) draw(from, to, kw float64) {
	if to <= from {
		return
	}
	if grow := int(math.Ceil(to)) - len(r.out.KW); grow > 0 {
		r.out.KW = append(r.out.KW, make([]float64, grow)...)
	}
	for h := int(from); h < len(r.out.KW) && float64(h) < to; h++ {
		r.out.KW[h] += kw * (min(to, float64(h+1)) - max(from, float64(h)))
	}
}

// close books the servers that are awake at the end.
func (r *run) close() Outcome {
	for i := range r.servers {
		s := &r.servers[i]
		if !s.awake {
			continue
		}
		to := s.emptied + r.Sleep
		if r.Rule == Spread || s.services > 0 {
			to = max(float64(r.Hours), s.emptied)
		}
		r.book(s, to)
	}
	r.out.Awake = r.awake / float64(r.Hours)
	return r.out
}

// ending is when pieces on a server end.
type ending struct {
	at     float64
	server int
	pieces int
	cores  float64
}

type endings []ending

func (e endings) Len() int           { return len(e) }
func (e endings) Less(i, j int) bool { return e[i].at < e[j].at }
func (e endings) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *endings) Push(v any)        { *e = append(*e, v.(ending)) } //nolint:errcheck // pushed here alone
func (e *endings) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}
