// Package consolidate moves virtual machines between hosts so that fewer hosts
// are on, and simulates what that does to energy and to service.
//
// The setup and the measures are those of Beloglazov and Buyya, 2012, "Optimal
// online deterministic algorithms and adaptive heuristics for energy and
// performance efficient dynamic consolidation of virtual machines in Cloud data
// centers", as their simulator CloudSim 3.0.3 carries them out, so that results
// can be laid beside published ones. docs/energy.md lists the rules.
//
// CPU is in MIPS, memory in MB, power in W, time in seconds.
package consolidate

import (
	"fmt"
	"math"
)

// HostKind is a model of host.
type HostKind struct {
	Name  string
	Cores int
	MIPS  float64     // of one core
	Watts [11]float64 // at 0, 10, … 100 % of CPU, linear between; off draws nothing
}

// Total is the CPU of all cores.
func (k *HostKind) Total() float64 { return float64(k.Cores) * k.MIPS }

// Power is what it draws at a use from 0 to 1.
func (k *HostKind) Power(use float64) float64 {
	x := min(max(use, 0), 1) * 10
	i := min(int(x), 9)
	return k.Watts[i] + (x-float64(i))*(k.Watts[i+1]-k.Watts[i])
}

// VMKind is a size of virtual machine, of one core.
type VMKind struct {
	MIPS, Memory float64
}

// Setup is a data centre and how it is simulated.
type Setup struct {
	Hosts     int
	HostKinds []HostKind // in turn
	VMKinds   []VMKind   // in turn
	Memory    float64    // of a host
	Interval  float64    // between decisions, and between samples of use
	Bandwidth float64    // MB/s for one migration
	AtFirst   int        // VMs that a host gets at the most when all begins; 0 is 10
}

// Published is the setup of the paper: 800 hosts, half HP ProLiant ML110 G4 and
// half G5 with the power that SPECpower_ssj2008 measured, and VMs like four
// instance types of Amazon EC2.
func Published() Setup {
	return Setup{
		Hosts: 800,
		HostKinds: []HostKind{
			{"HP ProLiant ML110 G4", 2, 1860, [11]float64{86, 89.4, 92.6, 96, 99.5, 102, 106, 108, 112, 114, 117}},
			{"HP ProLiant ML110 G5", 2, 2660, [11]float64{93.7, 97, 101, 105, 110, 116, 121, 125, 129, 133, 135}},
		},
		VMKinds: []VMKind{{2500, 870}, {2000, 1740}, {1000, 1740}, {500, 613}},
		Memory:  4096, Interval: 300,
		Bandwidth: 62.5, // half of 1 Gbit/s; the other half is the VMs' own
	}
}

const (
	maxHosts   = 100_000
	maxVMs     = 100_000
	maxSamples = 100_000
)

// check says what is wrong with a setup or with what the VMs use.
func (s *Setup) check(use [][]float64) error {
	switch {
	case s.Hosts < 1 || s.Hosts > maxHosts || len(s.HostKinds) == 0 || len(s.VMKinds) == 0:
		return fmt.Errorf("%d hosts of %d kinds for VMs of %d kinds: there must be 1 to %d hosts, and kinds", s.Hosts, len(s.HostKinds), len(s.VMKinds), maxHosts)
	case s.AtFirst < 0 || !(s.Interval > 0 && s.Bandwidth > 0 && s.Memory > 0):
		return fmt.Errorf("an interval of %g s, %g MB/s and %g MB, and at first %d VMs a host: each must be over 0", s.Interval, s.Bandwidth, s.Memory, s.AtFirst)
	case len(use) == 0 || len(use) > maxVMs:
		return fmt.Errorf("there must be 1 to %d VMs, not %d", maxVMs, len(use))
	}
	for _, k := range s.HostKinds {
		if !(k.Cores > 0 && k.MIPS > 0) {
			return fmt.Errorf("host %s has %d cores of %g MIPS", k.Name, k.Cores, k.MIPS)
		}
	}
	for _, k := range s.VMKinds {
		if !(k.MIPS > 0 && k.Memory > 0 && k.Memory/s.Bandwidth < s.Interval) {
			return fmt.Errorf("a VM of %g MIPS and %g MB cannot migrate within %g s", k.MIPS, k.Memory, s.Interval)
		}
	}
	for i, u := range use {
		if len(u) < 2 || len(u) > maxSamples || len(u) != len(use[0]) {
			return fmt.Errorf("VM %d has %d samples and VM 0 has %d: there must be 2 to %d, of all VMs alike", i, len(u), len(use[0]), maxSamples)
		}
		for k, v := range u {
			if !(v >= 0 && v <= 1) || math.IsNaN(v) {
				return fmt.Errorf("sample %d of VM %d is %g: it must be 0 to 1", k, i, v)
			}
		}
	}
	return nil
}
