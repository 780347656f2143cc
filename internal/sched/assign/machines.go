package assign

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Machines is a set of jobs to be run in sequence on unrelated machines: how
// long a job takes depends on the machine. All are present at time 0 and a
// started job is not interrupted.
type Machines struct {
	Machines, Jobs int
	Time           []int64 // [machine*Jobs+job], ≥ 0
	Weight         []int64 // [job], ≥ 0; nil means all 1
}

// Schedule is the best order found and the best bound proven.
type Schedule struct {
	Order      [][]int // jobs of each machine, first to last; nil when none was found in time
	Objective  int64   // Σ C_j or Σ w_j C_j of Order
	LowerBound int64   // no schedule has less
	Optimal    bool    // proven: LowerBound = Objective
}

// Validate returns why the jobs cannot be scheduled, or nil.
func (p *Machines) Validate() error {
	if p.Machines < 1 || p.Jobs < 0 || p.Jobs > MaxCells/p.Machines {
		return fmt.Errorf("%d machines × %d jobs: at least one machine, at most %d pairs", p.Machines, p.Jobs, MaxCells)
	}
	if len(p.Time) != p.Machines*p.Jobs || p.Weight != nil && len(p.Weight) != p.Jobs {
		return fmt.Errorf("%d times and %d weights for %d machines and %d jobs", len(p.Time), len(p.Weight), p.Machines, p.Jobs)
	}
	weights, times := int64(0), int64(0)
	for j := range p.Jobs {
		if w := p.weight(j); w < 0 || w > MaxTotal {
			return fmt.Errorf("weight %d of job %d is outside 0 to %d", w, j, int64(MaxTotal))
		}
		longest := int64(0)
		for i := range p.Machines {
			t := p.Time[i*p.Jobs+j]
			if t < 0 || t > MaxTotal {
				return fmt.Errorf("time %d of job %d on machine %d is outside 0 to %d", t, j, i, int64(MaxTotal))
			}
			longest = max(longest, t)
		}
		weights, times = weights+p.weight(j), times+longest
		if times > 0 && (times > MaxTotal || max(weights, int64(p.Jobs)) > MaxTotal/times) {
			return fmt.Errorf("the sum of times times the sum of weights up to job %d exceeds %d: use a coarser unit", j, int64(MaxTotal))
		}
	}
	return nil
}

func (p *Machines) weight(j int) int64 {
	if p.Weight == nil {
		return 1
	}
	return p.Weight[j]
}

// Check returns the weighted sum of completion times of an order, or why it is
// none.
func (p *Machines) Check(order [][]int) (int64, error) {
	if len(order) != p.Machines {
		return 0, fmt.Errorf("%d sequences for %d machines", len(order), p.Machines)
	}
	seen, total, count := make([]bool, p.Jobs), int64(0), 0
	for i, seq := range order {
		at := int64(0)
		for _, j := range seq {
			if j < 0 || j >= p.Jobs || seen[j] {
				return 0, fmt.Errorf("job %d on machine %d is unknown or runs twice", j, i)
			}
			seen[j] = true
			count++
			at += p.Time[i*p.Jobs+j]
			total += p.weight(j) * at
		}
	}
	if count < p.Jobs {
		return 0, fmt.Errorf("job %d is on no machine", slices.Index(seen, false))
	}
	return total, nil
}

// unweighted is the same with all weights 1.
func (p *Machines) unweighted() *Machines {
	return &Machines{Machines: p.Machines, Jobs: p.Jobs, Time: p.Time}
}

// ReadMachines reads jobs on machines: a line "m,n", a line with the two
// numbers, a line "w" with the weight of each job, and for each machine a line
// "p" with the time of each job; integers between commas. Errors of the text are
// *SyntaxError.
func ReadMachines(r io.Reader) (*Machines, error) {
	f := &table{scan: bufio.NewScanner(r)}
	f.scan.Buffer(nil, 1<<26)
	if head := f.row(); f.err == nil && !slices.Equal(head, []string{"m", "n"}) {
		f.fail("want m,n")
	}
	size := f.numbers("", 2)
	if f.err != nil {
		return nil, f.err
	}
	p := &Machines{Machines: int(size[0]), Jobs: int(size[1])}
	if p.Machines < 1 || p.Jobs > MaxCells/p.Machines {
		f.fail("%d machines × %d jobs: at least one machine, at most %d pairs", p.Machines, p.Jobs, MaxCells)
	}
	p.Weight = f.numbers("w", p.Jobs)
	for i := 0; i < p.Machines && f.err == nil; i++ {
		p.Time = append(p.Time, f.numbers("p", p.Jobs)...)
	}
	if rest := f.row(); f.err == nil && rest != nil {
		f.fail("a line after those of the %d machines", p.Machines)
	} else if f.err == errEnded {
		f.err = nil
	}
	if f.err == nil {
		f.err = p.Validate()
	}
	if f.err != nil {
		return nil, f.err
	}
	return p, nil
}

// table reads lines of values between commas and remembers the first error.
type table struct {
	scan *bufio.Scanner
	line int
	err  error
}

var errEnded = &SyntaxError{Msg: "the file ends early"}

func (f *table) fail(format string, args ...any) {
	if f.err == nil {
		f.err = &SyntaxError{Line: f.line, Msg: fmt.Sprintf(format, args...)}
	}
}

// row returns the values of the next line that is not blank.
func (f *table) row() []string {
	for f.err == nil && f.scan.Scan() {
		f.line++
		if text := strings.TrimSpace(f.scan.Text()); text != "" {
			cells := strings.Split(text, ",")
			for k := range cells {
				cells[k] = strings.TrimSpace(cells[k])
			}
			return cells
		}
	}
	if f.err == nil {
		f.err = errEnded
		if err := f.scan.Err(); err != nil {
			f.line++
			f.err = &SyntaxError{Line: f.line, Msg: err.Error()}
		}
	}
	return nil
}

// numbers reads a line of n numbers, after its tag if there is one.
func (f *table) numbers(tag string, n int) []int64 {
	cells := f.row()
	if f.err == errEnded {
		f.err = &SyntaxError{Line: f.line + 1, Msg: fmt.Sprintf("the file ends before a line %q of %d numbers", tag, n)}
	}
	if f.err != nil {
		return nil
	}
	if tag != "" {
		if cells[0] != tag {
			f.fail("begins with %q: want %q", cells[0], tag)
			return nil
		}
		cells = cells[1:]
	}
	if len(cells) != n {
		f.fail("%d numbers: want %d", len(cells), n)
		return nil
	}
	list := make([]int64, n)
	for k, c := range cells {
		v, err := strconv.ParseInt(c, 10, 64)
		if err != nil || v < 0 || v > MaxTotal {
			f.fail("value %d is %q: want an integer from 0 to %d", k+1, c, int64(MaxTotal))
			return nil
		}
		list[k] = v
	}
	return list
}
