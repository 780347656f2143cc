package rehearse

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/energy/consolidate"
	"drover.dev/internal/energy/hall"
	"drover.dev/internal/energy/shift"
	"drover.dev/internal/trace"
)

// How servers sleep in the case, for both who put them to sleep, in hours.
const (
	caseSleep = 10. / 60
	caseWake  = 2. / 60
)

const (
	useStep   = 300 * api.Second // of the services' use
	useSteps  = int(api.Hour / useStep)
	mostCores = 16  // of a piece of a job
	sampled   = 100 // servers at the least that stand for all when services are kept together
	overlaid  = 4   // quarters of the year of jobs that are laid over each other
)

// caseTraces is what the demand is made of.
type caseTraces struct {
	vms  []trace.Row
	jobs []trace.Row
}

func (p *DatacentrePlan) traces() (*caseTraces, error) {
	read := func(name, format string) ([]trace.Row, error) {
		f, err := os.Open(filepath.Join(p.Data, name))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		rows, err := ReadRows(f, Options{Format: format})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return rows, nil
	}
	t := &caseTraces{}
	var err error
	if t.vms, err = read("bitbrains/vms.csv.gz", "bitbrains"); err != nil {
		return nil, fmt.Errorf("read the use of services: %w", err)
	}
	if t.jobs, err = read("gaia/pai-100k.csv.gz", "gaia"); err != nil {
		return nil, fmt.Errorf("read the jobs: %w", err)
	}
	for _, v := range t.vms {
		if len(v.Use) == 0 || v.Each.CPU <= 0 || v.Step != useStep {
			return nil, fmt.Errorf("read the use of services: machine %s tells none, or not every five minutes", v.ID)
		}
	}
	return t, errIf(len(t.vms) == 0 || len(t.jobs) == 0, "the traces of services and of jobs are empty")
}

// caseDemand is the month's work with a share of batch, and what does not depend on
// the zone. Power is in kW by hour.
type caseDemand struct {
	mix          Mix
	use          []float64 // cores that services use
	together     []float64 // power of services that are kept together
	jobs         []shift.Job
	pieces       []hall.Job // of each job: cores and number of pieces
	pool         []hall.Kind
	spread, best []float64 // power of the baselines
}

// demand scales the traces. Services ask for s cores and use u·s, jobs use all b that
// they ask for: s + b is the load, and b the share of batch in u·s + b.
func (p *DatacentrePlan) demand(ctx context.Context, t *caseTraces, batch float64) (*caseDemand, error) {
	servers := serversOf(p.Servers)
	cores := 0.0
	for i := range servers {
		cores += servers[i].Cores
	}
	asked, used := 0.0, 0.0
	for i := range t.vms {
		asked += float64(t.vms[i].Each.CPU) / 1000
		used += shareUsed(&t.vms[i]) * float64(t.vms[i].Each.CPU) / 1000
	}
	ratio := used / asked
	s := p.Load * cores / (1 + ratio*batch/(1-batch))
	d := &caseDemand{}
	times := max(p.Servers/sampled, 1)
	vms := p.machines(t.vms, s/float64(times))
	var services []hall.Service
	d.use = make([]float64, 24*p.Days)
	for _, v := range vms {
		for range times {
			services = append(services, hall.Service{Cores: v.cores})
		}
		for i, x := range v.use {
			d.use[i/useSteps] += x * v.cores * float64(times) / float64(useSteps)
		}
	}
	inPool := min(int(math.Ceil(float64(p.Servers/times)*s/cores*1.15))+1, p.Servers/times)
	if err := p.keepTogether(ctx, d, vms, inPool, times); err != nil {
		return nil, err
	}
	d.pool = servers[inPool*times:]
	p.batch(d, t.jobs, p.Load*cores-s)
	if err := p.baselines(d, servers, services); err != nil {
		return nil, err
	}
	hours := 0.0
	for i, j := range d.jobs {
		hours += j.Hours * d.pieces[i].Cores * float64(d.pieces[i].Pieces)
	}
	worked := sum(d.use)
	total := cores * float64(24*p.Days)
	held := 0.0
	for _, v := range services {
		held += v.Cores
	}
	d.mix.Services, d.mix.Jobs, d.mix.ServiceUse = len(services), len(d.jobs), worked/(held*float64(24*p.Days))
	d.mix.BatchPercent, d.mix.UsedPercent = 100*hours/(hours+worked), 100*(hours+worked)/total
	d.mix.AskedPercent = 100 * (held/cores + hours/total)
	return d, nil
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

func shareUsed(v *trace.Row) float64 {
	total := 0.0
	for _, x := range v.Use {
		total += min(float64(x)/float64(v.Each.CPU), 1)
	}
	return total / float64(len(v.Use))
}

// machine is a service's virtual machine.
type machine struct {
	cores, memory float64   // memory in MB
	use           []float64 // from 0 to 1, by step
}

// idleUse keeps a machine there that asks for nothing for a while.
const idleUse = 1e-3

// machines are those of the trace again and again until they ask for so many cores.
// Each copy begins on another day, so that days look like days but not all alike.
func (p *DatacentrePlan) machines(rows []trace.Row, cores float64) (out []machine) {
	perDay := 24 * useSteps
	for n, total := 0, 0.0; total < cores; n++ {
		r := &rows[n%len(rows)]
		m := machine{cores: float64(r.Each.CPU) / 1000, memory: max(float64(r.Each.Memory)/1e6, 1), use: make([]float64, p.Days*perDay)}
		begin := (n/len(rows)*7 + n) * perDay
		for i := range m.use {
			m.use[i] = min(max(float64(r.Use[(begin+i)%len(r.Use)])/float64(r.Each.CPU), idleUse), 1)
		}
		out = append(out, m)
		total += m.cores
	}
	slices.SortStableFunc(out, func(a, b machine) int { return cmp.Compare(b.cores, a.cores) }) // the large ones find room first, whoever places them
	return out
}

// keepTogether runs the services under the policy consolidation, on a part of the
// servers of which so many times as many make the whole.
func (p *DatacentrePlan) keepTogether(ctx context.Context, d *caseDemand, vms []machine, servers, times int) error {
	const mips, network = 1000, 625 // MB/s: half of 10 Gbit/s
	setup := consolidate.Setup{Hosts: servers, Memory: 1e9, Interval: useStep.Std().Seconds(), Bandwidth: network, AtFirst: len(vms)}
	for _, k := range serverKinds() {
		h := consolidate.HostKind{Name: k.Name, Cores: 1, MIPS: k.Cores * mips}
		for i := range h.Watts {
			h.Watts[i] = k.Idle + float64(i)/10*(k.Full-k.Idle)
		}
		setup.HostKinds = append(setup.HostKinds, h)
	}
	var use [][]float64
	for _, v := range vms {
		setup.VMKinds = append(setup.VMKinds, consolidate.VMKind{MIPS: v.cores * mips, Memory: v.memory})
		use = append(use, v.use)
	}
	r, err := consolidate.Run(setup, use, consolidate.Policy{Detect: consolidate.Own}, func() bool { return ctx.Err() != nil })
	if err != nil {
		return fmt.Errorf("keep %d services together: %w", len(vms), err)
	}
	d.together = make([]float64, 24*p.Days)
	for i, w := range r.Watts {
		if h := i / useSteps; h < len(d.together) {
			d.together[h] += w * float64(times) / 1000 / float64(useSteps)
		}
	}
	d.mix.SlowdownPercent = 100 * r.Unserved
	return nil
}

// batch takes the jobs of the month from the year of the trace, those of the quarters
// after it laid over them, each so many times as it takes to use so many cores.
func (p *DatacentrePlan) batch(d *caseDemand, rows []trace.Row, cores float64) {
	const quarter, year = 91 * 24, 8736.
	hours := float64(24 * p.Days)
	yearDay := time.Unix(0, int64(p.Start)).UTC().YearDay() - 1
	used := 0.0
	for q := range overlaid {
		from := math.Mod(float64(24*yearDay+q*quarter), year)
		for i := range rows {
			r := &rows[i]
			at := math.Mod(float64(r.Submit)/float64(api.Hour)-from+2*year, year)
			if at >= hours || r.Run <= 0 {
				continue
			}
			each := float64(max(r.Each.CPU, 1)) / 1000 * float64(max(r.Count, 1))
			n := math.Ceil(each / mostCores)
			run := min(float64(r.Run)/float64(api.Hour), 7*24)
			d.jobs = append(d.jobs, shift.Job{Submit: at, Hours: run, Weight: each})
			d.pieces = append(d.pieces, hall.Job{Cores: each / n, Pieces: int(n)})
			used += run * each
		}
	}
	times := max(math.Round(cores*hours/max(used, 1e-9)), 1)
	for i := range d.jobs {
		d.jobs[i].Weight *= times
		d.pieces[i].Pieces *= int(times)
	}
}

// at are the jobs with their starts.
func (d *caseDemand) at(starts []float64) []hall.Job {
	out := make([]hall.Job, len(d.jobs))
	for i, j := range d.jobs {
		out[i] = d.pieces[i]
		out[i].Start, out[i].Hours = starts[i], j.Hours
	}
	return inOrder(out)
}

// baselines are everything spread over servers that are always on, and everything
// packed by what it asks for onto as few as it takes, servers asleep after ten minutes.
func (p *DatacentrePlan) baselines(d *caseDemand, servers []hall.Kind, services []hall.Service) error {
	c := hall.Case{Servers: servers, Services: services, Jobs: d.at(shift.AtOnce(d.jobs)), Hours: 24 * p.Days, Sleep: caseSleep, Wake: caseWake}
	for _, of := range []struct {
		rule hall.Rule
		to   *[]float64
	}{{hall.Spread, &d.spread}, {hall.BestFit, &d.best}} {
		c.Rule = of.rule
		out, err := hall.Run(c)
		if err != nil {
			return err
		}
		for h, cores := range d.use {
			out.KW[h] += cores * out.PerCore
		}
		*of.to = out.KW
		d.mix.AwakeBestFit = out.Awake
	}
	return nil
}
