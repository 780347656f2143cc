package series

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"drover.dev/api"
)

// Range is which part of series is read: the buckets that begin in [From, To), of
// Step each. To 0 is the end; Step 0 is the finest of which From is still kept.
type Range struct {
	From, To api.Time
	Step     time.Duration
}

// Read gives a part of one series. The step of the answer is that of the resolution
// in which From is still kept, if it is larger than the one asked for.
func (s *Store) Read(name string, r Range) (Series, error) {
	list, err := s.ReadAll(func(n string) bool { return n == name }, r)
	if err == nil && len(list) == 0 {
		err = ErrUnknown
	}
	if err != nil {
		return Series{}, fmt.Errorf("read series %q: %w", name, err)
	}
	return list[0], nil
}

// ReadAll gives a part of every series that want picks, by name. It reads each file
// once, however many are wanted.
func (s *Store) ReadAll(want func(name string) bool, r Range) ([]Series, error) {
	v, err := s.view(want, r)
	if err != nil {
		return nil, err
	}
	c := collector{want: want, r: v.r, all: map[string]*Series{}, known: map[string]bool{}}
	pick := picking{from: (int64(v.r.From) + int64(v.step) - 1) / int64(v.step), want: want}
	for _, g := range v.files {
		_, err := readSegment(g.path, g.size, int64(v.step), pick, func(at int64, rows []row) { c.take(at*int64(v.step), rows) })
		if err != nil && !errors.Is(err, os.ErrNotExist) { // it may have become too old meanwhile
			return nil, fmt.Errorf("read a segment of a series store: %w", err)
		}
	}
	for _, o := range v.open {
		c.take(o.at, o.rows)
	}
	for _, i := range v.known { // if without a value there
		if c.all[i.Name] == nil {
			c.all[i.Name] = &Series{Info: i}
		}
	}
	return c.done()
}

// view is what a reader needs of the store, so that it can read without its lock.
type view struct {
	r     Range
	step  time.Duration // of the tier
	files []segment
	open  []openBucket // of this tier and the finer ones
	known []Info       // that are wanted
}

type openBucket struct {
	at   int64
	rows []row
}

func (s *Store) view(want func(string) bool, r Range) (view, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return view{}, ErrClosed
	}
	i := s.tierOf(r)
	t := s.tiers[i]
	if r.Step <= t.Step {
		r.Step = t.Step
	}
	r.Step -= r.Step % t.Step
	if r.To == 0 {
		r.To = api.Time(1<<63 - 1)
	}
	if r.From < 0 || r.To <= r.From {
		return view{}, ErrRange
	}
	v := view{r: r, step: t.Step}
	for _, g := range t.list {
		if g.first > 0 && (g.last+1)*int64(t.Step) > int64(r.From) && g.first*int64(t.Step) < int64(r.To) {
			v.files = append(v.files, *g)
		}
	}
	for _, t := range s.tiers[:i+1] {
		if t.open > 0 {
			o := openBucket{at: t.open * int64(t.Step)}
			for e, p := range t.acc { // order-free: they are merged by series
				if want(e.name) {
					o.rows = append(o.rows, row{e.name, e.kind, p})
				}
			}
			v.open = append(v.open, o)
		}
	}
	for _, e := range s.names { // order-free: they are looked up by name
		if want(e.name) {
			v.known = append(v.known, Info{e.name, e.kind, e.last})
		}
	}
	return v, nil
}

// tierOf is the finest tier that has what was at From, or reaches as far back as the
// coarser ones; of those that are as good the coarsest of at most the step asked for.
func (s *Store) tierOf(r Range) int {
	i := 0
	for i < len(s.tiers)-1 && !s.reaches(i, r.From) {
		i++
	}
	from := max(int64(r.From), s.begin(i))
	for i+1 < len(s.tiers) && s.tiers[i+1].Step <= r.Step && s.begin(i+1) > 0 && s.begin(i+1) <= from {
		i++
	}
	return i
}

// reaches reports whether no coarser tier has more of what was from a time on. Its
// buckets begin earlier only because they are larger.
func (s *Store) reaches(i int, from api.Time) bool {
	begin := s.begin(i)
	if begin == 0 || begin <= int64(from) {
		return begin > 0
	}
	for j, t := range s.tiers[i+1:] {
		if at := s.begin(i + 1 + j); at > 0 && at+int64(t.Step) <= begin {
			return false
		}
	}
	return true
}

// begin is when a tier's oldest bucket begins; 0 when it has none.
func (s *Store) begin(i int) int64 { return s.tiers[i].oldest() * int64(s.tiers[i].Step) }

// collector puts the buckets of files together by series.
type collector struct {
	want  func(string) bool
	known map[string]bool // what want said
	r     Range
	all   map[string]*Series
	seen  []api.Time
}

func (c *collector) take(at int64, rows []row) {
	if at < int64(c.r.From) || at >= int64(c.r.To) {
		return
	}
	begin := api.Time(at - at%int64(c.r.Step))
	if n := len(c.seen); n == 0 || c.seen[n-1] != begin {
		c.seen = append(c.seen, begin)
	}
	for i := range rows {
		name := rows[i].name
		wanted, asked := c.known[name]
		if !asked {
			wanted = c.want(name)
			c.known[name] = wanted
		}
		if wanted {
			c.add(&rows[i], begin)
		}
	}
}

func (c *collector) add(r *row, begin api.Time) {
	s := c.all[r.name]
	if s == nil {
		s = &Series{Info: Info{Name: r.name, Kind: r.kind}}
		c.all[r.name] = s
	}
	p := r.Point
	p.At = begin
	if n := len(s.Points); n > 0 && s.Points[n-1].At == begin {
		s.Points[n-1] = s.Points[n-1].with(p)
		return
	}
	s.Points = append(s.Points, p)
}

func (c *collector) done() ([]Series, error) {
	slices.Sort(c.seen)
	c.seen = slices.Compact(c.seen)
	out := make([]Series, 0, len(c.all))
	for _, s := range c.all {
		if len(s.Points) > MaxPoints {
			return nil, ErrRange
		}
		s.Step, s.seen = c.r.Step, c.seen
		s.Points = merged(s.Points)
		if n := len(s.Points); n > 0 {
			s.Last = s.Points[n-1].At
		}
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Series) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// merged sorts points by time and joins those of one bucket: a restart, or a clock
// that went back, writes one in pieces.
func merged(list []Point) []Point {
	slices.SortStableFunc(list, func(a, b Point) int { return cmp.Compare(a.At, b.At) })
	out := list[:0]
	for _, p := range list {
		if n := len(out); n > 0 && out[n-1].At == p.At {
			out[n-1] = out[n-1].with(p)
			continue
		}
		out = append(out, p)
	}
	return out
}
