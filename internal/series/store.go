package series

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"drover.dev/api"
)

// Store keeps series in a folder that it owns alone. Its methods are safe for
// concurrent use.
type Store struct {
	opt Options

	mu      sync.Mutex
	tiers   []*tier // the finest first
	names   map[string]*entry
	shares  map[string]int      // names by their first part, and by their first two
	full    map[string]api.Time // until when there is no place in a share
	refused uint64
	closed  bool
}

// entry is a series that is known.
type entry struct {
	name string
	kind Kind
	last api.Time // when a value came
}

// Open reads what a folder holds and goes on from there; it is made if it is missing.
func Open(dir string, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{opt: o, names: map[string]*entry{}, shares: map[string]int{}, full: map[string]api.Time{}}
	for _, t := range o.Tiers {
		one, err := openTier(filepath.Join(dir, t.Step.String()), t, o.MaxBytes/int64(len(o.Tiers)))
		if err != nil {
			return nil, err
		}
		s.tiers = append(s.tiers, one)
	}
	return s, s.recover()
}

// recover finds out which series there are, and what the open buckets of the coarser
// tiers held: it is in the closed ones of the finer. The coarsest comes first, so that
// buckets reach it in the order of time.
func (s *Store) recover() error {
	for _, t := range s.tiers {
		err := t.scan(func(at int64, rows []row) {
			for i := range rows {
				if e := s.entry(rows[i].name, rows[i].kind, api.Time(at*int64(t.Step))); e != nil {
					e.last = max(e.last, api.Time(at*int64(t.Step)))
				}
			}
		})
		if err != nil {
			return err
		}
	}
	for i := len(s.tiers) - 1; i > 0; i-- {
		if err := s.refold(i); err != nil {
			return err
		}
	}
	return nil
}

// refold folds into tier i what the finer one has closed since.
func (s *Store) refold(i int) error {
	fine, coarse := s.tiers[i-1], s.tiers[i]
	ratio := int64(coarse.Step / fine.Step)
	from := int64(0)
	if at := coarse.newest(); at > 0 {
		from = (at + 1) * ratio
	}
	var errs []error
	for _, g := range slices.Clone(fine.list) {
		if g.last < from || g.first == 0 {
			continue
		}
		_, err := readSegment(g.path, g.size, int64(fine.Step), picking{from: from}, func(at int64, rows []row) {
			acc := make(map[*entry]Point, len(rows))
			for i := range rows {
				if e := s.names[rows[i].name]; e != nil {
					acc[e] = acc[e].with(rows[i].Point)
				}
			}
			errs = append(errs, s.fold(i, at*int64(fine.Step), acc))
		})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Add puts a value into the bucket of a time. Times that go back by less than an hour
// count as those of the open bucket. A name that is new takes a place in its share;
// when that is full the place of the series that rested longest, for an hour at least.
func (s *Store) Add(name string, k Kind, at api.Time, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("add to series %q: %w", name, ErrValue)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	e := s.names[name]
	if e == nil {
		if !ValidName(name) {
			return fmt.Errorf("add to series %q: %w", name, ErrName)
		}
		if e = s.entry(name, k, at); e == nil {
			s.refused++
			return fmt.Errorf("add to series %q: %w", name, ErrFull)
		}
	}
	err := s.tick(at)
	t := s.tiers[0]
	e.last = max(e.last, api.Time(t.open*int64(t.Step)))
	p := Point{N: 1, Sum: v, Min: v, Max: v}
	if old, ok := t.acc[e]; ok {
		p = old.with(p)
	}
	t.acc[e] = p
	return err
}

// Refused is how many values had no place.
func (s *Store) Refused() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// entry finds or admits a series; nil when there is no place.
func (s *Store) entry(name string, k Kind, now api.Time) *entry {
	if e := s.names[name]; e != nil {
		return e
	}
	for _, b := range s.bounds(name) {
		if s.shares[b.prefix] >= b.most && !s.evict(b.prefix, now) {
			return nil
		}
	}
	e := &entry{name: name, kind: k, last: now}
	s.names[name] = e
	for _, b := range s.bounds(name) {
		s.shares[b.prefix]++
	}
	return e
}

type bound struct {
	prefix string // "" is all names
	most   int
}

func (s *Store) bounds(name string) []bound {
	first, rest, deep := strings.Cut(name, "/")
	out := []bound{{"", s.opt.MaxNames}, {first + "/", max(s.opt.MaxNames/2, 1)}}
	if second, _, more := strings.Cut(rest, "/"); deep && more {
		out = append(out, bound{first + "/" + second + "/", max(s.opt.MaxNames/16, 1)})
	}
	return out
}

// evict forgets the series of a prefix that rested longest. What is on disk of it
// ages out.
func (s *Store) evict(prefix string, now api.Time) bool {
	if now < s.full[prefix] {
		return false
	}
	var oldest *entry
	for name, e := range s.names { // order-free: the least of all, by time and name
		if strings.HasPrefix(name, prefix) && (oldest == nil || e.last < oldest.last || e.last == oldest.last && name < oldest.name) {
			oldest = e
		}
	}
	if oldest == nil {
		return false
	}
	if s.full[prefix] = oldest.last.Add(api.Duration(restAfter)); s.full[prefix] > now {
		return false
	}
	delete(s.full, prefix)
	for _, t := range s.tiers {
		if _, open := t.acc[oldest]; open && t.Step <= restAfter {
			delete(t.acc, oldest)
		}
		delete(t.ids, oldest)
	}
	delete(s.names, oldest.name)
	for _, b := range s.bounds(oldest.name) {
		s.shares[b.prefix]--
	}
	return true
}

// Tick closes the buckets that end at or before now; call it every few seconds. The
// error says what could not be written; it is lost, and the store goes on.
func (s *Store) Tick(now api.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return s.tick(now)
}

// turnBack is how far the clock must go back for the store to follow it.
const turnBack = time.Hour

func (s *Store) tick(now api.Time) error {
	t := s.tiers[0]
	at := int64(now) / int64(t.Step)
	if at <= t.open && at > t.open-int64(turnBack/t.Step) {
		return nil
	}
	var err error
	if t.open > 0 {
		err = s.close(0)
	}
	t.open = max(at, 1)
	return err
}

// close writes the open bucket of a tier and folds it into the next one.
func (s *Store) close(i int) error {
	t := s.tiers[i]
	err := t.write()
	if i > 0 {
		err = errors.Join(err, t.sync(), s.tiers[i-1].sync())
	}
	acc, at := t.acc, t.open*int64(t.Step)
	t.acc, t.open = make(map[*entry]Point, len(acc)), 0
	if i+1 < len(s.tiers) {
		err = errors.Join(err, s.fold(i+1, at, acc))
	}
	return err
}

// fold adds a bucket of the finer tier, which begins at a time in nanoseconds.
func (s *Store) fold(i int, at int64, acc map[*entry]Point) (err error) {
	t := s.tiers[i]
	bucket := at / int64(t.Step)
	if t.open > 0 && t.open != bucket {
		err = s.close(i)
	}
	t.open = bucket
	for e, p := range acc { // order-free: each for itself
		t.acc[e] = t.acc[e].with(p)
	}
	return err
}

// List gives the series that are known, by name.
func (s *Store) List() []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Info, 0, len(s.names))
	for _, e := range s.names {
		out = append(out, Info{e.name, e.kind, e.last})
	}
	slices.SortFunc(out, func(a, b Info) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Bytes is what the store takes on disk.
func (s *Store) Bytes() (sum int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tiers {
		for _, g := range t.list {
			sum += g.size
		}
	}
	return sum
}

// Close writes what the finest bucket holds. Further calls do nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	if s.tiers[0].open > 0 {
		errs = append(errs, s.close(0))
	}
	for _, t := range s.tiers {
		errs = append(errs, t.seal())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the series store: %w", err)
	}
	return nil
}
