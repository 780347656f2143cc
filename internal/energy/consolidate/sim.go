package consolidate

import (
	"cmp"
	"fmt"
	"slices"
)

// start is when VMs begin to work; CloudSim's messages take so long.
const start = 0.1

// bandwidthOf is how many VMs' own bandwidth a host has: 1 Gbit/s of 100 Mbit/s.
const bandwidthOf = 10

// move is a VM's migration.
type move struct{ vm, to int }

// planner decides.
type planner interface {
	// first finds the host of a new VM; -1 is none.
	first(s *sim, v int) int
	// moves are the migrations to begin now. It leaves hosts and VMs as they were.
	moves(s *sim) []move
}

// sim is a data centre in virtual time.
type sim struct {
	setup     Setup
	vms       []vm
	hosts     []host
	memory    []float64 // MB taken of each host, which binds at the start only
	now       float64
	processed float64
	sampling  bool // now is a moment at which use is measured
	alwaysOn  bool // hosts draw their full power whatever they do
	books     books
}

// Run simulates a day: use is, for each VM, the share of its CPU that it asks for, a
// sample each interval. Stop, which may be nil, ends it early with an error.
//
// Like CloudSim, it holds memory to bind only when VMs are first placed, and takes
// a VM away for good that asks for nothing.
func Run(setup Setup, use [][]float64, p Policy, stop func() bool) (Result, error) {
	if err := setup.check(use); err != nil {
		return Result{}, err
	}
	plan, err := p.planner()
	if err != nil {
		return Result{}, err
	}
	s := &sim{setup: setup, alwaysOn: p.Detect == NPA, memory: make([]float64, setup.Hosts)}
	s.hosts = make([]host, setup.Hosts)
	for i := range s.hosts {
		k := &setup.HostKinds[i%len(setup.HostKinds)]
		s.hosts[i] = host{kind: k, free: k.Total(), scale: 1}
	}
	for i, u := range use {
		s.vms = append(s.vms, vm{kind: &setup.VMKinds[i%len(setup.VMKinds)], use: u, host: -1})
	}
	for i := range s.vms {
		if !s.begin(i, plan) {
			return Result{}, fmt.Errorf("VM %d finds no host among %d: there is too little room", i, setup.Hosts)
		}
	}
	end := float64(len(use[0])) * setup.Interval
	for at := start + setup.Interval; at < end; at += setup.Interval {
		if stop != nil && stop() {
			return Result{}, fmt.Errorf("the simulation was stopped at %.0f s of %.0f", at, end)
		}
		s.now, s.sampling = at, true
		s.tick()
		s.sampling = false
		s.carryOut(plan.moves(s))
	}
	return s.result(), nil
}

// begin places a VM when all begins. It asks for all of its CPU then.
func (s *sim) begin(i int, plan planner) bool {
	v := &s.vms[i]
	v.asks = v.kind.MIPS
	to := plan.first(s, i)
	if to < 0 {
		return false
	}
	h := &s.hosts[to]
	h.vms = append(h.vms, i)
	h.free -= v.asks
	h.load += v.asks
	s.memory[to] += v.kind.Memory
	v.host, v.asks = to, 0
	return true
}

// roomAtFirst says whether a VM that begins fits a host.
func (s *sim) roomAtFirst(i, v int) bool {
	h, m := &s.hosts[i], &s.vms[v]
	return h.kind.MIPS >= m.asks && h.free >= m.asks && s.memory[i]+m.kind.Memory <= s.setup.Memory && len(h.vms) < cmp.Or(s.setup.AtFirst, bandwidthOf)
}

// tick brings everything to the present and books the energy since.
func (s *sim) tick() {
	seconds, before := s.now-s.processed, s.books.joules
	for i := range s.hosts {
		h := &s.hosts[i]
		if h.idle() && h.last.some {
			continue
		}
		s.update(h)
		if from := share(h.before, h.kind); from != 0 && !s.alwaysOn {
			a, b := h.kind.Power(from), h.power()
			s.books.joules += (a + (b-a)/2) * seconds
		}
	}
	if s.alwaysOn {
		for i := range s.hosts {
			s.books.joules += s.hosts[i].kind.Watts[10] * seconds
		}
	}
	s.books.during(int(s.processed/s.setup.Interval), s.books.joules-before)
	s.processed = s.now
	s.leave()
}

// leave takes VMs away that ask for nothing.
func (s *sim) leave() {
	for i := range s.hosts {
		h := &s.hosts[i]
		n := len(h.vms)
		h.vms = slices.DeleteFunc(h.vms, func(v int) bool {
			m := &s.vms[v]
			if m.moving || m.asks != 0 {
				return false
			}
			m.host = -1
			return true
		})
		if len(h.vms) < n {
			s.divide(h)
		}
	}
}

// carryOut begins migrations and lives through them until all are done.
func (s *sim) carryOut(moves []move) {
	for _, m := range moves {
		v, to := &s.vms[m.vm], &s.hosts[m.to]
		s.books.migrations++
		v.moving = true
		if slices.Contains(to.arriving, m.vm) {
			continue
		}
		to.arriving = append(to.arriving, m.vm)
		to.vms = append(to.vms, m.vm)
		s.update(to)
		s.update(&s.hosts[v.host])
	}
	begun := s.now
	slices.SortStableFunc(moves, func(a, b move) int {
		return int(s.vms[a.vm].kind.Memory) - int(s.vms[b.vm].kind.Memory)
	})
	for i, m := range moves {
		s.now = begun + s.vms[m.vm].kind.Memory/s.setup.Bandwidth
		if s.now > s.processed {
			s.tick()
		}
		s.arrive(m)
		if i+1 == len(moves) || s.vms[moves[i+1].vm].kind.Memory > s.vms[m.vm].kind.Memory {
			s.tick()
		}
	}
}

func (s *sim) arrive(m move) {
	v, to := &s.vms[m.vm], &s.hosts[m.to]
	if v.host >= 0 {
		from := &s.hosts[v.host]
		from.drop(m.vm)
		s.divide(from)
	}
	to.drop(m.vm)
	if i := slices.Index(to.arriving, m.vm); i >= 0 {
		to.arriving = slices.Delete(to.arriving, i, i+1)
	}
	to.vms = append(to.vms, m.vm)
	v.host, v.moving = m.to, false
	s.divide(to)
}
