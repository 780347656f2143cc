package rehearse

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/internal/energy"
	"drover.dev/internal/trace"
	"drover.dev/internal/twin"
)

// runCells shares nodes and jobs out among cells, each with an engine of its own, and
// runs them beside each other. Nodes go to cells in blocks, jobs in turn.
func runCells(ctx context.Context, p Plan) (*Report, error) {
	if p.Cells > len(p.Fleet.Nodes) {
		return nil, &WorldError{fmt.Errorf("%d cells are more than %d nodes", p.Cells, len(p.Fleet.Nodes))}
	}
	if p.Options.Skip {
		return nil, &WorldError{errors.New("several cells take a trace without bad rows")}
	}
	if slices.ContainsFunc(p.Fleet.Sites, func(s api.Site) bool { return s.Battery != nil }) {
		return nil, &WorldError{errors.New("a site's battery cannot be shared out among several cells")}
	}
	rows, err := ReadRows(p.Trace, p.Options)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	results, faults := make([]twin.Tally, p.Cells), make([]error, p.Cells)
	next := make(chan int)
	over := p.cellsOver(len(rows))
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				results[i], faults[i] = p.cell(ctx, i, rows)
				over(i)
			}
		})
	}
	for i := range p.Cells {
		next <- i
	}
	close(next)
	wg.Wait()
	for i, err := range faults {
		if err != nil {
			return nil, fmt.Errorf("run the twin: cell %d: %w", i, err)
		}
	}
	all := twin.Merge(results)
	return p.report(&all, time.Since(began)), ctx.Err()
}

// cellsOver tells Progress of the jobs of a cell that has run; cells run beside each
// other, and it tells of all that have.
func (p *Plan) cellsOver(jobs int) func(cell int) {
	var mu sync.Mutex
	came := int64(0)
	return func(cell int) {
		if p.Progress == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		came += int64((jobs - cell + p.Cells - 1) / p.Cells)
		p.Progress(came)
	}
}

// cell runs the i-th cell.
func (p Plan) cell(ctx context.Context, i int, rows []trace.Row) (twin.Tally, error) {
	nodes := p.Fleet.Nodes
	p.Generation = p.sharedOut(nodes[i*len(nodes)/p.Cells : (i+1)*len(nodes)/p.Cells])
	p.Fleet.Nodes = nodes[i*len(nodes)/p.Cells : (i+1)*len(nodes)/p.Cells]
	p.Seed = rand.New(rand.NewPCG(p.Seed, uint64(i))).Uint64()
	w, err := p.world()
	if err != nil {
		return twin.Tally{}, err
	}
	n := i - p.Cells
	demand := func() (twin.Arrival, bool) {
		if n += p.Cells; n >= len(rows) {
			return twin.Arrival{}, false
		}
		a := Arrival(&rows[n], n+1)
		a.Workload.Strategy = p.Strategy
		a.At = p.Start.Add(max(rows[n].Submit, api.Duration(0)))
		return a, true
	}
	got, err := w.Run(p.told(demand), func() bool { return ctx.Err() != nil })
	return w.Tally(got), err
}

// sharedOut is what the sites generate for some of the nodes: of each site the part that these
// draw at full load of what all of its nodes do. What one cell does not use another cannot.
func (p *Plan) sharedOut(nodes []api.Node) map[string]*twin.Signal {
	if len(p.Generation) == 0 {
		return nil
	}
	all, own := fullDraw(p.Fleet.Nodes), fullDraw(nodes)
	out := map[string]*twin.Signal{}
	for _, site := range sortedNames(own) {
		of := api.Site{Name: site}
		if at := slices.IndexFunc(p.Fleet.Sites, func(s api.Site) bool { return s.Name == site }); at >= 0 {
			of = p.Fleet.Sites[at]
		}
		if made := pick(p.Generation, &of, of.Zone); made != nil && all[site] > 0 {
			out[site] = made.Times(own[site] / all[site])
		}
	}
	return out
}

// fullDraw is what nodes with their accelerators draw at full load, in W, by site.
func fullDraw(nodes []api.Node) map[string]float64 {
	out := map[string]float64{}
	for i := range nodes {
		_, cpu, _ := energy.Machine(&nodes[i])
		_, devices := energy.Devices(&nodes[i])
		out[nodes[i].Site] += float64(cpu+devices) / 1000
	}
	return out
}
